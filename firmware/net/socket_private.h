/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What socket.c dispatches to: the kinds of listeners that may be configured out.
 *
 * Thread: loop. Yields: no. Owns: nothing; results belong to the caller.
 */
#ifndef FIRMWARE_NET_SOCKET_PRIVATE_H
#define FIRMWARE_NET_SOCKET_PRIVATE_H

#include "firmware/net/socket.h"

/* vsock.c: rest is what follows "vsock://". */
int vsock_parse(struct str rest, uint32_t *ret_cid, uint32_t *ret_port, struct err *e) WARN_UNUSED;
int vsock_listen(uint32_t cid, uint32_t port, int backlog, int *ret_fd, struct err *e) WARN_UNUSED;
int vsock_identify(const struct listener *l, int fd, struct peer *ret, struct err *e) WARN_UNUSED;

/* activation.c: rest is what follows "fd://". */
int activation_open(struct str rest, struct listener *ret, size_t max, size_t *ret_n, struct err *e)
	WARN_UNUSED;

#endif
