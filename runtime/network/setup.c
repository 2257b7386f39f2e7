/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making the bridge and its table, in the background when the daemon starts, and on a container's
 * way in when they are not there: someone took them away, or it failed before. A container is noted
 * as live before it looks at `ready`, so that a table made anew while it waits holds its ports too.
 */
#include <errno.h>

#include "firmware/core/log.h"
#include "firmware/core/mem.h"
#include "runtime/network/setup.h"

struct setup_job {
	struct job job;
	struct bridge_plan plan;
	struct nat_network nat;
	struct nl_socket nft;
	struct nat_port *ports;
	size_t n_ports;
	int index;
};

int network_job_failed(const struct job *job, int r, struct err *e)
{
	if (job->err.kind == ERR_NONE)
		return err_set(e, ERR_UNAVAILABLE, "network: too many jobs are waiting");
	if (e)
		*e = job->err;
	return r;
}

static int setup_run(struct job *job)
{
	struct setup_job *s = container_of(job, struct setup_job, job);
	CLEANUP(nl_close) struct nl_socket rt = {.fd = -1};
	int r = nl_open(&rt, NETLINK_ROUTE, &job->err);

	if (r == 0)
		r = bridge_ensure(&rt, &s->plan, &s->index, &job->err);
	if (r == 0 && s->nft.fd < 0)
		r = nl_open(&s->nft, NETLINK_NETFILTER, &job->err);
	if (r == 0)
		r = nat_install(&s->nft, &s->nat, s->ports, s->n_ports, &job->err);
	return r;
}

static int setup(struct network_system *n, struct err *e) FIBER_FN
{
	CLEANUP_MEM struct setup_job *s = mem_alloc(sizeof(*s));
	struct bridge_network *b = &n->bridge;
	int r;

	if (!s)
		return err_sys(e, ENOMEM, "bridge network");
	r = live_nat_ports(n, &s->ports, &s->n_ports, e);
	if (r < 0)
		return r;
	s->plan = b->plan;
	s->nat = b->nat;
	s->nft = nft_borrow(n);
	r = job_run(&s->job, setup_run, JOB_SHORT);
	nft_return(n, &s->nft);
	mem_free(s->ports);
	if (r < 0)
		return network_job_failed(&s->job, r, e);
	b->index = s->index;
	b->ready = true;
	return 0;
}

int network_make_ready(struct network_system *n, struct err *e)
{
	int r;

	if (n->bridge.ready)
		return 0;
	r = fiber_lock_take(&n->setup, DEADLINE_NEVER);
	if (r < 0)
		return err_sys(e, r, "bridge network");
	if (!n->bridge.ready)
		r = setup(n, e);
	fiber_lock_release(&n->setup);
	return r;
}

static void warm_up(void *arg) FIBER_ENTRY
{
	struct network_system *n = arg;
	struct err e = ERR_INIT;

	fiber_shield();
	if (network_make_ready(n, &e) < 0)
		log_warn("bridge network: %s", e.msg);
	fiber_unshield();
	n->warming = false;
	waitq_wake_all(&n->warmed);
}

void network_warm_up(struct network_system *n)
{
	if (n->warming || n->bridge.ready || !n->info[NETWORK_BRIDGE].enabled)
		return;
	/* Without a fiber to spare the first container does it. */
	n->warming = fiber_spawn("bridge", warm_up, n, POOL_NORMAL, NULL) == 0;
}

void network_wait_warm(struct network_system *n)
{
	fiber_shield();
	while (n->warming) {
		if (waitq_wait(&n->warmed, DEADLINE_NEVER) < 0)
			break;
	}
	fiber_unshield();
}
