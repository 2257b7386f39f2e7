/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every name is opened with O_PATH and looked at through that descriptor, so that a container that
 * swaps a file for a fifo or a link while it is packed gains nothing. The way down is a list of
 * open directories, one a level; names are read and sorted when a directory is entered.
 */
#include "runtime/image/pack.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <sys/xattr.h>

#include "firmware/core/arena.h"
#include "firmware/core/map.h"
#include "firmware/core/mem.h"
#include "firmware/fmt/tar.h"

#define PATH_ROOM 8192
#define COPY_SIZE (256u * 1024)
#define CAPABILITY "security.capability"
#define CAPABILITY_MAX 64
#define SEEN_MEMORY (64u << 20)
#define MQUEUE_MAGIC 0x19800202

struct level {
	struct level *up;
	int fd;
	dev_t dev;
	struct arena mem;
	const char **names;
	size_t n, next;
	size_t path_n; /* of the directory's own name in pack.path */
};

struct seen {
	struct map_node node;
	char key[40];
	char path[];
};

struct pack {
	const struct pack_options *opt;
	struct tar_writer *tar;
	struct level *top;
	size_t depth;
	struct map seen; /* files with several names, by device and inode */
	struct arena mem;
	struct tar_entry entry;
	char path[PATH_ROOM], link[PATH_ROOM];
	char copy[COPY_SIZE];
};

static int stopped(const struct pack *p, struct err *e)
{
	if (p->opt->job && job_stopped(p->opt->job))
		return err_sys(e, ECANCELED, "reading the files");
	return 0;
}

static void fd_path(int fd, char out[32])
{
	snprintf(out, 32, "/proc/self/fd/%d", fd);
}

/* --- directories --- */

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int read_names(struct level *l, DIR *dir, struct err *e)
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
	struct level *l = p->top;

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
	struct level *l = mem_alloc(sizeof(*l));
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

/* --- entries --- */

/* The name under which the file was packed before, or NULL and it is noted. */
static const char *seen_before(struct pack *p, const struct stat *st)
{
	size_t n = strlen(p->path) + 1;
	struct map_node *found;
	struct seen *s;
	char key[sizeof(s->key)];

	snprintf(key, sizeof(key), "%llx:%llx", (unsigned long long)st->st_dev,
		 (unsigned long long)st->st_ino);
	found = map_find(&p->seen, str_from(key));
	if (found)
		return map_entry(found, struct seen, node)->path;
	s = arena_alloc(&p->mem, sizeof(*s) + n);
	if (!s)
		return NULL; /* packed twice, then */
	memcpy(s->key, key, sizeof(key));
	memcpy(s->path, p->path, n);
	(void)!map_insert(&p->seen, &s->node, str_from(s->key));
	return NULL;
}

static int add_capability(struct pack *p, int fd, struct err *e)
{
	char path[32], value[CAPABILITY_MAX];
	ssize_t n;

	fd_path(fd, path);
	n = getxattr(path, CAPABILITY, value, sizeof(value));
	return n > 0 ? tar_add_xattr(p->tar, CAPABILITY, value, (size_t)n, e) : 0;
}

static int add_data(struct pack *p, int fd, struct err *e)
{
	uint64_t left = p->entry.size;
	int r = 0;

	while (r == 0 && left) {
		size_t want = left < COPY_SIZE ? (size_t)left : COPY_SIZE;
		ssize_t got = read(fd, p->copy, want);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_sys(e, errno, "read /%.300s", p->path);
		if (!got) { /* it shrank */
			memset(p->copy, 0, want);
			got = (ssize_t)want;
		}
		r = tar_write(p->tar, p->copy, (size_t)got, e);
		left -= (uint64_t)got;
		if (r == 0)
			r = stopped(p, e);
	}
	return r;
}

