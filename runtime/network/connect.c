/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A container's way in and out. Addresses and ports are chosen on the loop; what the kernel has to
 * do is one job. On the way out the job only cuts the link, unpins the namespace and removes the
 * ports: the kernel deletes namespace and links by itself, later, which spares the caller the 15 ms
 * that deleting a link takes. A container that starts again before that gets another link name.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "firmware/core/config.h"
#include "firmware/core/file.h"
#include "firmware/core/mem.h"
#include "firmware/core/str.h"
#include "runtime/network/setup.h"

enum { NAME_ATTEMPTS = 16 };

struct connect_job {
	struct job job;
	int host_ns;
	const char *exec_root;
	char path[NETNS_PATH_MAX];
	char owner[NETWORK_ID_MAX];
	char host_if[LINK_NAME_MAX];
	struct veth_plan veth;
	struct nat_network nat;
	struct nl_socket nft;
	struct nat_port ports[NETWORK_PORTS_MAX];
	size_t n_ports;
	bool stale; /* bridge or table are not as we left them: set up again, try again */
};

/* --- namespaces alone --- */

static int create_run(struct job *job)
{
	struct connect_job *c = container_of(job, struct connect_job, job);

	return netns_make(c->path, c->host_ns, NULL, NULL, &job->err);
}

static int remove_run(struct job *job)
{
	struct connect_job *c = container_of(job, struct connect_job, job);

	return netns_unpin(c->path, &job->err);
}

static int netns_job(struct network_system *n, const char *id, int (*run)(struct job *job),
		     enum job_class cls, struct connect_job *c, struct err *e) FIBER_FN
{
	int r = netns_path_of(n, id, c->path, sizeof(c->path), e);

	if (r < 0)
		return r;
	c->host_ns = n->host_ns;
	fiber_shield();
	r = job_run(&c->job, run, cls);
	fiber_unshield();
	return r < 0 ? network_job_failed(&c->job, r, e) : 0;
}

int netns_create(struct network_system *n, const char *id, char *path, size_t path_size,
		 struct err *e)
{
	CLEANUP_MEM struct connect_job *c = mem_alloc(sizeof(*c));
	int r;

	if (!c)
		return err_sys(e, ENOMEM, "network namespace");
	r = netns_path_of(n, id, path, path_size, e);
	return r < 0 ? r : netns_job(n, id, create_run, JOB_SHORT, c, e);
}

int netns_remove(struct network_system *n, const char *id, struct err *e)
{
	CLEANUP_MEM struct connect_job *c = mem_alloc(sizeof(*c));
	struct live *l;
	int r;

	if (!c)
		return err_sys(e, ENOMEM, "network namespace");
	r = netns_job(n, id, remove_run, JOB_SHORT_MUST, c, e);
	l = live_find(n, id);
	if (r == 0 && l && !l->connected)
		live_remove(l);
	return r;
}

/* --- connect --- */

static int make_link(struct connect_job *c, struct nl_socket *rt, struct err *e)
{
	int r = -EEXIST;

	c->veth.host_if = c->host_if;
	c->veth.owner = c->owner;
	for (unsigned attempt = 0; r == -EEXIST && attempt < NAME_ATTEMPTS; attempt++) {
		veth_name(c->exec_root, c->owner, attempt, c->host_if);
		err_clear(e);
		r = netns_make(c->path, c->host_ns, rt, &c->veth, e);
	}
	/* What the kernel says of a bridge that is no longer there. */
	c->stale = r == -EINVAL || r == -ENODEV;
	return r;
}

static int publish(struct connect_job *c, struct err *e)
{
	int r = 0;

	if (c->n_ports == 0)
		return 0;
	if (c->nft.fd < 0)
		r = nl_open(&c->nft, NETLINK_NETFILTER, e);
	if (r == 0)
		r = nat_publish(&c->nft, &c->nat, c->ports, c->n_ports, e);
	/* The table is gone, or holds what it should not. */
	c->stale = r == -ENOENT || r == -EEXIST;
	return r;
}

static int connect_run(struct job *job)
{
	struct connect_job *c = container_of(job, struct connect_job, job);
	CLEANUP(nl_close) struct nl_socket rt = {.fd = -1};
	int r = nl_open(&rt, NETLINK_ROUTE, &job->err);

	if (r == 0)
		r = make_link(c, &rt, &job->err);
	if (r < 0)
		return r;
	r = publish(c, &job->err);
	if (r < 0) {
		int cut = link_down(&rt, c->host_if, NULL);
		int unpinned = netns_unpin(c->path, NULL);

		if (cut < 0 || unpinned < 0)
			return err_wrap(&job->err, "(namespace left behind)");
	}
	return r;
}

