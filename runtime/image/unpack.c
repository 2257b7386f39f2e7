/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unpacking a hostile tar beneath a directory: the entries, one after the other.
 *
 * A name is first made clean by its text: no empty, "." or ".." component is left, and one that
 * would climb out is refused. Its parent is then opened with openat2 and RESOLVE_IN_ROOT, so that a
 * symlink made by an earlier entry is followed as it would be inside the container, never outside
 * (unpack_path.c). The last component is always made new (O_EXCL, O_NOFOLLOW) in that parent; what
 * stood there is removed first, as tar does. The same holds for the target of a hard link.
 *
 * Directory times are set at the very end, since every entry made inside would change them
 * (unpack_metadata.c).
 */
#include "runtime/image/unpack_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "firmware/core/file.h"
#include "firmware/core/mem.h"

#define TIMES_MEMORY (64u << 20)
#define WRITE_OUT_MIN (1u << 20) /* files from this size on are pushed to disk while we go on */
#define WHITEOUT ".wh."
#define OPAQUE ".wh..wh..opq"

int unpack_refuse(const struct unpack *u, struct err *e, const char *why)
{
	return err_set(e, ERR_INVALID, "invalid entry in the %s: \"%.200s\": %s",
		       u->opt->verbatim ? "archive" : "layer", u->entry.name, why);
}

int unpack_failed(const struct unpack *u, struct err *e, const char *what)
{
	return err_sys(e, errno, "%s: %s /%.300s",
		       u->opt->verbatim ? "unpacking the archive" : "failed to register layer",
		       what, u->path);
}

/* --- what stands in the way --- */