static int add_file(struct pack *p, int path_fd, struct err *e)
{
	char path[32];
	CLEANUP_FD int fd = -1;
	int r;

	fd_path(path_fd, path);
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, errno, "open /%.300s", p->path);
	r = add_capability(p, path_fd, e);
	if (r == 0)
		r = tar_add(p->tar, &p->entry, e);
	return r < 0 ? r : add_data(p, fd, e);
}

static int add_link(struct pack *p, int fd, struct err *e)
{
	ssize_t n = readlinkat(fd, "", p->link, sizeof(p->link) - 1);

	if (n < 0)
		return err_sys(e, errno, "readlink /%.300s", p->path);
	p->link[n] = '\0';
	p->entry.link = p->link;
	return tar_add(p->tar, &p->entry, e);
}

/* 1 when there is no such kind in an archive. */
static int entry_type(mode_t mode, enum tar_type *ret)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		*ret = TAR_FILE;
		return 0;
	case S_IFDIR:
		*ret = TAR_DIR;
		return 0;
	case S_IFLNK:
		*ret = TAR_SYMLINK;
		return 0;
	case S_IFCHR:
		*ret = TAR_CHAR;
		return 0;
	case S_IFBLK:
		*ret = TAR_BLOCK;
		return 0;
	case S_IFIFO:
		*ret = TAR_FIFO;
		return 0;
	default:
		return 1;
	}
}

static int add_entry(struct pack *p, int fd, const struct stat *st, struct err *e)
{
	struct tar_entry *t = &p->entry;
	const char *before;

	*t = (struct tar_entry){
		.name = p->path,
		.mode = st->st_mode & 07777,
		.uid = st->st_uid,
		.gid = st->st_gid,
		.mtime_sec = st->st_mtim.tv_sec,
		.mtime_nsec = (uint32_t)st->st_mtim.tv_nsec,
	};
	if (entry_type(st->st_mode, &t->type) != 0)
		return 0;
	if (t->type != TAR_DIR && st->st_nlink > 1 && (before = seen_before(p, st))) {
		t->type = TAR_HARDLINK;
		t->link = before;
		return tar_add(p->tar, t, e);
	}
	if (t->type == TAR_FILE) {
		t->size = st->st_size > 0 ? (uint64_t)st->st_size : 0;
		return add_file(p, fd, e);
	}
	if (t->type == TAR_SYMLINK)
		return add_link(p, fd, e);
	if (t->type == TAR_CHAR || t->type == TAR_BLOCK) {
		t->dev_major = major(st->st_rdev);
		t->dev_minor = minor(st->st_rdev);
	}
	return tar_add(p->tar, t, e);
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
	r = p->path[0] ? add_entry(p, fd, &st, e) : 0;
	if (r < 0 && e->sys_errno == ENOENT && p->top) {
		err_clear(e);
		return 0;
	}
	if (r < 0 || !S_ISDIR(st.st_mode) || !wanted_inside(p, fd, base, st.st_dev))
		return r;
	return enter_level(p, fd, st.st_dev, e);
}

static int next_name(struct pack *p, struct err *e)
{
	struct level *l = p->top;
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
			r = stopped(p, e);
	}
	while (p->top)
		leave_level(p);
	return r;
}

int pack_tree(struct writer *sink, const struct pack_options *opt, struct err *e)
{
	CLEANUP(tar_writer_freep) struct tar_writer *tar = NULL;
	CLEANUP_MEM struct pack *p = mem_alloc(sizeof(*p));
	int r;

	if (!p)
		return err_sys(e, ENOMEM, "pack");
	if (!str_copy(p->path, sizeof(p->path), str_from(opt->name)))
		return err_set(e, ERR_TOO_LARGE, "the name is too long");
	p->opt = opt;
	arena_open_heap(&p->mem, SEEN_MEMORY);
	map_init(&p->seen);
	r = tar_create(&tar, sink, e);
	p->tar = tar;
	if (r == 0)
		r = walk(p, e);
	if (r == 0)
		r = tar_finish(tar, e);
	map_done(&p->seen);
	arena_done(&p->mem);
	return r;
}
