/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The networks there are. Opening them makes nothing in the kernel; that comes with the sweep, or
 * with the first container (setup.c).
 */
#include "runtime/network/network.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "firmware/core/config.h"
#include "firmware/core/file.h"
#include "firmware/core/log.h"
#include "firmware/core/mem.h"
#include "firmware/core/str.h"
#include "runtime/network/setup.h"

int netns_path_of(const struct network_system *n, const char *id, char *path, size_t size,
		  struct err *e)
{
	int len;

	if (!id || !*id || *id == '.' || strchr(id, '/'))
		return err_set(e, ERR_INVALID, "bad name of a network namespace");
	len = snprintf(path, size, "%s/%s", n->netns_dir, id);
	if (len < 0 || (size_t)len >= size)
		return err_set(e, ERR_TOO_LARGE, "path of a network namespace is too long");
	return 0;
}

/* --- live containers --- */

struct live *live_find(const struct network_system *n, const char *container_id)
{
	struct live *l;

	list_for_each (l, &n->live, link) {
		if (strz_eq(l->container_id, container_id))
			return l;
	}
	return NULL;
}

int live_add(struct network_system *n, const char *container_id, const struct endpoint *ep,
	     struct err *e)
{
	size_t n_ports = ep ? ep->n_ports : 0;
	struct live *l = mem_alloc(sizeof(*l) + n_ports * sizeof(l->ports[0]));

	if (!l)
		return err_sys(e, ENOMEM, "network of a container");
	(void)str_copy(l->container_id, sizeof(l->container_id), str_from(container_id));
	list_push_back(&n->live, &l->link);
	if (!ep)
		return 0;
	(void)str_copy(l->host_if, sizeof(l->host_if), str_from(ep->host_if));
	l->ip = ep->ip;
	l->connected = ep->connected;
	l->n_ports = n_ports;
	for (size_t i = 0; i < n_ports; i++) {
		l->ports[i] = ep->ports[i];
		l->ports[i].fd = -1;
	}
	return 0;
}

void live_remove(struct live *l)
{
	list_remove(&l->link);
	mem_free(l);
}

size_t nat_ports_of(const struct port_bound *ports, size_t n_ports, struct in_addr ip,
		    struct nat_port *ret)
{
	for (size_t i = 0; i < n_ports; i++) {
		ret[i] = (struct nat_port){.proto = ports[i].proto,
					   .host_port = ports[i].host_port,
					   .port = ports[i].port,
					   .host_ip = ports[i].host_ip,
					   .ip = ip};
	}
	return n_ports;
}

int live_nat_ports(const struct network_system *n, struct nat_port **ret, size_t *ret_n,
		   struct err *e)
{
	const struct live *l;
	struct nat_port *all;
	size_t count = 0;

	list_for_each (l, &n->live, link)
		count += l->n_ports;
	all = mem_alloc_array(count + 1, sizeof(*all));
	if (!all)
		return err_sys(e, ENOMEM, "published ports");
	count = 0;
	list_for_each (l, &n->live, link) {
		count += nat_ports_of(l->ports, l->n_ports, l->ip, all + count);
	}
	*ret = all;
	*ret_n = count;
	return 0;
}

struct nl_socket nft_borrow(struct network_system *n)
{
	struct nl_socket s = n->nft;

	n->nft = (struct nl_socket){.fd = -1};
	return s;
}

void nft_return(struct network_system *n, struct nl_socket *s)
{
	if (n->nft.fd < 0)
		n->nft = *s;
	else
		nl_close(s);
	*s = (struct nl_socket){.fd = -1};
}

/* --- open and close --- */

struct open_job {
	struct job job;
	struct network_system *n;
};

