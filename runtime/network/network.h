/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Container networking by the engine itself: namespaces, the default bridge with veth pairs and
 * addresses over rtnetlink, NAT and published ports over nftables, hosts and resolv.conf files. No
 * helper program is run. Published ports are held by listening sockets that the container's shim
 * keeps for the container's life.
 *
 * Thread: loop; kernel work is done in short jobs inside. Yields: what carries FIBER_FN.
 * Owns: struct network_system, the bridge, the nftables table "serin-<bridge>", namespaces under
 * <exec-root>/netns. Limits: CONFIG_NET_BRIDGE, NETWORK_PORTS_MAX a container.
 */
#ifndef RUNTIME_NETWORK_NETWORK_H
#define RUNTIME_NETWORK_NETWORK_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "firmware/core/arena.h"
#include "firmware/core/err.h"
#include "firmware/fmt/bind.h"
#include "runtime/options.h"

#define NETWORK_PORTS_MAX 64
#define NETWORK_ID_MAX 65

struct network_system;

/*
 * Know the networks. Nothing is made in the kernel yet: bridge and table come after network_sweep,
 * in the background, or with the first container. A bridge that exists is used with the address
 * it has. What the kernel lacks, or the right to use it, is logged then and told to each container
 * that asks for the bridge; host and none work without.
 */
int network_open(struct network_system **ret, const struct engine_options *opt, struct err *e)
	FIBER_FN WARN_UNUSED;
/* At a clean shutdown without running containers: take down the bridge if we made it, and our
 * table. */
void network_close(struct network_system *n, bool take_down) FIBER_FN;

/* One of the built-in networks as GET /networks shows it. */
struct network_info {
	char id[NETWORK_ID_MAX];      /* stable across restarts (kept under <data-root>/network) */
	const char *name;	      /* "bridge", "host", "none" */
	const char *driver;	      /* "bridge", "host", "null" */
	char subnet[32], gateway[16]; /* "" for host and none */
	char bridge[16];
	int64_t created_ns;
	bool enabled; /* bridge: false with --bridge none */
};
size_t network_list(struct network_system *n, const struct network_info **ret);
/* By name, id or unique id prefix; NULL when there is none. */
const struct network_info *network_find(struct network_system *n, const char *name);

/* A port to publish. host_first 0: an ephemeral one; last > first: a range to choose from. */
struct port_request {
	uint8_t proto; /* IPPROTO_TCP, IPPROTO_UDP */
	uint16_t port; /* in the container */
	struct in_addr host_ip;
	uint16_t host_first, host_last;
};
struct port_bound {
	uint8_t proto;
	uint16_t port;
	struct in_addr host_ip;
	uint16_t host_port;
	int fd; /* bound socket (TCP: listening), -1 once handed over */
};

/* What a container's connection to the bridge came to; persisted by the container engine. */
struct endpoint {
	char id[NETWORK_ID_MAX];
	char network_id[NETWORK_ID_MAX];
	struct in_addr ip, gateway;
	uint8_t prefix_len;
	uint8_t mac[6];
	char host_if[16]; /* veth name on our side */
	struct port_bound ports[NETWORK_PORTS_MAX];
	size_t n_ports;
	bool connected;
};

/* Make a named network namespace <exec-root>/netns/<id> with loopback up; path gets its file. */
int netns_create(struct network_system *n, const char *id, char *path, size_t path_size,
		 struct err *e) FIBER_FN WARN_UNUSED;
int netns_remove(struct network_system *n, const char *id, struct err *e) FIBER_FN WARN_UNUSED;

struct connect_request {
	const char *container_id, *container_name;
	const char *mac; /* or NULL */
	const struct port_request *ports;
	size_t n_ports;
};
/*
 * Make the namespace (as netns_create), connect it to the bridge, publish the ports, all in one go
 * and undone as a whole on failure. Port errors carry the engine's words (WIRE J) without the outer
 * "failed to set up container networking: " prefix:
 *   driver failed programming external connectivity on endpoint NAME (ID): …
 *     … Bind for 0.0.0.0:8080 failed: port is already allocated
 *     … failed to bind host port for 0.0.0.0:8080:172.17.0.2:80/tcp: address already in use
 */
int network_connect(struct network_system *n, const struct connect_request *req,
		    struct endpoint *ret, char *netns_path, size_t path_size, struct err *e)
	FIBER_FN WARN_UNUSED;
/*
 * Take the container off: ports (descriptors still in ep are closed), NAT elements, veth, address,
 * namespace. Safe to repeat; the address and ports are free even when the kernel's part failed,
 * except for -EAGAIN (no job could be queued), which is to be tried again.
 */
int network_disconnect(struct network_system *n, const char *container_id, struct endpoint *ep,
		       struct err *e) FIBER_FN WARN_UNUSED;
/*
 * After a daemon restart: this endpoint of a running container is still in use (address, ports,
 * elements). One that is not connected keeps its namespace alone. ERR_CONFLICT, ERR_INVALID when
 * address or ports cannot be its own any more. Again for the same container: nothing happens.
 */
int network_adopt(struct network_system *n, const char *container_id, const struct endpoint *ep,
		  struct err *e) WARN_UNUSED;
/* The same for a running container that has a namespace of netns_create and nothing else. */
int netns_adopt(struct network_system *n, const char *id, struct err *e) WARN_UNUSED;
/* After all adoptions: remove namespaces, veths and NAT elements nobody adopted; returns how many
 * namespaces and veths there were. */
int network_sweep(struct network_system *n, struct err *e) FIBER_FN WARN_UNUSED;

/* --- files of the container --- */

struct hosts_request {
	const char *dir; /* where hosts, hostname, resolv.conf are written */
	const char *hostname, *domainname;
	const char *ip;			 /* or NULL */
	const struct texts *extra_hosts; /* "name:ip", ip may be "host-gateway" */
	const struct text_map *linked;	 /* names → address, or NULL */
	const char *host_gateway;	 /* address for host-gateway, or NULL */
	bool host_network;		 /* start from the host's own files */
	/* The container's; empty lists: the daemon's, else the host's. */
	const struct texts *dns, *dns_search, *dns_options;
};
/* Write the three files (not synced: they are rebuilt at every start). host_gateway NULL: the
 * bridge's address. */
int network_write_files(struct network_system *n, const struct hosts_request *req, struct err *e)
	FIBER_FN WARN_UNUSED;
/* In the hosts file of a running container, in place: the lines that begin their names with name
 * get this address. */
int network_update_hosts(const char *dir, const char *name, const char *address, struct err *e)
	FIBER_FN WARN_UNUSED;
/* Check one ExtraHosts value; ERR_INVALID `bad format for add-host: "x"`, `invalid IP address in
 * add-host: "x"`. */
int network_check_extra_host(const char *value, struct err *e) WARN_UNUSED;

/*
 * Parse "80/tcp" (proto defaults to tcp; sctp parses too, but cannot be published) and one binding
 * {HostIp, HostPort: "", "8080", "8000-8010"}. ERR_INVALID: `invalid port specification: "x"`.
 */
int port_parse(const char *port_proto, uint16_t *ret_port, uint8_t *ret_proto, struct err *e)
	WARN_UNUSED;
int port_parse_binding(const char *host_ip, const char *host_port, struct port_request *req,
		       struct err *e) WARN_UNUSED;

#endif
