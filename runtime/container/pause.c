/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pause and unpause, by the freezer of the container's control group. A signal to a paused
 * container waits until it goes on; so whoever means to end it lets it go first.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "firmware/core/log.h"
#include "runtime/cgroup/cgroup.h"
#include "runtime/container/look.h"
#include "runtime/container/private.h"

struct freeze_job {
	struct job job;
	struct cgroup group;
	bool freeze, frozen;
};

bool container_cgroup(const struct container *c, struct cgroup *ret)
{
	const char *parent = c->host.cgroup_parent;

	if (!parent || !*parent)
		parent = c->eng->opt->cgroup_parent;
	ret->v2 = c->eng->cgroup_v2;
	return text_format(ret->path, sizeof(ret->path), "%s%s/%s", *parent == '/' ? "" : "/",
			   parent, c->id);
}

static int freeze_run(struct job *job)
{
	struct freeze_job *j = container_of(job, struct freeze_job, job);

	return cgroup_freeze(&j->group, j->freeze, job, &job->err);
}

static int look_run(struct job *job)
{
	struct freeze_job *j = container_of(job, struct freeze_job, job);

	j->frozen = cgroup_is_frozen(&j->group);
	return 0;
}

static int freeze(struct container *c, bool frozen, struct err *e) FIBER_FN
{
	struct freeze_job j = {.freeze = frozen};
	int r;

	if (!container_cgroup(c, &j.group))
		return err_set(e, ERR_INVALID, "HostConfig.CgroupParent is too long");
	r = job_run(&j.job, freeze_run, JOB_SHORT);
	if (r < 0 && !j.job.err.kind)
		return err_set(e, ERR_UNAVAILABLE, "too many operations at once; try again");
	if (r < 0)
		*e = j.job.err;
	return r;
}

static void now_is(struct container *c, enum container_status status, const char *action) FIBER_FN
{
	struct err e = ERR_INIT;

	container_set_status(c, status);
	container_event(c, action);
	if (container_persist(c, PERSIST_QUICK, &e) < 0)
		log_error("%s", e.msg);
}

static int pause_locked(struct container *c, struct err *e) FIBER_FN
{
	bool ending = c->stop_requested;
	struct err own = ERR_INIT;
	int r;

	if (c->removed)
		return err_set(e, ERR_NOT_FOUND, "No such container: %s", c->id);
	if (!container_is_running(c))
		return err_set(e, ERR_CONFLICT, "container %s is not running", c->id);
	if (c->status == CONTAINER_PAUSED)
		return err_set(e, ERR_CONFLICT, "Container %s is already paused", c->id);
	if (c->status == CONTAINER_RESTARTING)
		return err_set(e, ERR_CONFLICT,
			       "Container %s is restarting, wait until the container is running",
			       c->id);
	r = freeze(c, true, e);
	/* Its group is gone with it: the end is on its way to us. */
	if (r == -ENOENT || r == -ENODEV)
		return err_set(e, ERR_CONFLICT, "container %s is not running", c->id);
	if (r < 0)
		return err_wrap(e, "cannot pause container %s", c->id);
	if (ending == c->stop_requested && c->shim) {
		now_is(c, CONTAINER_PAUSED, "pause");
		return 0;
	}
	/* Somebody ended it while it froze. */
	if (freeze(c, false, &own) < 0)
		log_warn("container %s: %s", c->id, own.msg);
	return err_set(e, ERR_CONFLICT, "container %s is not running", c->id);
}

static int unpause_locked(struct container *c, struct err *e) FIBER_FN
{
	int r;

	if (c->removed)
		return err_set(e, ERR_NOT_FOUND, "No such container: %s", c->id);
	if (c->status != CONTAINER_PAUSED)
		return err_set(e, ERR_SYSTEM, "Container %s is not paused", c->id);
	r = freeze(c, false, e);
	if (r == -ENOENT || r == -ENODEV)
		return err_set(e, ERR_CONFLICT, "container %s is not running", c->id);
	if (r < 0)
		return err_wrap(e, "Cannot unpause container %s", c->id);
	if (c->status == CONTAINER_PAUSED)
		now_is(c, CONTAINER_RUNNING, "unpause");
	return 0;
}

static int locked(struct container *c, int (*run)(struct container *, struct err *), struct err *e)
	FIBER_FN
{
	int r;

	fiber_shield();
	r = fiber_lock_take(&c->lock, DEADLINE_NEVER);
	if (r == 0) {
		r = run(c, e);
		fiber_lock_release(&c->lock);
	}
	fiber_unshield();
	return r;
}

int container_pause(struct container *c, struct err *e)
{
	return locked(c, pause_locked, e);
}

int container_unpause(struct container *c, struct err *e)
{
	return locked(c, unpause_locked, e);
}

/* Stands in the bundle's directory while a container is frozen for our own sake. */
static void mark_path(const struct container *c, char out[CONTAINER_PATH_MAX + 8])
{
	char dir[CONTAINER_PATH_MAX];

	container_run_path(c, dir);
	text_format(out, CONTAINER_PATH_MAX + 8, "%s/frozen", dir);
}

int container_hold_still(struct container *c, struct err *e)
{
	char mark[CONTAINER_PATH_MAX + 8];
	CLEANUP_FD int fd = -1;
	int r;

	if (c->status != CONTAINER_RUNNING || !c->shim)
		return 0;
	mark_path(c, mark);
	fd = open(mark, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(e, errno, "cannot pause container %s", c->id);
	r = pause_locked(c, e);
	if (r == 0)
		return 1;
	(void)!unlink(mark);
	/* It ended just now: what it left is still. */
	if (e->kind == ERR_CONFLICT) {
		err_clear(e);
		return 0;
	}
	return r;
}

void container_go_on(struct container *c)
{
	char mark[CONTAINER_PATH_MAX + 8];
	struct err e = ERR_INIT;

	/* Unless somebody let it go meanwhile. */
	if (c->status == CONTAINER_PAUSED && unpause_locked(c, &e) < 0)
		log_warn("container %s: %s", c->id, e.msg);
	mark_path(c, mark);
	(void)!unlink(mark);
}

void container_let_go(struct container *c)
{
	struct err e = ERR_INIT;

	if (c->status != CONTAINER_PAUSED)
		return;
	if (freeze(c, false, &e) < 0) {
		log_warn("container %s: letting it go on: %s", c->id, e.msg);
		return;
	}
	if (c->status == CONTAINER_PAUSED) {
		container_set_status(c, CONTAINER_RUNNING);
		container_event(c, "unpause");
	}
}

void container_restore_paused(struct container *c)
{
	struct freeze_job j = {0};
	char mark[CONTAINER_PATH_MAX + 8];

	if (container_cgroup(c, &j.group) && job_run(&j.job, look_run, JOB_SHORT) == 0 && j.frozen)
		container_set_status(c, CONTAINER_PAUSED);
	mark_path(c, mark);
	if (access(mark, F_OK) == 0)
		container_go_on(c);
}
