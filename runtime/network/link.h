/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's side of networks, over rtnetlink: the bridge, the veth pair of a container, named
 * namespaces. Everything we make carries an alias that starts with "serin:<bridge>", so that what a
 * crash left is told from what others made.
 *
 * Thread: worker. Yields: no. Owns: what it makes, in the kernel.
 */
#ifndef RUNTIME_NETWORK_LINK_H
#define RUNTIME_NETWORK_LINK_H

#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "firmware/core/err.h"
#include "firmware/net/netlink.h"

#define LINK_NAME_MAX 16
#define LINK_ALIAS_MAX 96

/* --- any link --- */

struct link_state {
	int index; /* 0: there is no such link */
	bool up;
	char kind[16]; /* "bridge", "veth", … */
	char alias[LINK_ALIAS_MAX];
	uint8_t mac[6];
};
/* A missing link is no error: index 0. */
int link_get(struct nl_socket *s, const char *name, struct link_state *ret, struct err *e)
	WARN_UNUSED;
/* A missing link is fine. */
int link_delete(struct nl_socket *s, const char *name, struct err *e) WARN_UNUSED;
/* Carries no more packets from here on; a missing link is fine. */
int link_down(struct nl_socket *s, const char *name, struct err *e) WARN_UNUSED;
/*
 * Delete every veth whose alias says that it is of this bridge and whose name keep() does not want.
 * Returns how many.
 */
int link_sweep(struct nl_socket *s, const char *bridge,
	       bool (*keep)(const char *name, const void *arg), const void *arg, struct err *e)
	WARN_UNUSED;

/* --- the bridge --- */

struct bridge_plan {
	const char *name;
	struct in_addr addr; /* its own address, the containers' gateway */
	uint8_t prefix_len;
};
/* First IPv4 address of a link; prefix_len 0 when it has none. */
int bridge_address(struct nl_socket *s, int index, struct in_addr *ret_addr, uint8_t *ret_len,
		   struct err *e) WARN_UNUSED;
/*
 * Have the bridge there and up, with forwarding on: made with the planned address, or the existing
 * one as it is (the address is added when it has none). ret_index is its interface index.
 */
int bridge_ensure(struct nl_socket *s, const struct bridge_plan *plan, int *ret_index,
		  struct err *e) WARN_UNUSED;
/* Delete it if we made it. */
int bridge_remove(struct nl_socket *s, const char *name, struct err *e) WARN_UNUSED;

/* --- a container's namespace and its link --- */

struct veth_plan {
	const char *bridge;
	const char *host_if; /* name on our side */
	const char *owner;   /* container id, for the alias */
	int bridge_index;
	struct in_addr addr, gateway;
	uint8_t prefix_len;
	uint8_t mac[6];
};

/* Name of our end for a container; attempt tells names apart while an old one is going away. */
void veth_name(const char *exec_root, const char *container_id, unsigned attempt,
	       char name[LINK_NAME_MAX]);
/* 02:42 and the address, as the engine's containers always had. */
void veth_mac(struct in_addr addr, uint8_t mac[6]);
/*
 * Make a network namespace with loopback up and pin it at path. With a plan it gets eth0 with
 * address and default route, and the other end becomes a port of the bridge. Undone as a whole.
 * -EEXIST: the name host_if is taken. host_ns: the daemon's own namespace, to which the thread
 * returns; rt: a NETLINK_ROUTE socket of the daemon's namespace (NULL without a plan).
 */
int netns_make(const char *path, int host_ns, struct nl_socket *rt, const struct veth_plan *plan,
	       struct err *e) WARN_UNUSED;
/* Unpin; the kernel deletes it, its links and their other ends when no process is left in it. */
int netns_unpin(const char *path, struct err *e) WARN_UNUSED;

/* Write a short text to a file below /proc/sys/net, as the calling thread's namespace has it. */
int sysctl_write(const char *path, const char *value, struct err *e) WARN_UNUSED;

#endif
