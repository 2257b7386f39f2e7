/* SPDX-License-Identifier: Apache-2.0 */
/*
 * New limits for a group that exists. v1 demands that memory never exceeds memory and swap
 * together, so of the two the one that makes room is written first.
 */
#include <errno.h>
#include <stdio.h>

#include "runtime/cgroup/parse.h"

#define NANO_PERIOD 100000

struct update {
	const struct cgroup *cg;
	const struct host_config *h;
	struct err *e;
};

static int put(const struct update *u, const char *controller, const char *file, const char *text)
{
	int r = cgroup_write(u->cg, controller, file, text);

	return r < 0 ? err_sys(u->e, -r, "writing %s to %s", text, file) : 0;
}

static int put_number(const struct update *u, const char *controller, const char *file, int64_t v)
{
	char text[32];

	snprintf(text, sizeof(text), "%lld", (long long)v);
	return put(u, controller, file, text);
}

static int put_limit_v2(const struct update *u, const char *file, int64_t v)
{
	return v < 0 ? put(u, "", file, "max") : put_number(u, "", file, v);
}

/* --- v1 --- */

static int memory_v1(const struct update *u)
{
	const struct host_config *h = u->h;
	static const char limit[] = "memory.limit_in_bytes", both[] = "memory.memsw.limit_in_bytes";
	bool swap = h->memory_swap &&
		    cgroup_read_u64(u->cg, "memory", "memory.memsw.usage_in_bytes") != CGROUP_NONE;
	uint64_t now = cgroup_read_u64(u->cg, "memory", both);
	bool raise = swap && (h->memory_swap < 0 || (uint64_t)h->memory_swap > now);
	int r = 0;

	if (raise)
		r = put_number(u, "memory", both, h->memory_swap);
	if (r == 0 && h->memory)
		r = put_number(u, "memory", limit, h->memory);
	if (r == 0 && swap && !raise)
		r = put_number(u, "memory", both, h->memory_swap);
	if (r == 0 && h->memory_reservation)
		r = put_number(u, "memory", "memory.soft_limit_in_bytes", h->memory_reservation);
	return r;
}

static int cpu_v1(const struct update *u, int64_t period, int64_t quota)
{
	int r = 0;

	if (u->h->cpu_shares)
		r = put_number(u, "cpu", "cpu.shares", u->h->cpu_shares);
	if (r == 0 && period)
		r = put_number(u, "cpu", "cpu.cfs_period_us", period);
	if (r == 0 && quota)
		r = put_number(u, "cpu", "cpu.cfs_quota_us", quota);
	if (r == 0 && u->h->cpu_rt_period)
		r = put_number(u, "cpu", "cpu.rt_period_us", u->h->cpu_rt_period);
	if (r == 0 && u->h->cpu_rt_runtime)
		r = put_number(u, "cpu", "cpu.rt_runtime_us", u->h->cpu_rt_runtime);
	return r;
}

static int weight_v1(const struct update *u)
{
	char text[32];
	int r;

	snprintf(text, sizeof(text), "%lld", (long long)u->h->blkio_weight);
	r = cgroup_write(u->cg, "blkio", "blkio.weight", text);
	return r == -ENOENT ? put(u, "blkio", "blkio.bfq.weight", text)
	       : r < 0	    ? err_sys(u->e, -r, "writing %s to blkio.weight", text)
			    : 0;
}

/* --- v2 --- */

/* A request means memory and swap together, so the swap's own limit changes with the memory. */
static int swap_v2(const struct update *u)
{
	static const char file[] = "memory.swap.max";
	uint64_t memory = cgroup_read_u64(u->cg, "", "memory.max");
	uint64_t swap = cgroup_read_u64(u->cg, "", file);
	int64_t both = u->h->memory_swap, part = u->h->memory;

	if (both < 0)
		return put_limit_v2(u, file, -1);
	if (both == 0 && (part <= 0 || memory == CGROUP_NONE || swap == CGROUP_NONE))
		return 0;
	if (part <= 0 && memory == CGROUP_NONE)
		return err_set(u->e, ERR_SYSTEM, "unable to set swap limit without memory limit");
	if (both == 0)
		both = (int64_t)(memory + swap);
	if (part <= 0)
		part = (int64_t)memory;
	return put_limit_v2(u, file, both > part ? both - part : 0);
}

static int memory_v2(const struct update *u)
{
	const struct host_config *h = u->h;
	int r = swap_v2(u);

	if (r == 0 && h->memory)
		r = put_limit_v2(u, "memory.max", h->memory);
	if (r == 0 && h->memory_reservation)
		r = put_limit_v2(u, "memory.low", h->memory_reservation);
	return r;
}

static int cpu_v2(const struct update *u, int64_t period, int64_t quota)
{
	char text[CGROUP_LINE_MAX], next[CGROUP_LINE_MAX];
	int r = 0;

	if (u->h->cpu_shares)
		r = put_number(u, "", "cpu.weight", (int64_t)cgroup_weight(u->h->cpu_shares));
	if (r < 0 || (!period && !quota))
		return r;
	cgroup_cpu_max(cgroup_read_line(u->cg, "", "cpu.max", text), period, quota, next);
	return put(u, "", "cpu.max", next);
}

/* The scale of io.weight is 1 to 10000; that of the scheduler's own file is the request's. */
static int weight_v2(const struct update *u)
{
	char text[32];
	int r;

	snprintf(text, sizeof(text), "%lld", (long long)u->h->blkio_weight);
	r = cgroup_write(u->cg, "", "io.bfq.weight", text);
	if (r == -ENOENT)
		return put_number(u, "", "io.weight", 1 + (u->h->blkio_weight - 10) * 9999 / 990);
	return r < 0 ? err_sys(u->e, -r, "writing %s to io.bfq.weight", text) : 0;
}

/* --- both --- */

static int rest(const struct update *u)
{
	const struct host_config *h = u->h;
	int r = 0;

	if (h->cpuset_cpus && *h->cpuset_cpus)
		r = put(u, "cpuset", "cpuset.cpus", h->cpuset_cpus);
	if (r == 0 && h->cpuset_mems && *h->cpuset_mems)
		r = put(u, "cpuset", "cpuset.mems", h->cpuset_mems);
	if (r == 0 && h->pids_limit.set && h->pids_limit.v > 0)
		r = put_number(u, "pids", "pids.max", h->pids_limit.v);
	else if (r == 0 && h->pids_limit.set)
		r = put(u, "pids", "pids.max", "max");
	return r;
}

int cgroup_update(const struct cgroup *cg, const struct host_config *h, struct err *e)
{
	const struct update u = {cg, h, e};
	int64_t period = h->cpu_period, quota = h->cpu_quota;
	int r;

	if (h->nano_cpus > 0) {
		period = NANO_PERIOD;
		quota = h->nano_cpus / (1000000000 / NANO_PERIOD);
	}
	r = cg->v2 ? memory_v2(&u) : memory_v1(&u);
	if (r == 0)
		r = cg->v2 ? cpu_v2(&u, period, quota) : cpu_v1(&u, period, quota);
	if (r == 0 && h->blkio_weight)
		r = cg->v2 ? weight_v2(&u) : weight_v1(&u);
	return r < 0 ? r : rest(&u);
}
