/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a container changed: its upper directory held against the layers below. Of a directory the
 * layers that show something are kept as a list, top first: a layer ends the list when what it has
 * there is no directory, is deleted (a device 0:0) or opaque. So the merged lower directory is seen
 * as overlayfs shows it, without mounting it.
 *
 * As the engine reports: a file whose owner, mode, size and time are the same is none; a directory
 * is one when its owner or mode changed or something in it did.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

#include "firmware/core/mem.h"
#include "firmware/sched/job.h"
#include "runtime/container/look.h"
#include "runtime/container/private.h"

#define DEPTH_MAX 200
#define NAMES_MAX (64u << 20)
#define PATH_ROOM 4096
#define CHANGES_FIRST 256

struct changes_job {
	struct job job;
	struct arena *a; /* of the result */
	const char *upper, *lowers;
	struct change *items;
	size_t n, cap;
	int upper_fd, *layer_fds; /* top first */
	size_t n_layers;
	char path[PATH_ROOM]; /* relative to the root, of what is looked at */
};

/* The layers that show a name, top first: one for a file, all that are merged for a directory. */
struct shown {
	uint16_t *layers;
	size_t n;
	struct stat st; /* of the first */
};

static int open_beneath(int root, const char *path)
{
	struct open_how how = {.flags = O_PATH | O_NOFOLLOW | O_CLOEXEC,
			       .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS};
	int fd = (int)syscall(SYS_openat2, root, path[0] ? path : ".", &how, sizeof(how));

	return fd < 0 ? -errno : fd;
}

static bool is_whiteout(const struct stat *st)
{
	return S_ISCHR(st->st_mode) && st->st_rdev == 0;
}

static bool is_opaque(int fd)
{
	char path[32], value = 0;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return getxattr(path, "trusted.overlay.opaque", &value, 1) == 1 && value == 'y';
}

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

/* Which layers among those of the parent show j->path. */
static int look_below(struct changes_job *j, const struct shown *parent, struct arena *mem,
		      struct shown *ret)
{
	*ret = (struct shown){.layers = arena_alloc_array(mem, parent->n + 1, sizeof(uint16_t))};
	if (!ret->layers)
		return err_set(&j->job.err, ERR_UNAVAILABLE, "no memory");
	for (size_t i = 0; i < parent->n; i++) {
		uint16_t layer = parent->layers[i];
		CLEANUP_FD int fd = open_beneath(j->layer_fds[layer], j->path);
		struct stat st;

		if (fd < 0 && (fd == -ENOENT || fd == -ENOTDIR || fd == -ELOOP))
			continue;
		if (fd < 0 || fstat(fd, &st) < 0)
			return err_sys(&j->job.err, fd < 0 ? -fd : errno, "/%.300s", j->path);
		if (is_whiteout(&st) || (ret->n && !S_ISDIR(st.st_mode)))
			break;
		if (!ret->n)
			ret->st = st;
		ret->layers[ret->n++] = layer;
		if (!S_ISDIR(st.st_mode) || is_opaque(fd))
			break;
	}
	return 0;
}

static bool differ(const struct stat *a, const struct stat *b)
{
	if (a->st_mode != b->st_mode || a->st_uid != b->st_uid || a->st_gid != b->st_gid ||
	    a->st_rdev != b->st_rdev)
		return true;
	return !S_ISDIR(a->st_mode) &&
	       (a->st_size != b->st_size || a->st_mtim.tv_sec != b->st_mtim.tv_sec ||
		a->st_mtim.tv_nsec != b->st_mtim.tv_nsec);
}

