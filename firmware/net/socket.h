/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listening sockets: Unix (mode, owner, group; a stale socket file is replaced, a live one is not),
 * AF_VSOCK (port, allowed peer CIDs), and those a service manager hands over (fd://).
 *
 * Thread: loop. Yields: no. Owns: struct listener holds the descriptor and, for Unix sockets it
 * made, the path (removed on close if it is still ours). Limits: CONFIG_VSOCK, CONFIG_SYSTEMD,
 * CONFIG_VSOCK_CIDS (allowed CIDs per listener).
 */
#ifndef FIRMWARE_NET_SOCKET_H
#define FIRMWARE_NET_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "firmware/core/err.h"
#include "firmware/core/str.h"

#define LISTENER_CIDS_MAX 8

enum listener_kind { LISTENER_UNIX, LISTENER_VSOCK, LISTENER_FD, LISTENER_TCP };

struct listener {
	enum listener_kind kind;
	int fd;
	char path[108]; /* Unix: socket path made by us, else "" */
	dev_t path_dev;
	ino_t path_ino;
	uint32_t cids[LISTENER_CIDS_MAX]; /* vsock: peers that are answered */
	size_t n_cids;
};

struct listen_options {
	mode_t mode; /* Unix: permission bits */
	uid_t uid;   /* Unix: owner (-1: unchanged) */
	gid_t gid;   /* Unix: group (-1: unchanged) */
	int backlog;
	const uint32_t *cids; /* vsock: allowed; none given = host (CID 2) alone */
	size_t n_cids;
};

/*
 * Open one -H/--host value: "unix:///path" (or "unix://path"), "vsock://[CID]:PORT" (CID empty or
 * -1 = any local), "fd://" (all descriptors of LISTEN_FDS; fills several) or "fd://N". ERR_INVALID
 * names what is wrong; a live Unix socket is ERR_CONFLICT. ret has room for max listeners; *ret_n
 * says how many were opened.
 */
int listener_open(const char *host, const struct listen_options *opt, struct listener *ret,
		  size_t max, size_t *ret_n, struct err *e) WARN_UNUSED;
/* Check the syntax of a host value only. */
int listener_check(const char *host, struct err *e) WARN_UNUSED;
/*
 * "ADDRESS:PORT": an IPv4 address, an IPv6 address in brackets, "localhost", or nothing for every
 * IPv4 address. Whoever can reach it may connect: never for the engine's own API.
 */
int listener_open_tcp(const char *address, struct listener *ret, struct err *e) WARN_UNUSED;
int listener_check_tcp(const char *address, struct err *e) WARN_UNUSED; /* its syntax only */
void listener_close(struct listener *l);

/* Who connected. */
struct peer {
	enum listener_kind kind;
	pid_t pid; /* Unix */
	uid_t uid;
	gid_t gid;
	uint32_t cid; /* vsock */
};
/* Credentials of an accepted connection; ERR_FORBIDDEN when a vsock CID is not listed. */
int listener_identify(const struct listener *l, int fd, struct peer *ret, struct err *e)
	WARN_UNUSED;

/* Tell the service manager ("READY=1", "STOPPING=1"); nothing happens without NOTIFY_SOCKET. */
int service_notify(const char *state, struct err *e) WARN_UNUSED;

#endif
