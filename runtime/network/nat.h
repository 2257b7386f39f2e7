/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Address translation of one bridge network: a table "serin-<bridge>" of nftables, written over
 * netlink. Its rules are fixed; a published port is one element of one of its two maps. Every
 * change is one transaction of the kernel: it happens as a whole or not at all.
 *
 * Thread: worker. Yields: no. Owns: the table of that name, nothing else in the rule set.
 */
#ifndef RUNTIME_NETWORK_NAT_H
#define RUNTIME_NETWORK_NAT_H

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>

#include "firmware/core/err.h"
#include "firmware/net/netlink.h"

struct nat_network {
	const char *bridge;
	struct in_addr subnet;
	uint8_t prefix_len;
};

/* host_ip:host_port (0.0.0.0 = every local address) leads to ip:port. */
struct nat_port {
	uint8_t proto;
	uint16_t host_port, port;
	struct in_addr host_ip, ip;
};

#define NAT_TABLE_MAX 32
void nat_table_name(const char *bridge, char name[NAT_TABLE_MAX]);

/*
 * s: of NETLINK_NETFILTER, in the daemon's namespace. Keep it open: closing one waits until the
 * kernel has freed what the last transaction removed (10 ms).
 *
 * Make the table anew with exactly these ports; open connections are not disturbed.
 */
int nat_install(struct nl_socket *s, const struct nat_network *n, const struct nat_port *ports,
		size_t n_ports, struct err *e) WARN_UNUSED;
/* Add ports; -ENOENT when the table is gone (someone flushed the rule set). */
int nat_publish(struct nl_socket *s, const struct nat_network *n, const struct nat_port *ports,
		size_t n_ports, struct err *e) WARN_UNUSED;
/* Remove ports; what is not there is fine. */
int nat_withdraw(struct nl_socket *s, const struct nat_network *n, const struct nat_port *ports,
		 size_t n_ports, struct err *e) WARN_UNUSED;
/* Remove the table; a missing one is fine. */
int nat_remove(struct nl_socket *s, const struct nat_network *n, struct err *e) WARN_UNUSED;

/* --- building blocks, also for tests --- */

void nat_batch_begin(struct nl_msg *m);
void nat_batch_end(struct nl_msg *m);
/* Everything but the batch marks: the old table out, the new one in. */
void nat_put_table(struct nl_msg *m, const struct nat_network *n);
/* Elements of both maps; type is NFT_MSG_NEWSETELEM or NFT_MSG_DELSETELEM. */
void nat_put_ports(struct nl_msg *m, const struct nat_network *n, uint16_t type,
		   const struct nat_port *ports, size_t n_ports);

#endif
