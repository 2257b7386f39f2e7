/* SPDX-License-Identifier: Apache-2.0 */
/*
 * New limits and a new restart policy for a container that exists. A running one's control group is
 * written first; only what took effect there is kept.
 */
#include <errno.h>

#include "firmware/core/cleanup.h"
#include "firmware/core/log.h"
#include "runtime/cgroup/cgroup.h"
#include "runtime/container/look.h"
#include "runtime/container/private.h"
#include "runtime/container/restart_policy.h"

struct update_job {
	struct job job;
	struct cgroup group;
	const struct host_config *h;
	bool gone; /* with its container, which just ended */
};

static int update_run(struct job *job)
{
	struct update_job *j = container_of(job, struct update_job, job);
	int r = cgroup_update(&j->group, j->h, &job->err);
	CLEANUP_FD int fd = r < 0 ? cgroup_open(&j->group, j->group.v2 ? "" : "memory") : -1;

	j->gone = r < 0 && fd == -ENOENT;
	return j->gone ? 0 : r;
}

static int conflict(const struct container *c, struct err *e, const char *why)
{
	return err_set(e, ERR_CONFLICT, "Cannot update container %s: %s", c->id, why);
}

/* What the new values may not be, given those that stay. */
static int check_conflicts(const struct container *c, const struct host_config *h, struct err *e)
{
	const struct host_config *now = &c->host;

	if (c->removed)
		return err_set(e, ERR_NOT_FOUND, "No such container: %s", c->id);
	if (c->status == CONTAINER_REMOVING || c->status == CONTAINER_DEAD)
		return conflict(c, e, "container is marked for removal and cannot be \"update\"");
	if (h->nano_cpus > 0 && now->cpu_period > 0)
		return conflict(
			c, e,
			"Conflicting options: Nano CPUs cannot be updated as CPU Period has "
			"already been set");
	if (h->nano_cpus > 0 && now->cpu_quota > 0)
		return conflict(c, e,
				"Conflicting options: Nano CPUs cannot be updated as CPU Quota has "
				"already been set");
	if (h->cpu_period > 0 && now->nano_cpus > 0)
		return conflict(c, e,
				"Conflicting options: CPU Period cannot be updated as NanoCPUs has "
				"already been set");
	if (h->cpu_quota > 0 && now->nano_cpus > 0)
		return conflict(c, e,
				"Conflicting options: CPU Quota cannot be updated as NanoCPUs has "
				"already been set");
	if (h->memory && h->memory > now->memory_swap && !h->memory_swap)
		return conflict(c, e,
				"Memory limit should be smaller than already set memoryswap limit, "
				"update the memoryswap at the same time");
	if (now->auto_remove && h->restart_policy.name && *h->restart_policy.name &&
	    strcmp(h->restart_policy.name, "no") != 0)
		return conflict(
			c, e,
			"Restart policy cannot be updated because AutoRemove is enabled for "
			"the container");
	return 0;
}

static int check(const struct container *c, struct host_config *h, struct warnings *w,
		 struct err *e)
{
	/* Swap alone may change. */
	bool swap_alone = !h->memory && h->memory_swap;
	int r;

	if (swap_alone)
		h->memory = c->host.memory;
	r = container_check_limits(h, &c->eng->limits, true, w, e);
	if (swap_alone)
		h->memory = 0;
	if (r == 0 && h->restart_policy.name && *h->restart_policy.name)
		r = restart_policy_check(&h->restart_policy, false, e);
	return r;
}

static int apply(struct container *c, const struct host_config *h, struct err *e) FIBER_FN
{
	struct update_job j = {.h = h};
	int r;

	if (!container_is_running(c) || c->pid <= 0)
		return 0;
	if (!container_cgroup(c, &j.group))
		return err_set(e, ERR_INVALID, "HostConfig.CgroupParent is too long");
	r = job_run(&j.job, update_run, JOB_SHORT);
	if (r == 0)
		return 0;
	if (!j.job.err.kind)
		return err_set(e, ERR_UNAVAILABLE, "too many operations at once; try again");
	*e = j.job.err;
	return err_wrap(e, "Cannot update container %s", c->id);
}

/* A text to keep; the present one when it says the same. */
static const char *keep_text(struct container *c, const char *now, const char *next)
{
	if (!next || !*next || strz_eq(now, next))
		return now;
	next = arena_strdup(&c->mem, next);
	return next ? next : now;
}

static void take_over(struct container *c, const struct host_config *h)
{
	struct host_config *now = &c->host;
	const struct {
		int64_t *to;
		int64_t from;
	} numbers[] = {
		{&now->cpu_shares, h->cpu_shares},
		{&now->memory, h->memory},
		{&now->memory_swap, h->memory_swap},
		{&now->memory_reservation, h->memory_reservation},
		{&now->kernel_memory, h->kernel_memory},
		{&now->nano_cpus, h->nano_cpus},
		{&now->blkio_weight, h->blkio_weight},
		{&now->cpu_period, h->cpu_period},
		{&now->cpu_quota, h->cpu_quota},
		{&now->cpu_rt_period, h->cpu_rt_period},
		{&now->cpu_rt_runtime, h->cpu_rt_runtime},
	};

	for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
		if (numbers[i].from)
			*numbers[i].to = numbers[i].from;
	if (h->pids_limit.set) /* below nought is no limit, as nought is */
		now->pids_limit =
			(struct opt_i64){.set = true, .v = MAX(h->pids_limit.v, INT64_C(0))};
	now->cpuset_cpus = keep_text(c, now->cpuset_cpus, h->cpuset_cpus);
	now->cpuset_mems = keep_text(c, now->cpuset_mems, h->cpuset_mems);
	if (h->restart_policy.name && *h->restart_policy.name) {
		now->restart_policy.name =
			keep_text(c, now->restart_policy.name, h->restart_policy.name);
		now->restart_policy.maximum_retry_count = h->restart_policy.maximum_retry_count;
	}
}

static int update_locked(struct container *c, const struct host_config *h, struct err *e) FIBER_FN
{
	int r = check_conflicts(c, h, e);

	if (r == 0)
		r = apply(c, h, e);
	if (r < 0)
		return r;
	take_over(c, h);
	r = container_persist(c, PERSIST_SYNC, e);
	if (r == 0)
		container_event(c, "update");
	return r;
}

int container_update(struct container *c, struct host_config *h, struct arena *a,
		     struct texts *ret_warnings, struct err *e)
{
	struct warnings w = {.n = 0};
	int r = check(c, h, &w, e);

	if (r == 0)
		r = warnings_keep(&w, a, ret_warnings, e);
	if (r < 0)
		return r;
	fiber_shield();
	r = fiber_lock_take(&c->lock, DEADLINE_NEVER);
	if (r == 0) {
		r = update_locked(c, h, e);
		fiber_lock_release(&c->lock);
	}
	fiber_unshield();
	return r;
}
