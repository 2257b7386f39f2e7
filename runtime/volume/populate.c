/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an image has where a volume is mounted becomes the volume's first content. The copy is made
 * beside _data and takes its place when it is whole, so that a crash leaves an empty volume or a
 * filled one. Where that cannot be (the volume is mounted from elsewhere, or a container that runs
 * has it) it is copied straight into it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "firmware/core/beneath.h"
#include "firmware/core/file.h"
#include "runtime/image/rootfs.h"
#include "runtime/volume/private.h"

struct populate_job {
	struct job job;
	const char *mountpoint; /* …/_data */
	const char *root, *path;
	bool in_place;
};

/* 1 empty, 0 not, or -errno. */
static int is_empty(int at, const char *path)
{
	int fd = openat(at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *ent;
	int r = 1;

	if (!dir) {
		r = -errno;
		if (fd >= 0)
			close(fd);
		return r;
	}
	errno = 0;
	while (r == 1 && (ent = readdir(dir)) != NULL)
		if (strcmp(ent->d_name, ".") && strcmp(ent->d_name, ".."))
			r = 0;
	if (r == 1 && errno)
		r = -errno;
	closedir(dir);
	return r;
}

static int copy_beside(struct populate_job *p, int from, struct err *e)
{
	CLEANUP_FD int dir = -1, to = -1;
	char parent[VOLUME_PATH_MAX];
	int r;

	str_copy(parent, sizeof(parent), str_from(p->mountpoint));
	*strrchr(parent, '/') = '\0';
	dir = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return err_sys(e, errno, "open %s", parent);
	r = tree_remove_at(dir, "_copy", e);
	if (r < 0)
		return r;
	if (mkdirat(dir, "_copy", 0700) < 0)
		return err_sys(e, errno, "make a directory in %s", parent);
	to = openat(dir, "_copy", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	r = to < 0 ? err_sys(e, errno, "open a directory in %s", parent)
		   : copy_tree(&p->job, from, to, e);
	if (r == 0 && syncfs(to) < 0)
		r = err_sys(e, errno, "sync %s", parent);
	/* Takes the place of the directory that is there, which must be empty still. */
	if (r == 0 && renameat(dir, "_copy", dir, "_data") < 0 && errno != ENOTEMPTY &&
	    errno != EEXIST)
		r = err_sys(e, errno, "rename the copy in %s", parent);
	if (r == 0 && fsync(dir) < 0)
		r = err_sys(e, errno, "sync %s", parent);
	if (tree_remove_at(dir, "_copy", NULL) < 0 && r == 0)
		r = err_sys(e, errno, "remove the copy in %s", parent);
	return r;
}

/* The directory at path inside root: a descriptor, or -errno. */
static int open_content(const char *root, const char *path)
{
	CLEANUP_FD int top = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct open_how how = {.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
			       .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
	int fd = top < 0 ? -1 : open_beneath_how(top, path, &how);

	return fd < 0 ? -errno : fd;
}

static int populate_run(struct job *job)
{
	struct populate_job *p = container_of(job, struct populate_job, job);
	CLEANUP_FD int from = open_content(p->root, p->path), to = -1;
	int r;

	if (from == -ENOENT)
		return 0;
	if (from == -ENOTDIR)
		return err_set(&job->err, ERR_INVALID,
			       "cannot mount volume over existing file, file exists %s", p->path);
	if (from < 0)
		return err_sys(&job->err, from, "opening %s in the image", p->path);
	to = open(p->mountpoint, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	r = to < 0 ? -errno : is_empty(to, ".");
	if (r < 0)
		return err_sys(&job->err, r, "opening %s", p->mountpoint);
	if (r == 0)
		return 0;
	return p->in_place ? copy_tree(job, from, to, &job->err) : copy_beside(p, from, &job->err);
}

int volume_populate(struct volume *v, const char *root, const char *path, struct err *e)
{
	struct populate_job p = {.mountpoint = v->mountpoint, .root = root, .path = path};
	int r;

	if (fiber_lock_take(&v->lock, DEADLINE_NEVER) < 0)
		return err_set(e, ERR_CANCELLED, "cancelled");
	p.in_place = v->mounts || volume_has_mount(v);
	r = job_run(&p.job, populate_run, JOB_LONG);
	fiber_lock_release(&v->lock);
	if (r < 0 && e)
		*e = p.job.err;
	return r;
}

static int look_run(struct job *job)
{
	struct populate_job *p = container_of(job, struct populate_job, job);
	CLEANUP_FD int fd = open_content(p->root, p->path);

	return fd < 0 ? fd : 0;
}

bool volume_content_at(const char *root, const char *path)
{
	struct populate_job p = {.root = root, .path = path};

	return job_run(&p.job, look_run, JOB_SHORT) != -ENOENT;
}

static int empty_run(struct job *job)
{
	struct populate_job *p = container_of(job, struct populate_job, job);

	return is_empty(AT_FDCWD, p->mountpoint);
}

bool volume_is_empty(struct volume *v)
{
	struct populate_job p = {.mountpoint = v->mountpoint};

	return volume_has_mount(v) || job_run(&p.job, empty_run, JOB_SHORT) == 1;
}
