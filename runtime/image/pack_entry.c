/* SPDX-License-Identifier: Apache-2.0 */
/* What one file becomes in the archive. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "runtime/image/pack_private.h"

#define CAPABILITY "security.capability"
#define CAPABILITY_MAX 64
#define WHITEOUT ".wh."
#define OPAQUE "/.wh..wh..opq"

struct seen {
	struct map_node node;
	char key[40];
	char path[];
};

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

static int add_attribute(struct pack *p, const char *path, const char *name, struct err *e)
{
	ssize_t n = getxattr(path, name, p->copy, sizeof(p->copy));

	return n > 0 ? tar_add_xattr(p->tar, name, p->copy, (size_t)n, e) : 0;
}

/*
 * Of a copy only the capabilities, as the engine does; a layer keeps what unpacking one would set.
 * What overlayfs notes of a file whose content is not here cannot be kept.
 */
static int add_attributes(struct pack *p, int fd, struct err *e)
{
	char path[32], *names = p->link;
	ssize_t n;
	int r = 0;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (!p->opt->layer) {
		n = getxattr(path, CAPABILITY, p->copy, CAPABILITY_MAX);
		return n > 0 ? tar_add_xattr(p->tar, CAPABILITY, p->copy, (size_t)n, e) : 0;
	}
	n = listxattr(path, names, sizeof(p->link));
	if (n < 0)
		return errno == ENOTSUP ? 0 : err_sys(e, errno, "attributes of /%.300s", p->path);
	for (const char *name = names; r == 0 && name < names + n; name += strlen(name) + 1) {
		if (!strcmp(name, "trusted.overlay.metacopy") ||
		    !strcmp(name, "trusted.overlay.redirect"))
			return err_set(e, ERR_SYSTEM,
				       "/%.300s: its content is in another layer (overlayfs has "
				       "redirect_dir or metacopy on)",
				       p->path);
		if (!strcmp(name, CAPABILITY) || strz_starts(name, "user.") ||
		    strz_starts(name, "system.posix_acl_"))
			r = add_attribute(p, path, name, e);
	}
	return r;
}

static int add_data(struct pack *p, int fd, struct err *e)
{
	uint64_t left = p->entry.size;
	int r = 0;

	while (r == 0 && left) {
		size_t want = left < PACK_COPY_SIZE ? (size_t)left : PACK_COPY_SIZE;
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
			r = pack_stopped(p, e);
	}
	return r;
}

static int add_file(struct pack *p, int path_fd, struct err *e)
{
	char path[32];
	CLEANUP_FD int fd = -1;
	int r;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", path_fd);
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, errno, "open /%.300s", p->path);
	r = add_attributes(p, path_fd, e);
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

int pack_entry(struct pack *p, int fd, const struct stat *st, struct err *e)
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
	p->entries++;
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
	if (t->type == TAR_DIR && p->opt->layer && add_attributes(p, fd, e) < 0)
		return err_code(e);
	return tar_add(p->tar, t, e);
}

/* --- layers --- */

bool pack_is_whiteout(const struct stat *st)
{
	return S_ISCHR(st->st_mode) && st->st_rdev == 0;
}

static int add_mark(struct pack *p, uint32_t uid, uint32_t gid, struct err *e)
{
	p->entry = (struct tar_entry){
		.name = p->link, .type = TAR_FILE, .mode = 0600, .uid = uid, .gid = gid};
	p->entries++;
	return tar_add(p->tar, &p->entry, e);
}

int pack_whiteout(struct pack *p, struct err *e)
{
	const char *slash = strrchr(p->path, '/');
	const char *base = slash ? slash + 1 : p->path;

	if (!text_format(p->link, sizeof(p->link), "%.*s" WHITEOUT "%s", (int)(base - p->path),
			 p->path, base))
		return err_set(e, ERR_TOO_LARGE, "/%.300s: the name is too long", p->path);
	return add_mark(p, 0, 0, e);
}

int pack_opaque(struct pack *p, int fd, const struct stat *st, struct err *e)
{
	char path[32], value = 0;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (getxattr(path, "trusted.overlay.opaque", &value, 1) != 1 || value != 'y')
		return 0;
	if (!text_format(p->link, sizeof(p->link), "%s" OPAQUE, p->path))
		return err_set(e, ERR_TOO_LARGE, "/%.300s: the name is too long", p->path);
	return add_mark(p, st->st_uid, st->st_gid, e);
}