static int parse_mac(const char *text, uint8_t mac[6], struct err *e)
{
	struct str rest = str_from(text);
	bool ok = rest.n == 17;

	for (size_t i = 0; ok && i < 6; i++)
		ok = hex_decode(str_cut(rest, ':', &rest), &mac[i], 1) == 0;
	if (!ok || rest.n > 0 || (mac[0] & 1))
		return err_set(e, ERR_INVALID, "invalid MAC address: %.64s", text);
	return 0;
}

/* Give back what the endpoint holds of our tables. */
static void release(struct network_system *n, struct endpoint *ep)
{
	for (size_t i = 0; i < ep->n_ports; i++)
		ports_release(&n->ports, &ep->ports[i]);
	ep->n_ports = 0;
	ipam_release(&n->bridge.ipam, ep->ip);
}

static int bind_ports(struct network_system *n, const struct connect_request *req,
		      struct endpoint *ep, struct err *e)
{
	/* Those that were named first, lest one is chosen for another. */
	for (size_t i = 0; i < 2 * req->n_ports; i++) {
		const struct port_request *p = &req->ports[i % req->n_ports];
		int r;

		if ((p->host_first == 0) != (i >= req->n_ports))
			continue;
		if (p->proto != IPPROTO_TCP && p->proto != IPPROTO_UDP)
			return err_set(e, ERR_NOT_IMPLEMENTED,
				       "publishing %s ports is not supported by this engine",
				       port_proto_name(p->proto));
		r = ports_bind(&n->ports, p, ep->ip, &ep->ports[ep->n_ports], e);
		if (r < 0)
			return err_wrap(e,
					"driver failed programming external connectivity on "
					"endpoint %s (%s)",
					req->container_name, ep->id);
		ep->n_ports++;
	}
	return 0;
}

/* Choose everything there is to choose; nothing is kept on failure. */
static int choose(struct network_system *n, const struct connect_request *req, struct endpoint *ep,
		  struct err *e)
{
	struct bridge_network *b = &n->bridge;
	uint8_t random[32];
	int r;

	random_bytes(random, sizeof(random));
	hex_encode(random, sizeof(random), ep->id);
	(void)str_copy(ep->network_id, sizeof(ep->network_id),
		       str_from(n->info[NETWORK_BRIDGE].id));
	ep->gateway = b->plan.addr;
	ep->prefix_len = b->plan.prefix_len;
	r = ipam_take(&b->ipam, &ep->ip, e);
	if (r < 0)
		return r;
	veth_mac(ep->ip, ep->mac);
	if (req->mac && *req->mac)
		r = parse_mac(req->mac, ep->mac, e);
	if (r == 0)
		r = bind_ports(n, req, ep, e);
	if (r == 0) {
		ep->connected = true;
		r = live_add(n, req->container_id, ep, e);
	}
	if (r < 0)
		release(n, ep);
	return r;
}

static void plan_job(const struct network_system *n, const struct endpoint *ep,
		     const char *container_id, struct connect_job *c)
{
	const struct bridge_network *b = &n->bridge;

	c->host_ns = n->host_ns;
	c->exec_root = n->opt->exec_root;
	c->nat = b->nat;
	c->nft.fd = -1;
	c->n_ports = nat_ports_of(ep->ports, ep->n_ports, ep->ip, c->ports);
	(void)str_copy(c->owner, sizeof(c->owner), str_from(container_id));
	c->veth = (struct veth_plan){.bridge = b->plan.name,
				     .bridge_index = b->index,
				     .addr = ep->ip,
				     .gateway = ep->gateway,
				     .prefix_len = ep->prefix_len};
	memcpy(c->veth.mac, ep->mac, sizeof(c->veth.mac));
}

/* The kernel's part; once more from the ground up when bridge or table were gone. */
static int carry_out(struct network_system *n, const struct endpoint *ep, struct connect_job *c,
		     const char *container_id, struct err *e) FIBER_FN
{
	int r = 0;

	for (int attempt = 0; attempt < 2; attempt++) {
		r = network_make_ready(n, e);
		if (r < 0)
			return r;
		plan_job(n, ep, container_id, c);
		err_clear(&c->job.err);
		c->stale = false;
		if (c->n_ports > 0)
			c->nft = nft_borrow(n);
		r = job_run(&c->job, connect_run, JOB_SHORT);
		if (c->nft.fd >= 0)
			nft_return(n, &c->nft);
		if (r == 0)
			return 0;
		if (!c->stale)
			break;
		n->bridge.ready = false;
	}
	return network_job_failed(&c->job, r, e);
}

