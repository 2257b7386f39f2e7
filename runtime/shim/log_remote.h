/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages on their way to a log server (syslog, the journal) over a socket that never blocks. What
 * the socket does not take waits in a queue, whole messages; a stream that broke is taken up again
 * at the beginning of the message that was on its way. While there is a connection a full queue
 * holds the container up (mode blocking) or loses the newest (non-blocking); while there is none
 * the newest are lost in either mode, and the connection is tried again with growing pauses.
 *
 * It registers nothing: its owner asks for descriptor, events and deadline, and calls back.
 *
 * Thread: the shim's. Yields: no. Owns: the socket; the queue, on the heap.
 */
#ifndef RUNTIME_SHIM_LOG_REMOTE_H
#define RUNTIME_SHIM_LOG_REMOTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "firmware/core/attr.h"

#define LOG_REMOTE_TARGETS 8
#define LOG_REMOTE_LIMIT (1 << 20)	/* bytes kept, unless told */
#define LOG_REMOTE_HARD_LIMIT (8 << 20) /* whatever the mode */
#define LOG_REMOTE_HIGH 262144		/* bytes at which the container is held up */

struct log_target {
	int type; /* SOCK_STREAM or SOCK_DGRAM */
	socklen_t len;
	struct sockaddr_storage addr;
};

struct log_remote {
	struct log_target targets[LOG_REMOTE_TARGETS];
	size_t n_targets, target;
	bool non_blocking, memfd; /* memfd: what is too long goes in a file (the journal) */
	size_t limit;
	/* Another way to get a connected socket that keeps messages apart; targets are then unused.
	 */
	int (*dial)(void *arg);
	void *arg;

	int fd;
	bool stream, connecting;
	uint32_t generation; /* of fd */
	char *queue;	     /* length in four bytes and message, again and again */
	size_t begin, end, cap;
	size_t sent; /* of the first message, on a stream */
	int64_t retry_at, pause_ms;
	uint64_t lost;
};

/* targets, dial, non_blocking, memfd and limit are set, all else is zero. Waits; 0 or -errno. */
int log_remote_open(struct log_remote *r, int64_t timeout_ms) WARN_UNUSED;
void log_remote_close(struct log_remote *r);
/* Room for a message of at most n bytes; NULL when this one is lost. */
char *log_remote_begin(struct log_remote *r, size_t n);
void log_remote_commit(struct log_remote *r, const char *end);
/* Send what can be sent. */
void log_remote_flush(struct log_remote *r);
/* epoll events that matter; 0 with no connection. */
uint32_t log_remote_events(const struct log_remote *r);
void log_remote_ready(struct log_remote *r, uint32_t events);
/* When log_remote_tick is due, monotonic. */
int64_t log_remote_deadline(const struct log_remote *r);
void log_remote_tick(struct log_remote *r, int64_t now);
/* Nothing more is to be read from the container for now. */
bool log_remote_full(const struct log_remote *r);
bool log_remote_idle(const struct log_remote *r);
/* Give memory back that is not in use. */
void log_remote_trim(struct log_remote *r);

#endif
