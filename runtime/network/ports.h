/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Published ports: which are given out, and the sockets that hold them. A TCP port is held by a
 * listening socket that nobody accepts on (packets are translated before they reach it), a UDP port
 * by a bound one.
 *
 * Thread: loop. Yields: no. Owns: the list of ports given out (until ports_done).
 */
#ifndef RUNTIME_NETWORK_PORTS_H
#define RUNTIME_NETWORK_PORTS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "firmware/core/err.h"
#include "runtime/network/network.h"

struct port_use {
	struct in_addr ip;
	uint16_t port;
	uint8_t proto;
};
struct port_table {
	struct port_use *uses;
	size_t n, cap;
	uint16_t ephemeral; /* given out last; 0 = none yet */
};

void ports_init(struct port_table *t);
void ports_done(struct port_table *t);

/*
 * Choose a port for the request, note it and bind its socket. container: for the text of errors.
 * ERR_SYSTEM with EADDRINUSE:
 *   "Bind for 0.0.0.0:8080 failed: port is already allocated" when one of ours has it,
 *   "failed to bind host port for 0.0.0.0:8080:172.17.0.2:80/tcp: address already in use" when
 * another program has.
 */
int ports_bind(struct port_table *t, const struct port_request *req, struct in_addr container,
	       struct port_bound *ret, struct err *e) WARN_UNUSED;
/* Note a port whose socket someone else holds. ERR_CONFLICT when it is given out; ENOMEM. */
int ports_claim(struct port_table *t, const struct port_bound *p, struct err *e) WARN_UNUSED;
/* Give it back; closes the socket if it is still here. */
void ports_release(struct port_table *t, struct port_bound *p);

/* Name of IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP. */
const char *port_proto_name(uint8_t proto);
/* The range of /proc/sys/net/ipv4/ip_local_port_range, or the kernel's usual one. */
void ports_ephemeral_range(uint16_t *ret_first, uint16_t *ret_last);

#endif