static int check(struct network_system *n, const struct connect_request *req, struct err *e)
{
	if (!CONFIG(NET_BRIDGE))
		return err_set(e, ERR_NOT_IMPLEMENTED,
			       "the bridge network is not built in (CONFIG_NET_BRIDGE)");
	if (!n->info[NETWORK_BRIDGE].enabled)
		return err_set(e, ERR_NOT_FOUND, "network bridge not found");
	if (req->n_ports > NETWORK_PORTS_MAX)
		return err_set(e, ERR_TOO_LARGE, "more than %d published ports in one container",
			       NETWORK_PORTS_MAX);
	if (live_find(n, req->container_id))
		return err_set(e, ERR_CONFLICT,
			       "endpoint with name %s already exists in network "
			       "bridge",
			       req->container_name);
	return 0;
}

int network_connect(struct network_system *n, const struct connect_request *req,
		    struct endpoint *ret, char *netns_path, size_t path_size, struct err *e)
{
	CLEANUP_MEM struct connect_job *c = NULL;
	CLEANUP_MEM struct endpoint *ep = NULL;
	struct live *l;
	int r = check(n, req, e);

	if (r < 0)
		return r;
	c = mem_alloc(sizeof(*c));
	ep = mem_alloc(sizeof(*ep));
	if (!c || !ep)
		return err_sys(e, ENOMEM, "network of a container");
	r = netns_path_of(n, req->container_id, c->path, sizeof(c->path), e);
	if (r == 0)
		r = netns_path_of(n, req->container_id, netns_path, path_size, e);
	if (r == 0)
		r = choose(n, req, ep, e);
	if (r < 0)
		return r;
	fiber_shield();
	r = carry_out(n, ep, c, req->container_id, e);
	fiber_unshield();
	l = live_find(n, req->container_id);
	if (r < 0) {
		if (l)
			live_remove(l);
		release(n, ep);
		return r;
	}
	memcpy(ep->host_if, c->host_if, sizeof(ep->host_if));
	if (l)
		memcpy(l->host_if, c->host_if, sizeof(l->host_if));
	*ret = *ep;
	return 0;
}

/* --- disconnect --- */

static int cut_link(const struct connect_job *c, struct err *e)
{
	CLEANUP(nl_close) struct nl_socket rt = {.fd = -1};
	int r = nl_open(&rt, NETLINK_ROUTE, e);

	return r < 0 ? r : link_down(&rt, c->host_if, e);
}

static int disconnect_run(struct job *job)
{
	struct connect_job *c = container_of(job, struct connect_job, job);
	int r = 0, first = 0;

	/* Each step is taken whatever became of the others; the first failure is told. */
	if (c->n_ports > 0) {
		if (c->nft.fd < 0)
			r = nl_open(&c->nft, NETLINK_NETFILTER, &job->err);
		if (r == 0)
			r = nat_withdraw(&c->nft, &c->nat, c->ports, c->n_ports, &job->err);
		first = r;
	}
	if (c->host_if[0]) {
		r = cut_link(c, first ? NULL : &job->err);
		first = first ? first : r;
	}
	r = netns_unpin(c->path, first ? NULL : &job->err);
	return first ? first : r;
}

int network_disconnect(struct network_system *n, const char *container_id, struct endpoint *ep,
		       struct err *e)
{
	CLEANUP_MEM struct connect_job *c = mem_alloc(sizeof(*c));
	struct live *l = live_find(n, container_id);
	int r;

	if (!c)
		return err_sys(e, ENOMEM, "network of a container");
	r = netns_path_of(n, container_id, c->path, sizeof(c->path), e);
	if (r < 0)
		return r;
	c->nft.fd = -1;
	if (l) {
		/* Off the list at once: a table made anew meanwhile is without it. */
		list_remove(&l->link);
		(void)str_copy(c->host_if, sizeof(c->host_if), str_from(l->host_if));
		c->nat = n->bridge.nat;
		c->n_ports = nat_ports_of(l->ports, l->n_ports, l->ip, c->ports);
		if (c->n_ports > 0)
			c->nft = nft_borrow(n);
	}
	fiber_shield();
	r = job_run(&c->job, disconnect_run, JOB_SHORT_MUST);
	fiber_unshield();
	if (c->nft.fd >= 0)
		nft_return(n, &c->nft);
	if (r < 0)
		r = network_job_failed(&c->job, r, e);
	if (r == -EAGAIN && l) {
		list_push_back(&n->live, &l->link);
		return r;
	}
	for (size_t i = 0; l && i < l->n_ports; i++)
		ports_release(&n->ports, &l->ports[i]);
	if (l && l->connected)
		ipam_release(&n->bridge.ipam, l->ip);
	if (l)
		live_remove(l);
	for (size_t i = 0; i < ep->n_ports; i++) {
		if (ep->ports[i].fd >= 0)
			ports_release(&n->ports, &ep->ports[i]);
	}
	ep->n_ports = 0;
	ep->connected = false;
	return r;
}
