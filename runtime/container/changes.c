/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a container changed: its upper directory, or under vfs its whole tree, held against the
 * layers below.
 *
 * As the engine reports: a file whose owner, mode, size, time and capabilities are the same is
 * none; a directory is one when its owner or mode changed or something in it did.
 */
#include "runtime/container/changes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/xattr.h>

#include "firmware/core/mem.h"
#include "runtime/container/private.h"

#define DEPTH_MAX 200
#define NAMES_MAX (64u << 20)
#define CHANGES_FIRST 256
#define CAPABILITY_MAX 64

static int record(struct changes_job *j, enum change_kind kind)
{
	char *path;

	if (j->n == j->cap) {
		size_t cap = j->cap ? 2 * j->cap : CHANGES_FIRST;
		struct change *more = arena_alloc_array(j->a, cap, sizeof(*more));

		if (!more)
			return err_set(&j->job.err, ERR_TOO_LARGE, "too many changes to list");
		if (j->n)
			memcpy(more, j->items, j->n * sizeof(*more));
		j->items = more;
		j->cap = cap;
	}
	path = arena_printf(j->a, "/%s", j->path);
	if (!path)
		return err_set(&j->job.err, ERR_TOO_LARGE, "too many changes to list");
	j->items[j->n++] = (struct change){path, kind};
	return 0;
}

/* Files have the same capabilities, or none. */
static bool same_capability(int a, int b)
{
	char one[CAPABILITY_MAX], two[CAPABILITY_MAX], path[32];
	ssize_t n, k;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", a);
	n = getxattr(path, "security.capability", one, sizeof(one));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", b);
	k = getxattr(path, "security.capability", two, sizeof(two));
	return n <= 0 || k <= 0 ? n <= 0 && k <= 0 : n == k && !memcmp(one, two, (size_t)n);
}

static bool differ(const struct stat *st, int fd, const struct shown *was)
{
	const struct stat *b = &was->st;

	if (st->st_mode != b->st_mode || st->st_uid != b->st_uid || st->st_gid != b->st_gid ||
	    st->st_rdev != b->st_rdev)
		return true;
	if (was->made)
		return S_ISREG(st->st_mode) && st->st_size > 0;
	if (S_ISREG(st->st_mode) && fd >= 0 && was->fd >= 0 && !same_capability(fd, was->fd))
		return true;
	return !S_ISDIR(st->st_mode) &&
	       (st->st_size != b->st_size || st->st_mtim.tv_sec != b->st_mtim.tv_sec ||
		st->st_mtim.tv_nsec != b->st_mtim.tv_nsec);
}

static int push_name(struct changes_job *j, const char *name, size_t *ret_n)
{
	size_t n = strlen(j->path);

	*ret_n = n;
	if (n + strlen(name) + 2 > sizeof(j->path))
		return err_set(&j->job.err, ERR_TOO_LARGE, "/%.300s: the path is too long",
			       j->path);
	snprintf(j->path + n, sizeof(j->path) - n, "%s%s", n ? "/" : "", name);
	return 0;
}

/* Everything that the layers show in the directory j->path and that upper has no name for. */
static int record_hidden(struct changes_job *j, const struct shown *here, const struct texts *upper,
			 struct arena *mem)
{
	struct texts names = {0};
	size_t cap = 0, n;
	int r = 0;

	for (size_t i = 0; r == 0 && i < here->n; i++)
		r = changes_add_names(j, j->layer_fds[here->layers[i]], !j->places.plain, mem,
				      &names, &cap);
	changes_sort_names(&names);
	for (size_t i = 0; r == 0 && i < names.n; i++) {
		struct shown was;

		if (upper->n && bsearch(&names.items[i], upper->items, upper->n,
					sizeof(*upper->items), changes_compare_names))
			continue;
		r = push_name(j, names.items[i], &n);
		if (r < 0)
			return r;
		r = changes_look_below(j, here, mem, &was);
		if (r == 0 && was.n)
			r = record(j, CHANGE_DELETED);
		if (r == 0 && was.fd >= 0)
			close(was.fd);
		j->path[n] = '\0';
	}
	return r;
}

/* --- the walk --- */

static int walk(struct changes_job *j, const struct shown *here, bool opaque, unsigned depth);

static int compare_directory(struct changes_job *j, const struct shown *was, const struct stat *st,
			     bool opaque, unsigned depth)
{
	bool existed = was->n > 0 || was->made, was_dir = existed && S_ISDIR(was->st.st_mode);
	const struct shown none = {0};
	size_t before = j->n;
	int r = 0;

	if (!existed)
		r = record(j, CHANGE_ADDED);
	else if (differ(st, -1, was))
		r = record(j, CHANGE_MODIFIED);
	before = r == 0 && j->n > before ? SIZE_MAX : before;
	if (r == 0)
		r = walk(j, was_dir ? was : &none, opaque, depth + 1);
	/* Its own name, when only what is in it changed; sorted in at the end. */
	if (r == 0 && j->n > before && before != SIZE_MAX)
		r = record(j, CHANGE_MODIFIED);
	return r;
}

