/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every name is opened with O_PATH and looked at through that descriptor, so that a container that
 * swaps a file for a fifo or a link while it is packed gains nothing. The way down is a list of
 * open directories, one a level; names are read and sorted when a directory is entered.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "firmware/core/beneath.h"
#include "firmware/core/mem.h"
#include "runtime/image/pack_private.h"

#define SEEN_MEMORY (64u << 20)
#define MQUEUE_MAGIC 0x19800202

int pack_stopped(const struct pack *p, struct err *e)
{
	if (p->opt->job && job_stopped(p->opt->job))
		return err_sys(e, ECANCELED, "reading the files");
	return 0;
}

/* --- directories --- */

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int read_names(struct pack_level *l, DIR *dir, struct err *e)
{
	const struct dirent *ent;
	size_t cap = 0;

	errno = 0;
	while ((ent = readdir(dir))) {
		if (!strcmp(ent->d_name, ".") || !strcmp(ent->d_name, ".."))
			continue;
		if (l->n == cap) {
			size_t more = cap ? cap * 2 : 64;

			l->names = arena_grow(&l->mem, l->names, cap * sizeof(*l->names),
					      more * sizeof(*l->names));
			cap = more;
		}
		if (!l->names || !(l->names[l->n++] = arena_strdup(&l->mem, ent->d_name)))
			return err_set(e, ERR_TOO_LARGE, "a directory has too many files");
	}
	if (errno)
		return err_sys(e, errno, "reading a directory");
	if (l->n)
		qsort(l->names, l->n, sizeof(*l->names), compare_names);
	return 0;
}

static void leave_level(struct pack *p)
{
	struct pack_level *l = p->top;

	p->top = l->up;
	p->depth--;
	p->path[l->path_n] = '\0';
	close(l->fd);
	arena_done(&l->mem);
	mem_free(l);
}

