/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Removal. The directory is renamed to ".removing-<id>" first, which is the moment the container
 * ceases to exist; what follows may be cut off anywhere and is finished by the sweep at the next
 * start.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>

#include "firmware/core/file.h"
#include "firmware/core/log.h"
#include "firmware/sched/job.h"
#include "runtime/container/private.h"

#define KILL_WAIT_MS 10000
#define REMOVING_PREFIX ".removing-"

struct delete_job {
	struct job job;
	char root[CONTAINER_PATH_MAX]; /* <data-root>/containers */
	char id[CONTAINER_ID_LEN + 1];
	unsigned swept;
};

/* Rename away and make that durable. */
static int forget_run(struct job *job)
{
	struct delete_job *d = container_of(job, struct delete_job, job);
	char gone[CONTAINER_ID_LEN + sizeof(REMOVING_PREFIX)];
	CLEANUP_FD int dir = open(d->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0)
		return err_sys(&job->err, errno, "opening %s", d->root);
	text_format(gone, sizeof(gone), REMOVING_PREFIX "%s", d->id);
	if (renameat(dir, d->id, dir, gone) < 0 && errno != ENOENT)
		return err_sys(&job->err, errno, "removing container %s", d->id);
	if (fsync(dir) < 0)
		return err_sys(&job->err, errno, "removing container %s", d->id);
	return 0;
}

static int clean_run(struct job *job)
{
	struct delete_job *d = container_of(job, struct delete_job, job);
	char gone[CONTAINER_ID_LEN + sizeof(REMOVING_PREFIX)];
	CLEANUP_FD int dir = open(d->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0)
		return err_sys(&job->err, errno, "opening %s", d->root);
	text_format(gone, sizeof(gone), REMOVING_PREFIX "%s", d->id);
	return tree_remove_at(dir, gone, &job->err);
}

int container_delete_locked(struct container *c, struct err *e)
{
	struct delete_job d = {0};
	int r;

	text_format(d.root, sizeof(d.root), "%s/containers", c->eng->opt->data_root);
	str_copy(d.id, sizeof(d.id), str_from(c->id));
	r = fiber_lock_take(&c->saving, DEADLINE_NEVER);
	if (r < 0)
		return err_sys(e, r, "removing container %s", c->id);
	r = job_run(&d.job, forget_run, JOB_SHORT_MUST);
	c->deleted_on_disk = r == 0;
	fiber_lock_release(&c->saving);
	if (r < 0) {
		if (e)
			*e = d.job.err;
		return r;
	}
	r = snapshot_remove(c->eng->images, c->id, e);
	if (r < 0)
		return r;
	d.job = (struct job){0};
	r = job_run(&d.job, clean_run, JOB_LONG_MUST);
	if (r < 0)
		log_warn("container %s: deleting its files: %s (the next start sweeps them)", c->id,
			 d.job.err.msg);
	return 0;
}

/*
 * Its own volumes first, and before them a note on disk, so that a removal that is cut off goes on
 * at the next start. When the note cannot be written (a full disk) the removal goes on all the
 * same.
 */
int container_delete_all_locked(struct container *c, bool volumes, struct err *e)
{
	struct err ignored = ERR_INIT;
	int r;

	volumes = volumes && container_has_volumes(c, true);
	if (volumes && !c->unfinished) {
		c->unfinished = true;
		if (container_persist(c, PERSIST_SYNC, &ignored) < 0)
			log_warn("%s", ignored.msg);
	}
	if (volumes)
		container_volumes_release(c, true);
	r = container_delete_locked(c, e);
	if (r == 0) {
		container_volumes_release(c, false);
		container_images_release(c);
	}
	return r;
}