/* An existing bridge keeps its own address: that is the network then. */
static int look_at_bridge(struct bridge_plan *plan, struct err *e)
{
	CLEANUP(nl_close) struct nl_socket s = {.fd = -1};
	struct link_state l = {0};
	struct in_addr addr;
	uint8_t len = 0;
	int r = nl_open(&s, NETLINK_ROUTE, e);

	if (r == 0)
		r = link_get(&s, plan->name, &l, e);
	if (r < 0 || l.index == 0)
		return r;
	r = bridge_address(&s, l.index, &addr, &len, e);
	if (r < 0 || len == 0)
		return r;
	plan->addr = addr;
	plan->prefix_len = len;
	return 0;
}

static int open_run(struct job *job)
{
	struct open_job *o = container_of(job, struct open_job, job);
	struct network_system *n = o->n;
	int r = dir_make_all(n->netns_dir, 0700, &job->err);

	if (r < 0)
		return r;
	r = network_load_ids(n, &job->err);
	if (r < 0 || !n->info[NETWORK_BRIDGE].enabled)
		return r;
	r = network_claim_bridge(n, &job->err);
	if (r < 0)
		return r;
	if (look_at_bridge(&n->bridge.plan, &job->err) < 0) {
		/* No netlink at all: host and none still work. */
		log_warn("bridge network: %s", job->err.msg);
		err_clear(&job->err);
	}
	return 0;
}

static void describe(struct network_system *n, const char *bridge)
{
	static const char *const names[][2] = {
		[NETWORK_BRIDGE] = {"bridge", "bridge"},
		[NETWORK_HOST] = {"host", "host"},
		[NETWORK_NONE] = {"none", "null"},
	};

	for (size_t i = 0; i < NETWORK_KINDS; i++) {
		n->info[i].name = names[i][0];
		n->info[i].driver = names[i][1];
		n->info[i].enabled = true;
	}
	n->info[NETWORK_BRIDGE].enabled = CONFIG(NET_BRIDGE) && !strz_eq(bridge, "none");
	if (n->info[NETWORK_BRIDGE].enabled)
		(void)str_copy(n->info[NETWORK_BRIDGE].bridge, LINK_NAME_MAX, str_from(bridge));
}

static void describe_bridge(struct network_system *n)
{
	struct network_info *info = &n->info[NETWORK_BRIDGE];
	const struct bridge_plan *plan = &n->bridge.plan;
	struct in_addr net = {plan->addr.s_addr & ipam_mask(plan->prefix_len).s_addr};
	char text[INET_ADDRSTRLEN] = "";

	inet_ntop(AF_INET, &net, text, sizeof(text));
	(void)snprintf(info->subnet, sizeof(info->subnet), "%s/%u", text, plan->prefix_len);
	inet_ntop(AF_INET, &plan->addr, info->gateway, sizeof(info->gateway));
}

static int prepare(struct network_system *n, const struct engine_options *opt, struct err *e)
{
	const char *bridge = opt->bridge ? opt->bridge : "docker0";
	struct bridge_plan *plan = &n->bridge.plan;
	int len = snprintf(n->netns_dir, sizeof(n->netns_dir), "%s/netns", opt->exec_root);

	n->opt = opt;
	n->nft.fd = -1;
	list_init(&n->live);
	ports_init(&n->ports);
	fiber_lock_init(&n->setup);
	waitq_init(&n->warmed);
	if (len < 0 || (size_t)len >= sizeof(n->netns_dir))
		return err_set(e, ERR_INVALID, "the path of the exec root is too long");
	if (strlen(bridge) >= LINK_NAME_MAX || strchr(bridge, '/') || !*bridge)
		return err_set(e, ERR_INVALID, "\"%s\" is not the name of a bridge", bridge);
	describe(n, bridge);
	plan->name = n->info[NETWORK_BRIDGE].bridge;
	n->host_ns = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	if (n->host_ns < 0)
		return err_sys(e, errno, "network namespace of the daemon");
	return ipam_parse_cidr(opt->bip ? opt->bip : "172.17.0.1/16", &plan->addr,
			       &plan->prefix_len, e);
}

