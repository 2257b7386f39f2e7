/* SPDX-License-Identifier: Apache-2.0 */
/*
 * After a restart: what running containers use is taken over, what a crash left is removed. The
 * table is made anew from what was taken over, in one transaction, so that no stale element stays
 * and no published port is away for a moment.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "firmware/core/mem.h"
#include "firmware/core/str.h"
#include "runtime/network/setup.h"

enum { REMOVE_MAX = 4096 }; /* namespaces removed in one sweep */

static int claim(struct network_system *n, const struct endpoint *ep, struct err *e)
{
	size_t done = 0;
	int r = ipam_reserve(&n->bridge.ipam, ep->ip, e);

	if (r < 0)
		return r;
	while (r == 0 && done < ep->n_ports) {
		r = ports_claim(&n->ports, &ep->ports[done], e);
		if (r == 0)
			done++;
	}
	if (r == 0)
		return 0;
	while (done > 0) {
		struct port_bound p = ep->ports[--done];

		p.fd = -1;
		ports_release(&n->ports, &p);
	}
	ipam_release(&n->bridge.ipam, ep->ip);
	return r;
}

int network_adopt(struct network_system *n, const char *container_id, const struct endpoint *ep,
		  struct err *e)
{
	int r;

	if (live_find(n, container_id))
		return 0;
	if (ep->n_ports > NETWORK_PORTS_MAX)
		return err_set(e, ERR_INVALID, "endpoint of %s has too many ports", container_id);
	if (ep->connected) {
		r = claim(n, ep, e);
		if (r < 0)
			return err_wrap(e, "network of container %s", container_id);
	}
	r = live_add(n, container_id, ep, e);
	if (r < 0 && ep->connected) {
		for (size_t i = 0; i < ep->n_ports; i++) {
			struct port_bound p = ep->ports[i];

			p.fd = -1;
			ports_release(&n->ports, &p);
		}
		ipam_release(&n->bridge.ipam, ep->ip);
	}
	return r;
}

int netns_adopt(struct network_system *n, const char *id, struct err *e)
{
	return live_find(n, id) ? 0 : live_add(n, id, NULL, e);
}

struct sweep_job {
	struct job job;
	const char *netns_dir;
	const char *bridge; /* NULL: the bridge network is off */
	size_t n_keep;
	int swept;
	struct {
		char id[NETWORK_ID_MAX];
		char host_if[LINK_NAME_MAX];
	} keep[];
};

static bool keep_id(const struct sweep_job *s, const char *id)
{
	for (size_t i = 0; i < s->n_keep; i++) {
		if (strz_eq(s->keep[i].id, id))
			return true;
	}
	return false;
}

static bool keep_link(const char *name, const void *arg)
{
	const struct sweep_job *s = arg;

	for (size_t i = 0; i < s->n_keep; i++) {
		if (strz_eq(s->keep[i].host_if, name))
			return true;
	}
	return false;
}

static int sweep_namespaces(struct sweep_job *s, struct err *e)
{
	DIR *dir = opendir(s->netns_dir);
	int r = 0, count = 0;

	if (!dir)
		return errno == ENOENT ? 0 : err_sys(e, errno, "%s", s->netns_dir);
	for (struct dirent *d; r == 0 && count < REMOVE_MAX && (d = readdir(dir));) {
		char path[NETNS_PATH_MAX];
		int len = snprintf(path, sizeof(path), "%s/%s", s->netns_dir, d->d_name);

		if (d->d_name[0] == '.' || keep_id(s, d->d_name) || len < 0 ||
		    (size_t)len >= sizeof(path))
			continue;
		r = netns_unpin(path, e);
		count += r == 0;
	}
	closedir(dir);
	s->swept += count;
	return r;
}

static int sweep_links(struct sweep_job *s, struct err *e)
{
	CLEANUP(nl_close) struct nl_socket rt = {.fd = -1};
	int r = nl_open(&rt, NETLINK_ROUTE, e);

	if (r == 0)
		r = link_sweep(&rt, s->bridge, keep_link, s, e);
	if (r < 0)
		return r;
	s->swept += r;
	return 0;
}

static int sweep_run(struct job *job)
{
	struct sweep_job *s = container_of(job, struct sweep_job, job);
	/* Links first: with their namespaces the kernel would take them away by itself, uncounted.
	 */
	int r = s->bridge ? sweep_links(s, &job->err) : 0;

	if (r == 0)
		r = sweep_namespaces(s, &job->err);
	return r;
}

int network_sweep(struct network_system *n, struct err *e)
{
	CLEANUP_MEM struct sweep_job *s = NULL;
	bool connected = false;
	struct live *l;
	size_t count = 0;
	int r;

	list_for_each (l, &n->live, link)
		count++;
	s = mem_alloc(sizeof(*s) + count * sizeof(s->keep[0]));
	if (!s)
		return err_sys(e, ENOMEM, "network");
	list_for_each (l, &n->live, link) {
		memcpy(s->keep[s->n_keep].id, l->container_id, sizeof(l->container_id));
		memcpy(s->keep[s->n_keep].host_if, l->host_if, sizeof(l->host_if));
		s->n_keep++;
		connected |= l->connected;
	}
	s->netns_dir = n->netns_dir;
	s->bridge = n->info[NETWORK_BRIDGE].enabled ? n->bridge.plan.name : NULL;
	fiber_shield();
	r = job_run(&s->job, sweep_run, JOB_SHORT);
	if (r < 0)
		r = network_job_failed(&s->job, r, e);
	if (r == 0 && connected)
		r = network_make_ready(n, e);
	else if (r == 0)
		network_warm_up(n);
	fiber_unshield();
	return r < 0 ? r : s->swept;
}