static int remove_locked(struct container *c, const char *as, bool volumes, struct err *e) FIBER_FN
{
	enum container_status before = c->status;
	int r;

	if (c->removed)
		return err_set(e, ERR_NOT_FOUND, "No such container: %s", c->id);
	if (container_is_running(c))
		return err_set(e, ERR_CONFLICT,
			       "cannot remove container \"%s\": container is %s: stop the "
			       "container before removing or force remove",
			       as, container_status_name(c->status));
	c->status = CONTAINER_REMOVING;
	r = container_delete_all_locked(c, volumes, e);
	if (r < 0) {
		c->status = before == CONTAINER_REMOVING ? CONTAINER_DEAD : before;
		return err_wrap(e, "container %s: driver \"%s\" failed to remove root filesystem",
				c->id, image_store_driver(c->eng->images));
	}
	container_forget_execs(c, true);
	container_wake_attaching(c);
	container_event(c, "destroy");
	container_leave(c);
	return 0;
}

static int end_by_force(struct container *c, const char *as, struct err *e) FIBER_FN
{
	if (!container_is_running(c))
		return 0;
	c->stop_requested = true;
	restart_cancel(c);
	if (!container_is_running(c))
		return 0;
	if (!c->shim || shim_kill(c->shim, SIGKILL, e) < 0)
		log_debug("container %s: kill before removal: %s", c->id, e->msg);
	else
		container_event_number(c, "kill", "signal", SIGKILL);
	err_clear(e);
	container_let_go(c);
	if (container_wait_stopped(c, clock_in_ms(KILL_WAIT_MS)) < 0)
		return err_set(
			e, ERR_SYSTEM,
			"cannot remove container \"%s\": could not kill container: it did not end",
			as);
	return 0;
}

static int remove_shielded(struct container *c, const char *as, bool force, bool volumes,
			   struct err *e) FIBER_FN
{
	int r;

	if (c->status == CONTAINER_REMOVING)
		return err_set(e, ERR_CONFLICT, "removal of container %s is already in progress",
			       as);
	if (c->status == CONTAINER_PAUSED && !force)
		return err_set(e, ERR_CONFLICT,
			       "cannot remove container \"%s\": container is paused and must be "
			       "unpaused first",
			       as);
	if (force) {
		container_wait_started(c);
		r = end_by_force(c, as, e);
		if (r < 0)
			return r;
		if (c->removed) /* auto-remove was faster */
			return 0;
	}
	r = fiber_lock_take(&c->lock, DEADLINE_NEVER);
	if (r < 0)
		return err_set(e, ERR_CANCELLED, "cancelled");
	r = remove_locked(c, as, volumes, e);
	fiber_lock_release(&c->lock);
	return r;
}

int container_remove(struct container *c, const char *as, bool force, bool volumes, struct err *e)
{
	int r;

	fiber_shield();
	r = remove_shielded(c, as, force, volumes, e);
	fiber_unshield();
	return r;
}

static int sweep_run(struct job *job)
{
	struct delete_job *d = container_of(job, struct delete_job, job);
	DIR *dir = opendir(d->root);
	struct dirent *ent;

	if (!dir)
		return errno == ENOENT ? 0 : err_sys(&job->err, errno, "opening %s", d->root);
	while ((ent = readdir(dir)) != NULL) {
		char file[CONTAINER_PATH_MAX + 300];
		struct stat st;
		bool whole;

		if (!strcmp(ent->d_name, ".") || !strcmp(ent->d_name, ".."))
			continue;
		text_format(file, sizeof(file), "%s/container.json", ent->d_name);
		whole = fstatat(dirfd(dir), file, &st, 0) == 0;
		if (whole && !strz_starts(ent->d_name, REMOVING_PREFIX))
			continue;
		if (tree_remove_at(dirfd(dir), ent->d_name, &job->err) == 0)
			d->swept++;
	}
	closedir(dir);
	return 0;
}

int container_sweep_dirs(struct engine *eng)
{
	struct delete_job d = {0};

	text_format(d.root, sizeof(d.root), "%s/containers", eng->opt->data_root);
	if (job_run(&d.job, sweep_run, JOB_SHORT) < 0)
		log_warn("sweeping containers: %s", d.job.err.msg);
	return (int)d.swept;
}
