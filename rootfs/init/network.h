/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest's network: loopback, and the first card with an address from the kernel command line or
 * by DHCP, kept alive for as long as the guest runs.
 *
 * Thread: the only one, from its poll loop. Yields: no. Owns: a packet socket while an answer is
 * awaited, so that a leased address costs nothing.
 */
#ifndef ROOTFS_INIT_NETWORK_H
#define ROOTFS_INIT_NETWORK_H

#include <stdbool.h>
#include <stdint.h>

#include "rootfs/init/dhcp.h"
#include "rootfs/init/options.h"

struct network {
	const struct init_options *options;
	int index; /* 0: no card (yet) */
	char name[16];
	uint8_t mac[6];
	struct dhcp dhcp;
	bool dhcp_runs;
	int fd;		 /* to be polled for reading; -1: none */
	int64_t next_ms; /* when network_tick is due, by network_now */
};

void network_start(struct network *n, const struct init_options *o);
void network_ready(struct network *n);
void network_tick(struct network *n);
/* Milliseconds of a clock that counts sleep. */
int64_t network_now(void);

#endif
