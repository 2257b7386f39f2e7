/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of this folder share: the state of the networks, and the one description of a
 * container's connection that jobs work on.
 *
 * Thread: loop, except where a job holds its own copy. Yields: no.
 * Owns: struct network_system, freed by network_close.
 */
#ifndef RUNTIME_NETWORK_PRIVATE_H
#define RUNTIME_NETWORK_PRIVATE_H

#include "firmware/core/list.h"
#include "firmware/net/netlink.h"
#include "firmware/sched/fiber.h"
#include "firmware/sched/job.h"
#include "runtime/network/ipam.h"
#include "runtime/network/link.h"
#include "runtime/network/nat.h"
#include "runtime/network/network.h"
#include "runtime/network/ports.h"

enum network_kind { NETWORK_BRIDGE, NETWORK_HOST, NETWORK_NONE, NETWORK_KINDS };

enum { NETNS_PATH_MAX = 256 };

/* One bridge with the addresses and rules that belong to it. */
struct bridge_network {
	struct bridge_plan plan;
	struct nat_network nat;
	struct ipam ipam;
	bool ready; /* made (or found) in the kernel, and its table installed */
	int index;  /* interface index while ready */
};

/* A container in use: what must be given back when it leaves, and kept when we start again. */
struct live {
	struct list link;
	char container_id[NETWORK_ID_MAX];
	char host_if[LINK_NAME_MAX];
	struct in_addr ip;
	bool connected;
	size_t n_ports;
	struct port_bound ports[]; /* descriptors are the endpoint's: always -1 here */
};

struct network_system {
	const struct engine_options *opt;
	char netns_dir[NETNS_PATH_MAX - 80];
	int host_ns;
	int claim_fd; /* claim.c; -1: none */
	struct network_info info[NETWORK_KINDS];
	struct bridge_network bridge;
	struct port_table ports;
	struct list live;
	struct fiber_lock setup; /* held while the bridge and its table are made or taken down */
	bool warming;		 /* a fiber makes the bridge ready in the background */
	struct waitq warmed;
	struct nl_socket nft; /* kept open between uses (nat.h); fd -1: in use or none yet */
};

/* <exec-root>/netns/<id>; ERR_INVALID when id is no plain file name, ERR_TOO_LARGE. */
int netns_path_of(const struct network_system *n, const char *id, char *path, size_t size,
		  struct err *e) WARN_UNUSED;

/*
 * claim.c: the bridge is ours while we live, or somebody else's: ERR_CONFLICT. Small local files.
 * Released it can be claimed by others; not claimed is fine.
 */
int network_claim_bridge(struct network_system *n, struct err *e) WARN_UNUSED;
void network_release_bridge(struct network_system *n);

struct live *live_find(const struct network_system *n, const char *container_id);
/* Note a container; ep NULL: it has a namespace alone. ENOMEM. */
int live_add(struct network_system *n, const char *container_id, const struct endpoint *ep,
	     struct err *e) WARN_UNUSED;
void live_remove(struct live *l);
/* All published ports of all live containers, for nat_install. mem_free it. NULL: none or ENOMEM.
 */
int live_nat_ports(const struct network_system *n, struct nat_port **ret, size_t *ret_n,
		   struct err *e) WARN_UNUSED;
size_t nat_ports_of(const struct port_bound *ports, size_t n_ports, struct in_addr ip,
		    struct nat_port *ret);

/* The kept netfilter socket for a job, and back. A second user at the same time opens its own. */
struct nl_socket nft_borrow(struct network_system *n);
void nft_return(struct network_system *n, struct nl_socket *s);

/* Ids and creation times of the built-in networks, kept in <data-root>/network. Blocks. */
int network_load_ids(struct network_system *n, struct err *e) WARN_UNUSED;

#endif