/* --- names of a directory --- */

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int add_names(struct changes_job *j, int root, struct arena *mem, struct texts *ret,
		     size_t *cap)
{
	CLEANUP_FD int at = open_beneath(root, j->path);
	int fd = at < 0 ? at : openat(at, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *ent;
	int r = 0;

	if (!dir) {
		r = err_sys(&j->job.err, at < 0 ? -at : errno, "/%.300s", j->path);
		if (fd >= 0)
			close(fd);
		return r;
	}
	while (r == 0 && (ent = readdir(dir))) {
		if (!strcmp(ent->d_name, ".") || !strcmp(ent->d_name, ".."))
			continue;
		if (ret->n == *cap) {
			size_t more = *cap ? 2 * *cap : 64;

			ret->items = arena_grow(mem, ret->items, *cap * sizeof(*ret->items),
						more * sizeof(*ret->items));
			*cap = more;
		}
		if (!ret->items || !(ret->items[ret->n++] = arena_strdup(mem, ent->d_name)))
			r = err_set(&j->job.err, ERR_TOO_LARGE, "a directory has too many files");
	}
	closedir(dir);
	return r;
}

static void sort_names(struct texts *names)
{
	size_t kept = 0;

	if (!names->n)
		return;
	qsort(names->items, names->n, sizeof(*names->items), compare_names);
	for (size_t i = 1; i < names->n; i++)
		if (strcmp(names->items[kept], names->items[i]) != 0)
			names->items[++kept] = names->items[i];
	names->n = kept + 1;
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
		r = add_names(j, j->layer_fds[here->layers[i]], mem, &names, &cap);
	sort_names(&names);
	for (size_t i = 0; r == 0 && i < names.n; i++) {
		struct shown was;

		if (upper->n && bsearch(&names.items[i], upper->items, upper->n,
					sizeof(*upper->items), compare_names))
			continue;
		r = push_name(j, names.items[i], &n);
		if (r < 0)
			return r;
		r = look_below(j, here, mem, &was);
		if (r == 0 && was.n)
			r = record(j, CHANGE_DELETED);
		j->path[n] = '\0';
	}
	return r;
}

/* --- the walk --- */

static int walk(struct changes_job *j, const struct shown *here, bool opaque, unsigned depth);

static int compare_directory(struct changes_job *j, const struct shown *was, const struct stat *st,
			     bool opaque, unsigned depth)
{
	bool existed = was->n > 0, was_dir = existed && S_ISDIR(was->st.st_mode);
	const struct shown none = {0};
	size_t before = j->n;
	int r = 0;

	if (!existed)
		r = record(j, CHANGE_ADDED);
	else if (differ(st, &was->st))
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
	CLEANUP_FD int fd = open_beneath(j->upper_fd, j->path);
	struct shown was;
	struct stat st;
	bool opaque;
	int r;

	if (fd == -ENOENT)
		return 0; /* it runs: what it just deleted */
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(&j->job.err, fd < 0 ? -fd : errno, "/%.300s", j->path);
	r = look_below(j, parent, mem, &was);
	if (r < 0)
		return r;
	if (is_whiteout(&st))
		return was.n ? record(j, CHANGE_DELETED) : 0;
	if (S_ISDIR(st.st_mode)) {
		opaque = is_opaque(fd);
		close(TAKE_FD(fd));
		return compare_directory(j, &was, &st, opaque, depth);
	}
	if (!was.n)
		return record(j, CHANGE_ADDED);
	if (differ(&st, &was.st))
		r = record(j, CHANGE_MODIFIED);
	if (r == 0 && S_ISDIR(was.st.st_mode))
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
	r = add_names(j, j->upper_fd, &mem, &names, &cap);
	if (r == -ENOENT && depth) {
		err_clear(&j->job.err);
		return 0;
	}
	sort_names(&names);
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
	struct str rest = str_from(j->lowers);
	size_t most = 1;
	char *path;

	for (size_t i = 0; i < rest.n; i++)
		most += rest.p[i] == ':';
	j->layer_fds = arena_alloc_array(mem, most, sizeof(int));
	if (!j->layer_fds)
		return err_set(&j->job.err, ERR_UNAVAILABLE, "no memory");
	while (rest.n) {
		struct str one = str_cut(rest, ':', &rest);
		int fd;

		path = arena_strndup(mem, one.p, one.n);
		fd = path ? open(path, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
		if (fd < 0)
			return err_sys(&j->job.err, path ? errno : ENOMEM, "opening a layer");
		j->layer_fds[j->n_layers++] = fd;
	}
	j->upper_fd = open(j->upper, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return j->upper_fd < 0 ? err_sys(&j->job.err, errno, "opening %s", j->upper) : 0;
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
		r = walk(j, &root, false, 0);
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
	struct text_map data = {0};
	int r;

	if (!j || snapshot_describe(c->eng->images, c->id, c->image, a, &data) < 0)
		return err_set(e, ERR_UNAVAILABLE, "no memory");
	j->a = a;
	j->upper_fd = -1;
	j->upper = text_map_get(&data, "UpperDir");
	j->lowers = text_map_get(&data, "LowerDir");
	if (!j->upper || !j->lowers)
		return err_set(e, ERR_NOT_IMPLEMENTED,
			       "the storage driver %s does not tell changes",
			       image_store_driver(c->eng->images));
	r = job_run(&j->job, changes_run, JOB_LONG);
	if (r < 0 && c->removed)
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
