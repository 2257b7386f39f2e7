/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A running container's root is /proc/<pid>/root: whatever it has mounted is seen. That the process
 * is still the container's is read off its cgroup, for its number may be another's by now.
 *
 * A stopped container's root is mounted as for a start. When it has binds or volumes they are
 * mounted on top in a mount namespace made for the purpose: a worker enters it, mounts, makes the
 * container's root its only file system and comes back. The namespace lives as long as the view's
 * descriptor of it, and takes all its mounts with it, also when the daemon dies.
 */
#include "runtime/container/view.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "firmware/core/beneath.h"
#include "firmware/core/log.h"
#include "firmware/core/mem.h"

#define TRIES 5
#define EXIT_WAIT_MS 2000
#define CGROUP_TEXT_MAX 8192
#define TARGET_MAX 4096

struct view_job {
	struct job job;
	struct container_view *v;
	enum view_kind kind;
	pid_t pid;
	char merged[CONTAINER_PATH_MAX];
	char text[CGROUP_TEXT_MAX];
};

int open_in_root(int root, const char *path, uint64_t flags)
{
	struct open_how how = {.flags = flags | O_CLOEXEC,
			       .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
	int fd = open_beneath_how(root, path[0] ? path : "/", &how);

	return fd < 0 ? -errno : fd;
}

/* --- running --- */

static bool is_of_container(struct view_job *j, int proc)
{
	CLEANUP_FD int fd = openat(proc, "cgroup", O_RDONLY | O_CLOEXEC);
	size_t n = 0;

	while (fd >= 0 && n < sizeof(j->text) - 1) {
		ssize_t got = read(fd, j->text + n, sizeof(j->text) - 1 - n);

		if (got <= 0)
			break;
		n += (size_t)got;
	}
	j->text[n] = '\0';
	return strstr(j->text, j->v->c->id) != NULL;
}

/* -ESRCH without a message when the process is gone. */
static int running_run(struct job *job)
{
	struct view_job *j = container_of(job, struct view_job, job);
	CLEANUP_FD int proc = -1;
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d", (int)j->pid);
	proc = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (proc < 0 || !is_of_container(j, proc))
		return -ESRCH;
	j->v->root_fd = openat(proc, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return j->v->root_fd < 0 ? -ESRCH : 0;
}

/* --- stopped --- */

/* Make the place a bind or volume is mounted on, as a start would. */
static int make_target(int root, char *path, bool directory)
{
	for (char *p = path + 1;; p++) {
		char saved = *p;
		CLEANUP_FD int fd = -1, parent = -1;
		char *slash;

		if (saved && saved != '/')
			continue;
		*p = '\0';
		fd = open_in_root(root, path, O_PATH);
		slash = strrchr(path, '/');
		if (fd == -ENOENT) {
			*slash = '\0';
			parent = open_in_root(root, path, O_PATH | O_DIRECTORY);
			*slash = '/';
			if (parent < 0)
				return parent;
			if (saved || directory)
				fd = mkdirat(parent, slash + 1, 0755);
			else
				fd = mknodat(parent, slash + 1, S_IFREG | 0644, 0);
			if (fd < 0)
				return -errno;
			fd = -1;
		} else if (fd < 0) {
			return fd;
		}
		*p = saved;
		if (!saved)
			return 0;
	}
}

static NOINLINE int bind_one(int root, const struct container_mount *m)
{
	CLEANUP_MEM char *path = mem_alloc(TARGET_MAX);
	CLEANUP_FD int fd = -1, from = container_mount_open(m);
	char source[32], target[32];
	struct stat st;
	int r;

	if (!path)
		return -ENOMEM;
	if (!str_copy(path, TARGET_MAX, str_from(m->destination)) || path[0] != '/')
		return -EINVAL;
	if (from < 0)
		return from;
	if (fstat(from, &st) < 0)
		return -errno;
	r = make_target(root, path, S_ISDIR(st.st_mode));
	if (r < 0)
		return r;
	fd = open_in_root(root, path, O_PATH);
	if (fd < 0)
		return fd;
	snprintf(target, sizeof(target), "/proc/self/fd/%d", fd);
	snprintf(source, sizeof(source), "/proc/self/fd/%d", from);
	return mount(source, target, NULL, MS_BIND | MS_REC, NULL) < 0 ? -errno : 0;
}

static bool is_bind(const struct container_mount *m)
{
	return m->source && *m->source && strcmp(m->type, "tmpfs") != 0;
}

static size_t depth_of(const char *path)
{
	size_t n = 0;

	for (; *path; path++)
		n += *path == '/';
	return n;
}

/* Outer mount points before those inside them. */
static int bind_all(struct view_job *j, int root)
{
	const struct container *c = j->v->c; /* locked */
	size_t deepest = 0;

	for (size_t i = 0; i < c->n_mounts; i++)
		deepest = MAX(deepest, depth_of(c->mounts[i].destination));
	for (size_t depth = 0; depth <= deepest; depth++) {
		for (size_t i = 0; i < c->n_mounts; i++) {
			const struct container_mount *m = &c->mounts[i];
			int r;

			if (!is_bind(m) || depth_of(m->destination) != depth)
				continue;
			r = bind_one(root, m);
			/* A source that is gone fails the start, not a look at the rest. */
			if (r < 0 && r != -ENOENT)
				return err_sys(&j->job.err, -r, "mounting %s", m->destination);
		}
	}
	return 0;
}

static int enter_and_mount(struct view_job *j)
{
	CLEANUP_FD int root = -1;
	int r;

	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return err_sys(&j->job.err, errno, "making mounts private");
	j->v->ns_fd = open("/proc/thread-self/ns/mnt", O_RDONLY | O_CLOEXEC);
	root = open(j->merged, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (j->v->ns_fd < 0 || root < 0)
		return err_sys(&j->job.err, errno, "opening the root file system");
	/* vfs: a plain directory becomes a mount, so that it can be the root. */
	if (mount(j->merged, j->merged, NULL, MS_BIND, NULL) < 0)
		return err_sys(&j->job.err, errno, "mounting the root file system");
	close(root);
	root = open(j->merged, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return err_sys(&j->job.err, errno, "opening the root file system");
	r = bind_all(j, root);
	if (r < 0)
		return r;
	/* Nothing else is kept busy. Where the machine's root cannot be left it is: no harm. */
	if (fchdir(root) == 0 && syscall(SYS_pivot_root, ".", ".") == 0)
		(void)!umount2(".", MNT_DETACH);
	j->v->root_fd = TAKE_FD(root);
	return 0;
}

static int mount_apart(struct view_job *j)
{
	CLEANUP_FD int home = open("/proc/thread-self/ns/mnt", O_RDONLY | O_CLOEXEC);
	int r;

	if (home < 0 || unshare(CLONE_NEWNS) < 0)
		return err_sys(&j->job.err, errno, "making a mount namespace");
	r = enter_and_mount(j);
	if (setns(home, CLONE_NEWNS) < 0 && r == 0)
		r = err_sys(&j->job.err, errno, "return to the daemon's mount namespace");
	return r;
}

/* The working directory is there from the create on; a start would not find it missing either. */
static void make_workdir(const struct view_job *j)
{
	const struct container *c = j->v->c;
	CLEANUP_FD int root = -1;
	struct err ignored = ERR_INIT;

	if (c->has_been_started || !c->config.working_dir || *c->config.working_dir != '/')
		return;
	root = open(j->merged, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root >= 0 && container_make_workdir(root, c->config.working_dir, &ignored) < 0)
		err_clear(&ignored);
}

static int stopped_run(struct job *job)
{
	struct view_job *j = container_of(job, struct view_job, job);
	const struct container *c = j->v->c;

	make_workdir(j);

	for (size_t i = 0; j->kind == VIEW_FULL && i < c->n_mounts; i++)
		if (is_bind(&c->mounts[i]))
			return mount_apart(j);
	j->v->root_fd = open(j->merged, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (j->v->root_fd < 0)
		return err_sys(&job->err, errno, "opening the root file system");
	return 0;
}

/* --- both --- */

static bool has_process(const struct container *c)
{
	return container_is_running(c) && c->pid > 0;
}

static int do_job(struct view_job *j, int (*run)(struct job *), struct err *e) FIBER_FN
{
	int r;

	j->job = (struct job){0};
	r = job_run(&j->job, run, JOB_SHORT);
	if (r < 0 && j->job.err.kind)
		*e = j->job.err;
	else if (r < 0 && r != -ESRCH)
		return err_set(e, ERR_UNAVAILABLE, "too many operations at once; try again");
	return r;
}

static int open_stopped(struct view_job *j, struct err *e) FIBER_FN
{
	struct container *c = j->v->c;
	int r;

	if (c->removed)
		return err_set(e, ERR_NOT_FOUND, "No such container: %s", c->id);
	r = snapshot_mount(c->eng->images, c->id, c->image, j->merged, sizeof(j->merged), e);
	/* As with other sources: a volume that cannot be mounted is not a reason not to look. */
	if (r == 0 && j->kind == VIEW_FULL && container_volumes_up(c, e) < 0)
		err_clear(e);
	return r < 0 ? r : do_job(j, stopped_run, e);
}

/* The root alone of a running container is where the engine mounted it. */
static int open_running(struct view_job *j, struct err *e) FIBER_FN
{
	struct container *c = j->v->c;
	int r;

	if (j->kind == VIEW_FULL) {
		j->pid = c->pid;
		return do_job(j, running_run, e);
	}
	r = snapshot_mount(c->eng->images, c->id, c->image, j->merged, sizeof(j->merged), e);
	return r < 0 ? r : do_job(j, stopped_run, e);
}

static int open_view(struct view_job *j, struct err *e) FIBER_FN
{
	struct container *c = j->v->c;

	for (int i = 0; i < TRIES; i++) {
		int r = -ESRCH;

		if (has_process(c) && j->kind == VIEW_FULL) {
			r = open_running(j, e);
			if (r != -ESRCH)
				return r;
			/* It just ended: its end is being dealt with. */
			if (container_wait_stopped(c, clock_in_ms(EXIT_WAIT_MS)) == -ECANCELED)
				return err_set(e, ERR_CANCELLED, "cancelled");
		}
		if (fiber_lock_take(&c->lock, DEADLINE_NEVER) < 0)
			return err_set(e, ERR_CANCELLED, "cancelled");
		if (has_process(c) && j->kind == VIEW_FULL) {
			fiber_lock_release(&c->lock);
			continue;
		}
		if (has_process(c)) {
			r = open_running(j, e);
			fiber_lock_release(&c->lock);
			return r;
		}
		j->v->locked = true;
		return open_stopped(j, e);
	}
	return err_set(e, ERR_CONFLICT, "container %s is changing its state; try again", c->id);
}

int container_view_open(struct container *c, enum view_kind kind, struct container_view *v,
			struct err *e)
{
	CLEANUP_MEM struct view_job *j = mem_alloc(sizeof(*j));

	if (!j)
		return err_set(e, ERR_UNAVAILABLE, "no memory");
	v->c = c;
	j->v = v;
	j->kind = kind;
	return open_view(j, e);
}

void container_view_close(struct container_view *v)
{
	struct err e = ERR_INIT;

	if (v->root_fd >= 0)
		close(TAKE_FD(v->root_fd));
	if (v->ns_fd >= 0)
		close(TAKE_FD(v->ns_fd));
	if (!v->locked)
		return;
	fiber_shield();
	if (!v->c->removed && snapshot_unmount(v->c->eng->images, v->c->id, &e) < 0)
		log_warn("container %s: unmounting its root: %s", v->c->id, e.msg);
	if (!container_is_running(v->c))
		container_volumes_down(v->c);
	v->locked = false;
	fiber_lock_release(&v->c->lock);
	fiber_unshield();
}