/* Go down into the directory at fd (O_PATH, stays the caller's), whose name is in p->path. */
static int enter_level(struct pack *p, int fd, dev_t dev, struct err *e)
{
	struct pack_level *l = mem_alloc(sizeof(*l));
	int listing = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r;
	DIR *dir = listing < 0 ? NULL : fdopendir(listing);

	if (!l || !dir || p->depth == PACK_DEPTH_MAX) {
		r = dir && l ? err_set(e, ERR_TOO_LARGE, "/%.300s: too many levels", p->path)
			     : err_sys(e, errno, "open /%.300s", p->path);
		if (dir)
			closedir(dir);
		else if (listing >= 0)
			close(listing);
		mem_free(l);
		return r;
	}
	arena_open_heap(&l->mem, PACK_NAMES_MAX);
	l->up = p->top;
	l->dev = dev;
	l->path_n = strlen(p->path);
	l->fd = openat(fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	p->top = l;
	p->depth++;
	r = l->fd < 0 ? err_sys(e, errno, "open /%.300s", p->path) : read_names(l, dir, e);
	closedir(dir);
	return r;
}

/* File systems that are views of the kernel, not files of the container. */
static bool is_pseudo(int fd)
{
	static const long kinds[] = {
		PROC_SUPER_MAGIC,   SYSFS_MAGIC,   CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC,
		DEVPTS_SUPER_MAGIC, DEBUGFS_MAGIC, TRACEFS_MAGIC,      SECURITYFS_MAGIC,
		BPF_FS_MAGIC,	    MQUEUE_MAGIC,
	};
	struct statfs fs;

	if (fstatfs(fd, &fs) < 0)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if ((long)fs.f_type == kinds[i])
			return true;
	return false;
}

static bool wanted_inside(const struct pack *p, int fd, const char *base, dev_t dev)
{
	if (!p->top)
		return true;
	if (p->depth == 1 && p->opt->skip && !strcmp(base, p->opt->skip))
		return false;
	return dev == p->top->dev || !is_pseudo(fd);
}

/* One name of a directory; its own name in the archive is in p->path. */
static int pack_one(struct pack *p, int dir_fd, const char *base, struct err *e)
{
	CLEANUP_FD int fd = openat(dir_fd, base, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0) {
		if (errno == ENOENT && p->top)
			return 0; /* deleted meanwhile */
		return err_sys(e, errno, "open /%.300s", p->path);
	}
	if (p->opt->layer && p->top && pack_is_whiteout(&st))
		return pack_whiteout(p, e);
	r = p->path[0] ? pack_entry(p, fd, &st, e) : 0;
	if (r < 0 && e->sys_errno == ENOENT && p->top) {
		err_clear(e);
		return 0;
	}
	if (r < 0 || !S_ISDIR(st.st_mode) || !wanted_inside(p, fd, base, st.st_dev))
		return r;
	if (p->opt->layer && p->path[0] && pack_opaque(p, fd, &st, e) < 0)
		return err_code(e);
	return enter_level(p, fd, st.st_dev, e);
}

static int next_name(struct pack *p, struct err *e)
{
	struct pack_level *l = p->top;
	const char *base = l->names[l->next++];
	size_t n = l->path_n, len = strlen(base);
	bool slash = n && p->path[n - 1] != '/';

	if (n + slash + len + 2 > sizeof(p->path))
		return err_set(e, ERR_TOO_LARGE, "/%.300s: the name is too long", p->path);
	if (slash)
		p->path[n++] = '/';
	memcpy(p->path + n, base, len + 1);
	return pack_one(p, l->fd, base, e);
}

static int walk(struct pack *p, struct err *e)
{
	int r = pack_one(p, p->opt->dir_fd, p->opt->base, e);

	while (r == 0 && p->top) {
		p->path[p->top->path_n] = '\0';
		if (p->top->next == p->top->n)
			leave_level(p);
		else
			r = next_name(p, e);
		if (r == 0)
			r = pack_stopped(p, e);
	}
	while (p->top)
		leave_level(p);
	return r;
}

/* Nothing on the way may be a link: the tree may be changing. */
static int open_beneath(int root, const char *path, uint64_t flags)
{
	struct open_how how = {.flags = flags | O_PATH | O_NOFOLLOW | O_CLOEXEC,
			       .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS};

	return open_beneath_how(root, path[0] ? path : ".", &how);
}

/* What was a directory and is none any more has nothing deleted in it: it is replaced. */
static int pack_deleted(struct pack *p, struct err *e)
{
	char *slash = strrchr(p->path, '/');
	CLEANUP_FD int parent = -1;

	if (slash) {
		*slash = '\0';
		parent = open_beneath(p->opt->dir_fd, p->path, O_DIRECTORY);
		*slash = '/';
		if (parent < 0)
			return 0;
	}
	return pack_whiteout(p, e);
}

/* The changes one after the other: a directory is its entry alone. */
static int pack_changes(struct pack *p, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < p->opt->n_changes; i++) {
		const struct pack_change *c = &p->opt->changes[i];
		CLEANUP_FD int fd = -1;
		struct stat st;

		if (!str_copy(p->path, sizeof(p->path), str_from(c->path)))
			return err_set(e, ERR_TOO_LARGE, "/%.300s: the name is too long", c->path);
		r = pack_stopped(p, e);
		if (r == 0 && c->deleted)
			r = pack_deleted(p, e);
		if (r < 0 || c->deleted)
			continue;
		fd = open_beneath(p->opt->dir_fd, c->path, 0);
		if (fd < 0 || fstat(fd, &st) < 0) {
			if (errno != ENOENT && errno != ENOTDIR && errno != ELOOP)
				return err_sys(e, errno, "open /%.300s", c->path);
			continue; /* deleted meanwhile */
		}
		r = pack_entry(p, fd, &st, e);
	}
	return r;
}

int pack_tree(struct writer *sink, const struct pack_options *opt, uint64_t *ret_entries,
	      struct err *e)
{
	CLEANUP(tar_writer_freep) struct tar_writer *tar = NULL;
	CLEANUP_MEM struct pack *p = mem_alloc(sizeof(*p));
	int r;

	if (!p)
		return err_sys(e, ENOMEM, "pack");
	if (!str_copy(p->path, sizeof(p->path), str_from(opt->name ? opt->name : "")))
		return err_set(e, ERR_TOO_LARGE, "the name is too long");
	p->opt = opt;
	arena_open_heap(&p->mem, SEEN_MEMORY);
	map_init(&p->seen);
	r = tar_create(&tar, sink, e);
	p->tar = tar;
	if (r == 0)
		r = opt->changes ? pack_changes(p, e) : walk(p, e);
	if (r == 0)
		r = tar_finish(tar, e);
	if (r == 0 && ret_entries)
		*ret_entries = p->entries;
	map_done(&p->seen);
	arena_done(&p->mem);
	return r;
}