/* Remove what has the name, but keep a directory where one is wanted (1: kept). */
static int make_way(struct unpack *u, bool for_directory, bool *ret_whiteout, struct err *e)
{
	struct stat st;

	*ret_whiteout = false;
	if (fstatat(u->parent_fd, u->base, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : unpack_failed(u, e, "cannot look at");
	if (S_ISDIR(st.st_mode) && for_directory)
		return 1;
	if (u->opt->keep_kinds && S_ISDIR(st.st_mode) != for_directory)
		return err_set(e, ERR_SYSTEM, "cannot overwrite %s \"/%.300s\" with %s \"%.200s\"",
			       for_directory ? "non-directory" : "directory", u->path,
			       for_directory ? "directory" : "non-directory", u->entry.name);
	if (!strcmp(u->base, "."))
		return unpack_refuse(u, e, "the root is a directory");
	*ret_whiteout = S_ISCHR(st.st_mode) && st.st_rdev == 0;
	return tree_remove_at(u->parent_fd, u->base, e);
}

/* --- the kinds of entries --- */

static int stopped(const struct unpack *u, struct err *e)
{
	if (u->opt->job && job_stopped(u->opt->job))
		return err_sys(e, ECANCELED, "unpack");
	return 0;
}

static int copy_data(struct unpack *u, int fd, struct err *e)
{
	uint64_t n = 0, limit = (uint64_t)CONFIG_UNPACK_MIB_MAX << 20;

	for (;;) {
		ssize_t got = tar_read(u->tar, u->copy, UNPACK_COPY_SIZE, e);
		int rc = got < 0 ? (int)got : stopped(u, e);

		if (rc < 0)
			return rc;
		if (!got)
			break;
		n += (uint64_t)got;
		if (u->result.size + n > limit)
			return err_set(e, ERR_TOO_LARGE,
				       "the layer is larger than %d MiB (CONFIG_UNPACK_MIB_MAX)",
				       CONFIG_UNPACK_MIB_MAX);
		rc = fd_write_all(fd, u->copy, (size_t)got);
		if (rc < 0) {
			errno = -rc;
			return unpack_failed(u, e, "write");
		}
	}
	/* The commit of the image syncs everything: let the disk begin now. */
	if (n >= WRITE_OUT_MIN)
		(void)!sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
	u->result.size += n;
	return 0;
}

static int make_file(struct unpack *u, struct err *e)
{
	u->file_fd = openat(u->parent_fd, u->base,
			    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	return u->file_fd < 0 ? -errno : copy_data(u, u->file_fd, e);
}

/* Where it points to is what it holds. */
static int make_symlink(struct unpack *u)
{
	if (symlinkat(u->entry.link, u->parent_fd, u->base) < 0)
		return -errno;
	u->result.size += strlen(u->entry.link);
	return 0;
}

static int make_hardlink(struct unpack *u, struct err *e)
{
	CLEANUP_FD int target_fd = -1;
	const char *base = u->other;
	char *slash;

	if (unpack_resolve(u, u->entry.link, u->other) < 0 || !u->other[0])
		return unpack_refuse(u, e, "its link leads out of the layer");
	slash = strrchr(u->other, '/');
	if (slash) {
		*slash = '\0';
		base = slash + 1;
	}
	if (!u->opt->verbatim && strz_starts(base, WHITEOUT))
		return unpack_refuse(u, e, "it links to a whiteout");
	target_fd = unpack_open(u->opt->root_fd, slash ? u->other : "", O_PATH | O_DIRECTORY);
	if (target_fd < 0 || linkat(target_fd, base, u->parent_fd, u->base, 0) < 0) {
		if (errno == EEXIST)
			return -EEXIST;
		return unpack_failed(u, e, "cannot link");
	}
	return 0;
}

static int make_node(struct unpack *u, struct err *e)
{
	const struct tar_entry *t = &u->entry;
	mode_t kind = t->type == TAR_CHAR ? S_IFCHR : t->type == TAR_BLOCK ? S_IFBLK : S_IFIFO;
	dev_t dev = t->type == TAR_FIFO ? 0 : makedev(t->dev_major, t->dev_minor);

	/* In an overlay this one means "deleted". */
	if (t->type == TAR_CHAR && dev == 0)
		return unpack_refuse(u, e, "character device 0:0");
	return mknodat(u->parent_fd, u->base, kind | 0600, dev) < 0 ? -errno : 0;
}

/* -EEXIST without a message when something is in the way. */
static int make_entry(struct unpack *u, struct err *e)
{
	switch (u->entry.type) {
	case TAR_FILE:
		return make_file(u, e);
	case TAR_DIR:
		return mkdirat(u->parent_fd, u->base, 0700) < 0 ? -errno : 0;
	case TAR_SYMLINK:
		return make_symlink(u);
	case TAR_HARDLINK:
		return make_hardlink(u, e);
	case TAR_CHAR:
	case TAR_BLOCK:
	case TAR_FIFO:
		return make_node(u, e);
	}
	return unpack_refuse(u, e, "unknown kind");
}

static int set_opaque(struct unpack *u, int dir_fd, const char *name, struct err *e)
{
	char path[320];

	u->result.whiteouts++;
	snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", dir_fd, name);
	if (lsetxattr(path, "trusted.overlay.opaque", "y", 1, 0) < 0)
		return unpack_failed(u, e, "cannot mark opaque");
	return 0;
}

static int whiteout(struct unpack *u, struct err *e)
{
	const char *name = u->base + sizeof(WHITEOUT) - 1;
	struct stat st;

	if (u->opt->form == LAYER_PLAIN) {
		CLEANUP_FD int fd = openat(u->parent_fd, u->base,
					   O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

		u->result.whiteouts++;
		return fd < 0 ? unpack_failed(u, e, "cannot make") : 0;
	}
	if (!strcmp(u->base, OPAQUE))
		return set_opaque(u, u->parent_fd, ".", e);
	if (strz_starts(name, WHITEOUT))
		return 0; /* bookkeeping of aufs */
	if (!name[0] || !strcmp(name, ".") || !strcmp(name, ".."))
		return unpack_refuse(u, e, "it deletes nothing that has a name");
	u->result.whiteouts++;
	if (mknodat(u->parent_fd, name, S_IFCHR, 0) == 0)
		return 0;
	if (errno != EEXIST)
		return unpack_failed(u, e, "cannot make the whiteout");
	/* This layer has something of that name itself: only what is below is hidden. */
	if (fstatat(u->parent_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode))
		return set_opaque(u, u->parent_fd, name, e);
	return 0;
}

static void close_file(struct unpack *u)
{
	if (u->file_fd >= 0)
		close(u->file_fd);
	u->file_fd = -1;
}

static int unpack_entry(struct unpack *u, struct err *e)
{
	bool directory = u->entry.type == TAR_DIR, was_whiteout = false;
	int rc = unpack_resolve(u, u->entry.name, u->path);

	if (rc < 0)
		return unpack_refuse(u, e,
				     rc == -EXDEV ? "its name leads out of the layer"
						  : "its name is too long");
	if (++u->result.entries > CONFIG_UNPACK_ENTRIES_MAX)
		return err_set(e, ERR_TOO_LARGE,
			       "the layer has more than %d entries (CONFIG_UNPACK_ENTRIES_MAX)",
			       CONFIG_UNPACK_ENTRIES_MAX);
	if (!u->path[u->opt->base ? strlen(u->opt->base) : 0]) {
		if (!directory)
			return unpack_refuse(u, e, "the root is a directory");
		if (u->opt->verbatim)
			return 0;
	}
	rc = unpack_enter_parent(u, e);
	if (rc < 0)
		return rc;
	if (strlen(u->base) > 255)
		return unpack_refuse(u, e, "its name is too long");
	if (!u->opt->verbatim && strz_starts(u->base, WHITEOUT))
		return whiteout(u, e);
	rc = make_entry(u, e);
	if (rc == -EEXIST) {
		rc = make_way(u, directory, &was_whiteout, e);
		if (rc == 0)
			rc = make_entry(u, e);
	}
	if (rc < 0 && !e->msg[0]) {
		errno = -rc;
		return unpack_failed(u, e, "cannot make");
	}
	if (rc < 0)
		return rc;
	if (was_whiteout && directory && !u->opt->verbatim &&
	    set_opaque(u, u->parent_fd, u->base, e) < 0)
		return err_code(e);
	if (u->entry.type == TAR_HARDLINK)
		return 0; /* what it links to has the rest already */
	rc = unpack_set_metadata(u, e);
	return rc == 0 && directory ? unpack_remember_time(u, e) : rc;
}

int unpack_tar(struct reader *source, const struct unpack_options *opt, struct unpack_result *ret,
	       struct err *e)
{
	CLEANUP(tar_closep) struct tar_reader *tar = NULL;
	CLEANUP_MEM struct unpack *u = mem_alloc(sizeof(*u));
	struct err own = ERR_INIT;
	int rc;

	if (!u)
		return err_sys(e, ENOMEM, "unpack");
	if (!e)
		e = &own;
	err_clear(e);
	u->opt = opt;
	u->parent_fd = -1;
	u->file_fd = -1;
	arena_open_heap(&u->mem, TIMES_MEMORY);
	rc = tar_open(&tar, source, e);
	u->tar = tar;
	while (rc == 0) {
		rc = stopped(u, e);
		if (rc == 0)
			rc = tar_next(tar, &u->entry, e);
		if (rc <= 0)
			break;
		rc = unpack_entry(u, e);
		close_file(u);
	}
	if (rc == 0) {
		unpack_set_directory_times(u);
		*ret = u->result;
	}
	if (u->parent_fd >= 0)
		close(u->parent_fd);
	arena_done(&u->mem);
	return rc;
}