static int compare_name(struct changes_job *j, const struct shown *parent, struct arena *mem,
			unsigned depth)
{
	CLEANUP_FD int fd = changes_open(j->upper_fd, j->path), was_fd = -1;
	struct shown was;
	struct stat st;
	bool opaque;
	int r;

	if (fd == -ENOENT)
		return 0; /* it runs: what it just deleted */
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(&j->job.err, fd < 0 ? -fd : errno, "/%.300s", j->path);
	r = changes_look_below(j, parent, mem, &was);
	if (r < 0)
		return r;
	was_fd = was.fd;
	if (!j->places.plain && changes_is_whiteout(&st))
		return was.n ? record(j, CHANGE_DELETED) : 0;
	if (S_ISDIR(st.st_mode)) {
		/* A copy is all there is: what it has no name for is gone. */
		opaque = j->places.plain || changes_is_opaque(fd);
		close(TAKE_FD(fd));
		if (was_fd >= 0)
			close(TAKE_FD(was_fd));
		return compare_directory(j, &was, &st, opaque, depth);
	}
	if (!was.n && !was.made)
		return record(j, CHANGE_ADDED);
	if (differ(&st, fd, &was))
		r = record(j, CHANGE_MODIFIED);
	if (r == 0 && was.n && S_ISDIR(was.st.st_mode))
		r = record_hidden(j, &was, &(struct texts){0}, mem);
	return r;
}

/* The directory j->path of the upper; here: the layers that show it too. */
static int walk(struct changes_job *j, const struct shown *here, bool opaque, unsigned depth)
{
	CLEANUP_ARENA struct arena mem = {0};
	struct texts names = {0};
	size_t cap = 0, n;
	int r;

	if (depth > DEPTH_MAX)
		return err_set(&j->job.err, ERR_TOO_LARGE, "/%.300s: too many levels", j->path);
	if (job_stopped(&j->job))
		return err_sys(&j->job.err, ECANCELED, "listing changes");
	arena_open_heap(&mem, NAMES_MAX);
	r = changes_add_names(j, j->upper_fd, true, &mem, &names, &cap);
	if (r == -ENOENT && depth) {
		err_clear(&j->job.err);
		return 0;
	}
	changes_sort_names(&names);
	for (size_t i = 0; r == 0 && i < names.n; i++) {
		r = push_name(j, names.items[i], &n);
		if (r == 0) {
			r = compare_name(j, here, &mem, depth);
			j->path[n] = '\0';
		}
	}
	if (r == 0 && opaque)
		r = record_hidden(j, here, &names, &mem);
	return r;
}

static int compare_changes(const void *a, const void *b)
{
	return strcmp(((const struct change *)a)->path, ((const struct change *)b)->path);
}

static int open_layers(struct changes_job *j, struct arena *mem)
{
	const struct texts *layers = &j->places.layers;

	j->layer_fds = arena_alloc_array(mem, layers->n + 1, sizeof(int));
	if (!j->layer_fds)
		return err_set(&j->job.err, ERR_UNAVAILABLE, "no memory");
	for (size_t i = 0; i < layers->n; i++) {
		int fd = open(layers->items[i], O_PATH | O_DIRECTORY | O_CLOEXEC);

		if (fd < 0)
			return err_sys(&j->job.err, errno, "opening a layer");
		j->layer_fds[j->n_layers++] = fd;
	}
	j->upper_fd = open(j->places.tree, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return j->upper_fd < 0 ? err_sys(&j->job.err, errno, "opening %s", j->places.tree) : 0;
}

static int changes_run(struct job *job)
{
	struct changes_job *j = container_of(job, struct changes_job, job);
	CLEANUP_ARENA struct arena mem = {0};
	struct shown root = {0};
	int r;

	arena_open_heap(&mem, 1u << 20);
	r = open_layers(j, &mem);
	root.layers = arena_alloc_array(&mem, j->n_layers + 1, sizeof(uint16_t));
	if (r == 0 && !root.layers)
		r = err_set(&job->err, ERR_UNAVAILABLE, "no memory");
	for (; r == 0 && root.n < j->n_layers; root.n++)
		root.layers[root.n] = (uint16_t)root.n;
	if (r == 0)
		r = walk(j, &root, j->places.plain, 0);
	for (size_t i = 0; i < j->n_layers; i++)
		close(j->layer_fds[i]);
	if (j->upper_fd >= 0)
		close(j->upper_fd);
	if (r == 0 && j->n)
		qsort(j->items, j->n, sizeof(*j->items), compare_changes);
	return r;
}

int container_changes(struct container *c, struct arena *a, struct change **ret, size_t *ret_n,
		      struct err *e)
{
	struct changes_job *j = arena_alloc(a, sizeof(*j));
	int r = j ? snapshot_places(c->eng->images, c->id, a, &j->places) : -ENOMEM;

	if (r < 0)
		return r == -ENOENT ? err_set(e, ERR_NOT_FOUND, "No such container: %s", c->id)
				    : err_set(e, ERR_UNAVAILABLE, "no memory");
	j->a = a;
	j->upper_fd = -1;
	r = job_run(&j->job, changes_run, JOB_LONG);
	/* Its files go while it is being removed. */
	if (r < 0 && (c->removed || c->status == CONTAINER_REMOVING))
		return err_set(e, ERR_NOT_FOUND, "No such container: %s", c->id);
	if (r < 0 && !j->job.err.kind)
		return err_set(e, ERR_UNAVAILABLE, "too many operations at once; try again");
	if (r < 0) {
		*e = j->job.err;
		return r;
	}
	*ret = j->items;
	*ret_n = j->n;
	return 0;
}
