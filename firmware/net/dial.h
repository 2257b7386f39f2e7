/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Outgoing connections for jobs: resolve a name, connect, and move bytes over plain TCP or TLS.
 * Error texts use the words of Go's net package, which users and scripts search logs for.
 *
 * Thread: worker. Yields: no (blocks, and looks at the stop flag every 100 ms). Owns: the
 * descriptor and the TLS session. Limits: timeout_ms without progress, rate with,
 * and deadline.
 */
#ifndef FIRMWARE_NET_DIAL_H
#define FIRMWARE_NET_DIAL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "firmware/core/err.h"
#include "firmware/core/str.h"

struct tls;

struct dial_conn {
	int fd;
	struct tls *tls;	 /* NULL: plain */
	const atomic_bool *stop; /* may be NULL */
	int timeout_ms;
	int64_t deadline; /* of all that is done, monotonic; 0: none */
	/* Reading at less than rate bytes/s ends in ERR_TIMEOUT; measured over rate_ms of waiting.
	 */
	unsigned rate, rate_ms;
	/* private to dial.c: of the measure under way */
	bool answering;
	int64_t waited_ns;
	uint64_t came;
};

/* fd becomes -1; stop and timeout are the caller's to set. */
void dial_init(struct dial_conn *c);
/* Connect to a name or literal address. c->fd must be -1. */
int dial_tcp(struct dial_conn *c, const char *host, uint16_t port, struct err *e) WARN_UNUSED;
void dial_close(struct dial_conn *c);
/* Wait for poll events: 0, ERR_CANCELLED or ERR_TIMEOUT. deadline is monotonic. */
int dial_wait(const struct dial_conn *c, int fd, short events, int64_t deadline, struct err *e)
	WARN_UNUSED;
/* A question goes out: the wait for the first bytes of its answer is not measured. */
void dial_expect_answer(struct dial_conn *c);
/* Bytes, 0 at the end of the stream, negative. */
ssize_t dial_read(struct dial_conn *c, void *p, size_t n, struct err *e) WARN_UNUSED;
/* All or an error. */
int dial_write(struct dial_conn *c, const void *p, size_t n, struct err *e) WARN_UNUSED;
/* Fill e with "<what>: connection refused" and return -sys_errno. */
int dial_fail(struct err *e, int sys_errno, const char *what);

/* resolve.c: addresses of a name (or literal), in the order to try them. */
#define RESOLVE_MAX 8
struct resolve_address {
	struct sockaddr_storage addr;
	socklen_t n;
};
int resolve_host(const struct dial_conn *c, const char *host, uint16_t port,
		 struct resolve_address ret[RESOLVE_MAX], size_t *ret_n, struct err *e) WARN_UNUSED;
/* resolve_dns.c: of a name alone. */
int resolve_dns(const struct dial_conn *c, const char *host, uint16_t port,
		struct resolve_address ret[RESOLVE_MAX], size_t *ret_n, struct err *e) WARN_UNUSED;

#endif
