/* SPDX-License-Identifier: Apache-2.0 */
/* Saving a container: its record, made at the caller's turn and written by a job. */
#include <errno.h>
#include <fcntl.h>

#include "firmware/core/file.h"
#include "firmware/sched/job.h"
#include "runtime/container/private.h"

static int persist_run(struct job *job)
{
	struct persist *p = container_of(job, struct persist, job);

	return file_replace_at(AT_FDCWD, p->path, p->data, 0600, p->durable, &job->err);
}

static int persist_prepare(struct container *c, struct persist *p, struct err *e)
{
	char dir[CONTAINER_PATH_MAX];
	struct buf out;

	if (arena_open(&p->mem, POOL_RESERVED) < 0)
		return err_set(e, ERR_UNAVAILABLE, "no memory to save container %s", c->id);
	buf_init(&out, &p->mem, CONTAINER_FILE_MAX);
	if (container_to_record(c, &p->mem, &out) < 0) {
		arena_done(&p->mem);
		return err_set(e, ERR_UNAVAILABLE, "no memory to save container %s", c->id);
	}
	container_state_path(c, dir);
	text_format(p->path, sizeof(p->path), "%s/container.json", dir);
	p->data = buf_str(&out);
	return 0;
}

/* With the lock on saving held, which goes to p when the job was started. */
static int persist_start(struct container *c, struct persist *p, enum job_class cls, struct err *e)
{
	int r = persist_prepare(c, p, e);

	if (r < 0)
		return r;
	if (job_start(&p->job, persist_run, cls) < 0) {
		arena_done(&p->mem);
		return err_set(e, ERR_UNAVAILABLE, "too many operations at once; try again");
	}
	p->c = c;
	p->started = true;
	return 0;
}

/*
 * Even a file that is not synced may keep its writer waiting, for the disk's journal; so both forms
 * are jobs. The quick one tells of what happened already, so it is never refused for want of room.
 */
static int persist_begin(struct container *c, struct persist *p, enum persist_mode mode,
			 struct err *e) FIBER_FN
{
	int r;

	*p = (struct persist){.durable = mode == PERSIST_SYNC};
	fiber_shield();
	r = fiber_lock_take(&c->saving, DEADLINE_NEVER);
	fiber_unshield();
	if (r < 0)
		return err_sys(e, r, "waiting for another save of container %s", c->id);
	if (!c->deleted_on_disk)
		r = persist_start(c, p, p->durable ? JOB_SHORT : JOB_SHORT_MUST, e);
	if (!p->started)
		fiber_lock_release(&c->saving);
	return r;
}

int container_persist_begin(struct container *c, struct persist *p, struct err *e)
{
	return persist_begin(c, p, PERSIST_SYNC, e);
}

int container_persist_end(struct persist *p, struct err *e)
{
	int r = 0;

	if (!p->started)
		return 0;
	p->started = false;
	while (job_wait(&p->job, DEADLINE_NEVER) != 0)
		;
	fiber_lock_release(&p->c->saving);
	r = p->job.result;
	if (r < 0 && e)
		*e = p->job.err;
	arena_done(&p->mem);
	return r;
}

int container_persist(struct container *c, enum persist_mode mode, struct err *e)
{
	struct persist p;
	int r;

	fiber_shield(); /* a client that leaves does not keep a state off the disk */
	r = persist_begin(c, &p, mode, e);
	if (r == 0)
		r = container_persist_end(&p, e);
	fiber_unshield();
	if (r < 0)
		err_wrap(e, "saving container %s", c->id);
	return r;
}