static void system_free(struct network_system *n)
{
	struct live *l, *next;

	list_for_each_safe (l, next, &n->live, link)
		live_remove(l);
	network_release_bridge(n);
	if (n->host_ns >= 0)
		close(n->host_ns);
	nl_close(&n->nft);
	ipam_done(&n->bridge.ipam);
	ports_done(&n->ports);
	mem_free(n);
}
DEFINE_CLEANUP(struct network_system *, system_free)

int network_open(struct network_system **ret, const struct engine_options *opt, struct err *e)
{
	CLEANUP(system_freep) struct network_system *n = mem_alloc(sizeof(*n));
	CLEANUP_MEM struct open_job *o = mem_alloc(sizeof(*o));
	struct bridge_network *b;
	int r;

	if (!n || !o) {
		if (n)
			list_init(&n->live);
		if (n)
			n->host_ns = n->claim_fd = n->nft.fd = -1;
		return err_sys(e, ENOMEM, "networks");
	}
	n->host_ns = n->claim_fd = -1;
	r = prepare(n, opt, e);
	if (r < 0)
		return r;
	o->n = n;
	r = job_run(&o->job, open_run, JOB_SHORT);
	if (r < 0) {
		if (o->job.err.kind == ERR_NONE)
			return err_set(e, ERR_UNAVAILABLE, "networks: too many jobs are waiting");
		*e = o->job.err;
		return r;
	}
	b = &n->bridge;
	if (n->info[NETWORK_BRIDGE].enabled)
		describe_bridge(n);
	b->nat = (struct nat_network){
		.bridge = b->plan.name, .subnet = b->plan.addr, .prefix_len = b->plan.prefix_len};
	ipam_init(&b->ipam, b->plan.addr, b->plan.prefix_len);
	r = ipam_reserve(&b->ipam, b->plan.addr, e);
	if (r < 0)
		return err_wrap(e, "address of bridge %s", b->plan.name);
	*ret = TAKE_PTR(n);
	return 0;
}

/* Both go, whatever the other does: a bridge without its table is no reason to keep it. */
static int close_run(struct job *job)
{
	struct open_job *o = container_of(job, struct open_job, job);
	struct network_system *n = o->n;
	CLEANUP(nl_close) struct nl_socket rt = {.fd = -1};
	struct err nat_err = ERR_INIT;
	int r = 0, nat = 0;

	if (n->nft.fd < 0)
		nat = nl_open(&n->nft, NETLINK_NETFILTER, &nat_err);
	if (nat == 0)
		nat = nat_remove(&n->nft, &n->bridge.nat, &nat_err);
	r = nl_open(&rt, NETLINK_ROUTE, &job->err);
	if (r == 0)
		r = bridge_remove(&rt, n->bridge.plan.name, &job->err);
	if (r == 0 && nat < 0) {
		job->err = nat_err;
		r = nat;
	}
	return r;
}

void network_close(struct network_system *n, bool take_down)
{
	CLEANUP_MEM struct open_job *o = mem_alloc(sizeof(*o));

	if (!n)
		return;
	network_wait_warm(n);
	if (o && take_down && list_empty(&n->live) && n->info[NETWORK_BRIDGE].enabled) {
		o->n = n;
		fiber_shield();
		if (job_run(&o->job, close_run, JOB_SHORT) < 0)
			log_warn("taking down the bridge: %s", o->job.err.msg);
		fiber_unshield();
	}
	system_free(n);
}

/* --- what there is --- */

size_t network_list(struct network_system *n, const struct network_info **ret)
{
	*ret = n->info;
	return NETWORK_KINDS;
}

const struct network_info *network_find(struct network_system *n, const char *name)
{
	const struct network_info *found = NULL;

	if (!name || !*name)
		return NULL;
	for (size_t i = 0; i < NETWORK_KINDS; i++) {
		if (strz_eq(n->info[i].name, name) || strz_eq(n->info[i].id, name))
			return &n->info[i];
	}
	for (size_t i = 0; i < NETWORK_KINDS; i++) {
		if (!strz_starts(n->info[i].id, name))
			continue;
		if (found)
			return NULL;
		found = &n->info[i];
	}
	return found;
}
