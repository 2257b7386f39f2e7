/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the layers below a container's own show, without mounting them. Of a directory the layers
 * that show something are kept as a list, top first: a layer ends the list when what it has there
 * is no directory, is deleted or opaque. How that is said differs: a device 0:0 and an attribute
 * under overlayfs, files that begin with ".wh." under vfs.
 */
#include "runtime/container/changes.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/xattr.h>

#include "firmware/core/beneath.h"

int changes_open(int root, const char *path)
{
	struct open_how how = {.flags = O_PATH | O_NOFOLLOW | O_CLOEXEC,
			       .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS};
	int fd = open_beneath_how(root, path[0] ? path : ".", &how);

	return fd < 0 ? -errno : fd;
}

bool changes_is_whiteout(const struct stat *st)
{
	return S_ISCHR(st->st_mode) && st->st_rdev == 0;
}

bool changes_is_opaque(int fd)
{
	char path[32], value = 0;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return getxattr(path, "trusted.overlay.opaque", &value, 1) == 1 && value == 'y';
}

/* A file of this name beside or in the one at j->path: how layers of vfs say "deleted". */
static int has_mark(struct changes_job *j, int layer, bool inside)
{
	size_t n = strlen(j->path);
	const char *slash = strrchr(j->path, '/');
	const char *base = slash ? slash + 1 : j->path;
	int fd;

	if (inside)
		snprintf(j->mark, sizeof(j->mark), "%s%s.wh..wh..opq", j->path, n ? "/" : "");
	else
		snprintf(j->mark, sizeof(j->mark), "%.*s.wh.%s", (int)(base - j->path), j->path,
			 base);
	fd = changes_open(layer, j->mark);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* 1: the layers below are hidden, from this one on (0: with what it has itself). */
static int look_at_layer(struct changes_job *j, uint16_t layer, struct shown *s, bool *ret_last)
{
	int root = j->layer_fds[layer];
	CLEANUP_FD int fd = changes_open(root, j->path);
	bool plain = j->places.plain, first = !s->n;
	struct stat st;

	*ret_last = plain && has_mark(j, root, false);
	if (fd < 0 && (fd == -ENOENT || fd == -ENOTDIR || fd == -ELOOP))
		return 0;
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(&j->job.err, fd < 0 ? -fd : errno, "/%.300s", j->path);
	if ((!plain && changes_is_whiteout(&st)) || (!first && !S_ISDIR(st.st_mode))) {
		*ret_last = true;
		return 0;
	}
	s->layers[s->n++] = layer;
	if (!S_ISDIR(st.st_mode) || (plain ? has_mark(j, root, true) : changes_is_opaque(fd)))
		*ret_last = true;
	if (first) {
		s->st = st;
		s->fd = TAKE_FD(fd);
	}
	return 0;
}

/* What a copy was given beside its layers. */
static bool was_made(const struct changes_job *j, struct stat *ret)
{
	const char *path;
	uint32_t mode;

	for (size_t i = 0; (path = init_layer_entry(i, &mode)); i++) {
		if (strcmp(path, j->path))
			continue;
		*ret = (struct stat){.st_mode = mode};
		return true;
	}
	return false;
}

int changes_look_below(struct changes_job *j, const struct shown *parent, struct arena *mem,
		       struct shown *ret)
{
	struct shown s = {.layers = arena_alloc_array(mem, parent->n + 1, sizeof(uint16_t)),
			  .fd = -1};
	bool last = false;
	int r = 0;

	if (!s.layers)
		return err_set(&j->job.err, ERR_UNAVAILABLE, "no memory");
	for (size_t i = 0; r == 0 && !last && i < parent->n; i++)
		r = look_at_layer(j, parent->layers[i], &s, &last);
	if (r < 0) {
		if (s.fd >= 0)
			close(s.fd);
		return r;
	}
	s.made = j->places.plain && !s.n && was_made(j, &s.st);
	*ret = s;
	return 0;
}

int changes_compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int changes_add_names(struct changes_job *j, int root, bool marks, struct arena *mem,
		      struct texts *ret, size_t *cap)
{
	CLEANUP_FD int at = changes_open(root, j->path);
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
		if (!strcmp(ent->d_name, ".") || !strcmp(ent->d_name, "..") ||
		    (!marks && strz_starts(ent->d_name, ".wh.")))
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

void changes_sort_names(struct texts *names)
{
	size_t kept = 0;

	if (!names->n)
		return;
	qsort(names->items, names->n, sizeof(*names->items), changes_compare_names);
	for (size_t i = 1; i < names->n; i++)
		if (strcmp(names->items[kept], names->items[i]) != 0)
			names->items[++kept] = names->items[i];
	names->n = kept + 1;
}
