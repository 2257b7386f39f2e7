/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole directory trees, which a container may have made as deep and as wide as it liked, and may
 * still be changing. A tree is walked by descriptors, never by path, and not by recursion: a frame
 * per level lies on the heap, the newest WINDOW of them with an open descriptor. On the way up a
 * closed one is opened again through ".." and must be the directory it was.
 *
 * No link is followed (O_NOFOLLOW) and no mount entered: the root of a mount is known by its statx
 * attribute.
 */
#include "firmware/core/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "firmware/core/cleanup.h"
#include "firmware/core/mem.h"

#define WINDOW 32
#define DEPTH_MAX 65536
#define LINKS_MAX 65536
#define DIR_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NOATIME)

struct dir_entry {
	uint64_t ino;
	int64_t off; /* where the next one is read */
	uint16_t len;
	uint8_t type;
	char name[];
};

struct frame {
	int fd; /* -1 while closed to save descriptors */
	int64_t off;
	uint64_t dev, ino;
};

struct walk {
	struct frame *frames;
	size_t depth, cap;
	bool root_may_be_mount;
	size_t len, at; /* of the entries read from the newest directory */
	char entries[8192] __attribute__((aligned(8)));
};

static void walk_free(struct walk *w)
{
	for (size_t i = 0; i < w->depth; i++) {
		if (w->frames[i].fd >= 0)
			close(w->frames[i].fd);
	}
	mem_free(w->frames);
	mem_free(w);
}
DEFINE_CLEANUP(struct walk *, walk_free)

static int open_dir(int dirfd, const char *name)
{
	int fd = openat(dirfd, name, DIR_FLAGS);

	if (fd < 0 && errno == EPERM) /* O_NOATIME is for owners only */
		fd = openat(dirfd, name, DIR_FLAGS & ~O_NOATIME);
	return fd < 0 ? -errno : fd;
}

static int identify(int fd, struct statx *sx)
{
	if (statx(fd, "", AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, sx) < 0)
		return -errno;
	return 0;
}

static uint64_t dev_of(const struct statx *sx)
{
	return (uint64_t)sx->stx_dev_major << 32 | sx->stx_dev_minor;
}

static struct frame *top(struct walk *w)
{
	return &w->frames[w->depth - 1];
}

/*
 * Enter a directory below dirfd. -EBUSY when it is the root of a mount, -ENOTDIR or -ELOOP when it
 * is no directory (any more). sx tells what it is.
 */
static int walk_push(struct walk *w, int dirfd, const char *name, struct statx *sx)
{
	int fd CLEANUP_FD = open_dir(dirfd, name);
	int r;

	if (fd < 0)
		return fd;
	r = identify(fd, sx);
	if (r < 0)
		return r;
	if (w->depth == 0 && w->root_may_be_mount)
		sx->stx_attributes &= ~(uint64_t)STATX_ATTR_MOUNT_ROOT;
	if (sx->stx_attributes & STATX_ATTR_MOUNT_ROOT)
		return -EBUSY;
	if (!(sx->stx_attributes_mask & STATX_ATTR_MOUNT_ROOT) && w->depth &&
	    dev_of(sx) != top(w)->dev)
		return -EBUSY;
	if (w->depth == w->cap) {
		size_t cap = w->cap ? w->cap * 2 : 16;
		struct frame *frames;

		if (cap > DEPTH_MAX)
			return -EOVERFLOW;
		frames = mem_realloc(w->frames, cap * sizeof(*frames));
		if (!frames)
			return -ENOMEM;
		w->frames = frames;
		w->cap = cap;
	}
	if (w->depth >= WINDOW) {
		struct frame *oldest = &w->frames[w->depth - WINDOW];

		close(oldest->fd);
		oldest->fd = -1;
	}
	w->frames[w->depth++] =
		(struct frame){.fd = TAKE_FD(fd), .dev = dev_of(sx), .ino = sx->stx_ino};
	w->len = w->at = 0;
	return 0;
}

/* Leave the newest directory; the one above is open and its entries are read again from ->off. */
static int walk_pop(struct walk *w)
{
	struct frame *leaving = top(w);
	int r = 0;

	if (w->depth > 1) {
		struct frame *above = leaving - 1;

		if (above->fd < 0) {
			struct statx sx;

			above->fd = open_dir(leaving->fd, "..");
			r = above->fd < 0 ? above->fd : identify(above->fd, &sx);
			if (r == 0 && (dev_of(&sx) != above->dev || sx.stx_ino != above->ino))
				r = -ESTALE; /* somebody moved it: we would leave the tree */
		}
		if (r == 0 && lseek(above->fd, above->off, SEEK_SET) < 0)
			r = -errno;
	}
	close(leaving->fd);
	w->depth--;
	w->len = w->at = 0;
	return r;
}

