/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The DHCP client as a machine of states: what to do when an answer comes, and when time passes. It
 * touches no socket and no clock; network.c does. An address is asked for, kept alive, and given up
 * when its lease ends.
 *
 * Thread: any. Yields: no. Owns: nothing.
 */
#ifndef ROOTFS_INIT_DHCP_H
#define ROOTFS_INIT_DHCP_H

#include <stdint.h>

#include "rootfs/init/dhcp_packet.h"

enum dhcp_state { DHCP_SELECTING, DHCP_REQUESTING, DHCP_BOUND, DHCP_RENEWING, DHCP_REBINDING };

/* What the caller is to do, in this order. */
enum dhcp_action {
	DHCP_LOST = 1,	/* take the address away */
	DHCP_APPLY = 2, /* set what lease says */
	DHCP_SEND = 4,	/* send what dhcp_message makes */
};

struct dhcp {
	enum dhcp_state state;
	uint8_t mac[6];
	const char *hostname;
	uint32_t xid;
	struct dhcp_reply offer; /* what is being asked for */
	struct dhcp_reply lease; /* what we have; address 0: nothing */
	int64_t began_ms, next_ms;
	int64_t t1_ms, t2_ms, end_ms;
	unsigned tries;
};

/* Begin; times are milliseconds of a clock that also counts sleep. random makes the exchange ours.
 */
unsigned dhcp_begin(struct dhcp *d, const uint8_t mac[6], const char *hostname, uint32_t random,
		    int64_t now_ms);
/* To be called at d->next_ms or later. */
unsigned dhcp_tick(struct dhcp *d, int64_t now_ms);
unsigned dhcp_take(struct dhcp *d, const struct dhcp_reply *r, int64_t now_ms);
/* The message that DHCP_SEND means; to the server itself when *ret_to is not all ones. */
size_t dhcp_message(const struct dhcp *d, int64_t now_ms, uint8_t *out, size_t size,
		    uint32_t *ret_to);

#endif