/* The next entry of the newest directory but "." and "..": 1, 0 at its end, or -errno. */
static int walk_next(struct walk *w, struct dir_entry **ret)
{
	for (;;) {
		struct dir_entry *d;

		if (w->at >= w->len) {
			long n =
				syscall(SYS_getdents64, top(w)->fd, w->entries, sizeof(w->entries));

			if (n < 0)
				return errno == ENOENT ? 0 : -errno;
			if (n == 0)
				return 0;
			w->len = (size_t)n;
			w->at = 0;
		}
		d = (struct dir_entry *)(void *)(w->entries + w->at);
		w->at += d->len;
		top(w)->off = d->off;
		if (strcmp(d->name, ".") != 0 && strcmp(d->name, "..") != 0) {
			*ret = d;
			return 1;
		}
	}
}

/* 0 removed or not there, 1 a directory that is not empty, or -errno. */
static int remove_simple(int dirfd, const char *name, bool maybe_file)
{
	if (maybe_file) {
		if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
			return 0;
		if (errno != EISDIR && errno != EPERM)
			return -errno;
	}
	if (unlinkat(dirfd, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
		return 0;
	if (errno == ENOTEMPTY || errno == EEXIST)
		return 1;
	if (maybe_file && errno == ENOTDIR)
		return -EPERM;
	return -errno;
}

/*
 * Empty the newest directory as far as its plain entries go. 1 when one of its directories was
 * entered instead (then it is the newest), 0 when nothing is left.
 *
 * A directory is read again from its start after each one entered, and until a pass finds nothing:
 * what was deleted meanwhile may have moved the rest.
 */
static int empty_newest(struct walk *w)
{
	bool removed = false;

	for (;;) {
		struct dir_entry *d;
		int r = walk_next(w, &d);

		if (r < 0)
			return r;
		if (r == 0) {
			if (!removed)
				return 0;
			removed = false;
			if (lseek(top(w)->fd, 0, SEEK_SET) < 0)
				return -errno;
			w->len = w->at = 0;
			continue;
		}
		r = remove_simple(top(w)->fd, d->name, d->type != 4 /* DT_DIR */);
		if (r == 1) {
			struct statx sx;

			top(w)->off = 0;
			r = walk_push(w, top(w)->fd, d->name, &sx);
			if (r == 0)
				return 1;
			if (r != -ENOENT && r != -ENOTDIR && r != -ELOOP)
				return r;
			/* It changed under us: the next pass looks again. */
		} else if (r < 0) {
			return r;
		}
		removed = true;
	}
}

/* Empty the tree whose root is the walk's only frame. */
static int empty_tree(struct walk *w)
{
	for (;;) {
		int r = empty_newest(w);

		if (r == 1)
			continue;
		if (r < 0 || w->depth == 1)
			return r;
		/* The directory above now finds this one empty and removes it. */
		r = walk_pop(w);
		if (r < 0)
			return r;
	}
}

int tree_remove_at(int dirfd, const char *path, struct err *e)
{
	struct walk *w CLEANUP(walk_freep) = NULL;
	int r = remove_simple(dirfd, path, true);

	/* Somebody may still be adding to it; do not race for ever. */
	for (int tries = 0; r == 1 && tries < 16; tries++) {
		struct statx sx;

		if (!w)
			w = mem_alloc(sizeof(*w));
		if (!w)
			return err_sys(e, ENOMEM, "remove %s", path);
		r = walk_push(w, dirfd, path, &sx);
		if (r == 0) {
			r = empty_tree(w);
			if (r == 0)
				r = walk_pop(w);
		}
		if (r == 0 || r == -ENOENT)
			r = remove_simple(dirfd, path, true);
	}
	if (r == 1)
		r = -ENOTEMPTY;
	return r < 0 ? err_sys(e, r, "remove %s", path) : 0;
}

/* Files with several links, seen so far: an open-addressed set of device and inode. */
struct link_set {
	struct {
		uint64_t dev, ino; /* ino 0: free */
	} * slots;
	size_t cap, count;
};

static void link_set_done(struct link_set *s)
{
	mem_free(s->slots);
}

static size_t link_slot(const struct link_set *s, uint64_t dev, uint64_t ino)
{
	uint64_t h = (ino ^ dev * 0x9e3779b97f4a7c15u) * 0xff51afd7ed558ccdu;
	size_t i = (size_t)(h ^ h >> 32) & (s->cap - 1);

	while (s->slots[i].ino && (s->slots[i].ino != ino || s->slots[i].dev != dev))
		i = (i + 1) & (s->cap - 1);
	return i;
}

static int link_set_grow(struct link_set *s)
{
	struct link_set bigger = {.cap = s->cap ? s->cap * 2 : 64, .count = s->count};

	bigger.slots = mem_alloc_array(bigger.cap, sizeof(*bigger.slots));
	if (!bigger.slots)
		return -ENOMEM;
	for (size_t i = 0; i < s->cap; i++) {
		if (s->slots[i].ino) {
			size_t at = link_slot(&bigger, s->slots[i].dev, s->slots[i].ino);

			bigger.slots[at].dev = s->slots[i].dev;
			bigger.slots[at].ino = s->slots[i].ino;
		}
	}
	mem_free(s->slots);
	*s = bigger;
	return 0;
}

/* What a file holds, whatever the file system takes for it. Directories hold nothing. */
static uint64_t file_bytes(const struct statx *sx)
{
	return S_ISREG(sx->stx_mode) || S_ISLNK(sx->stx_mode) ? sx->stx_size : 0;
}

/* Bytes that one link of this file adds to the sum. */
static int link_share(struct link_set *s, const struct statx *sx, uint64_t *ret)
{
	uint64_t bytes = file_bytes(sx);
	size_t at;

	if (sx->stx_nlink > 1 && !S_ISDIR(sx->stx_mode)) {
		if (s->count >= LINKS_MAX) {
			*ret = bytes / sx->stx_nlink; /* past the limit: an even share each */
			return 0;
		}
		if (s->count * 2 >= s->cap && link_set_grow(s) < 0)
			return -ENOMEM;
		at = link_slot(s, dev_of(sx), sx->stx_ino);
		if (s->slots[at].ino) {
			bytes = 0;
		} else {
			s->slots[at].dev = dev_of(sx);
			s->slots[at].ino = sx->stx_ino;
			s->count++;
		}
	}
	*ret = bytes;
	return 0;
}

static int size_entry(struct walk *w, struct link_set *links, const char *name, uint64_t *sum)
{
	struct statx sx;
	uint64_t bytes;
	int r;

	if (statx(top(w)->fd, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STATX_BASIC_STATS, &sx) <
	    0)
		return errno == ENOENT ? 0 : -errno;
	if (S_ISDIR(sx.stx_mode)) {
		r = walk_push(w, top(w)->fd, name, &sx);
		/* Gone, replaced, or a mount: not of this tree. */
		if (r == -ENOENT || r == -ENOTDIR || r == -ELOOP || r == -EBUSY)
			return 0;
		if (r < 0)
			return r;
	}
	r = link_share(links, &sx, &bytes);
	if (r == 0)
		*sum += bytes;
	return r;
}

int tree_size_at(int dirfd, const char *path, uint64_t *ret_bytes, struct err *e)
{
	struct walk *w CLEANUP(walk_freep) = mem_alloc(sizeof(*w));
	struct link_set links CLEANUP(link_set_done) = {.count = 0};
	struct statx sx;
	uint64_t sum;
	int r;

	if (!w)
		return err_sys(e, ENOMEM, "size of %s", path);
	if (statx(dirfd, path, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &sx) < 0)
		return err_sys(e, errno, "size of %s", path);
	sum = file_bytes(&sx);
	if (!S_ISDIR(sx.stx_mode)) {
		*ret_bytes = sum;
		return 0;
	}
	w->root_may_be_mount = true; /* as a container's file system is */
	r = walk_push(w, dirfd, path, &sx);
	while (r == 0 && w->depth) {
		struct dir_entry *d;

		r = walk_next(w, &d);
		if (r == 1)
			r = size_entry(w, &links, d->name, &sum);
		else if (r == 0)
			r = walk_pop(w);
	}
	if (r < 0)
		return err_sys(e, r, "size of %s", path);
	*ret_bytes = sum;
	return 0;
}
