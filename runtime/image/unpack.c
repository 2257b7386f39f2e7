/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unpacking a hostile tar beneath a directory.
 *
 * A name is first made clean by its text: no empty, "." or ".." component is left, and one that
 * would climb out is refused. Its parent is then opened with openat2 and RESOLVE_IN_ROOT, so that a
 * symlink made by an earlier entry is followed as it would be inside the container, never outside.
 * The last component is always made new (O_EXCL, O_NOFOLLOW) in that parent; what stood there is
 * removed first, as tar does. The same holds for the target of a hard link.
 *
 * Directory times are set at the very end, since every entry made inside would change them.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "firmware/core/file.h"
#include "firmware/core/mem.h"
#include "firmware/fmt/tar.h"
#include "runtime/image/archive.h"

#define PATH_DEEPEST 256
#define COPY_SIZE (256u * 1024)
#define TIMES_MEMORY (64u << 20)
#define WRITE_OUT_MIN (1u << 20) /* files from this size on are pushed to disk while we go on */
#define WHITEOUT ".wh."
#define OPAQUE ".wh..wh..opq"

struct dir_time {
	struct dir_time *next;
	struct timespec mtime;
	char path[];
};

struct unpack {
	const struct unpack_options *opt;
	struct tar_reader *tar;
	struct tar_entry entry;
	struct unpack_result result;
	struct arena mem;
	struct dir_time *dirs;
	int parent_fd;		       /* of the current entry; kept for the next one */
	char parent[ARCHIVE_PATH_MAX]; /* its path, "" is the root */
	char path[ARCHIVE_PATH_MAX];   /* of the current entry: parent and base */
	const char *base;	       /* points into path; "." for the root itself */
	int file_fd;		       /* of the current entry while it is made, if it is a file */
	char other[ARCHIVE_PATH_MAX];  /* a hard link's target */
	char copy[COPY_SIZE];
};

static int refuse(const struct unpack *u, struct err *e, const char *why)
{
	return err_set(e, ERR_INVALID, "invalid entry in the %s: \"%.200s\": %s",
		       u->opt->verbatim ? "archive" : "layer", u->entry.name, why);
}

static int failed(const struct unpack *u, struct err *e, const char *what)
{
	return err_sys(e, errno, "%s: %s /%.300s",
		       u->opt->verbatim ? "unpacking the archive" : "failed to register layer",
		       what, u->path);
}

static int open_in_root(int root_fd, const char *path, uint64_t flags)
{
	struct open_how how = {
		.flags = flags | O_CLOEXEC,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};

	return (int)syscall(SYS_openat2, root_fd, path[0] ? path : ".", &how, sizeof(how));
}

/* Clean by text alone into out: "" for the root itself. Negative when it climbs out or is too long.
 */
int archive_path_clean(const char *name, char out[ARCHIVE_PATH_MAX])
{
	size_t n = 0, depth = 0;

	while (*name) {
		size_t len = strcspn(name, "/");

		if (len == 2 && !strncmp(name, "..", 2)) {
			if (!depth--)
				return -EXDEV;
			while (n && out[--n] != '/')
				;
		} else if (len && !(len == 1 && *name == '.')) {
			if (++depth > PATH_DEEPEST || n + len + 2 > ARCHIVE_PATH_MAX)
				return -ENAMETOOLONG;
			if (n)
				out[n++] = '/';
			memcpy(out + n, name, len);
			n += len;
		}
		name += len;
		name += *name == '/';
	}
	out[n] = '\0';
	return 0;
}

/* --- parents --- */

static void set_parent(struct unpack *u, int fd, const char *path, size_t n)
{
	if (u->parent_fd >= 0)
		close(u->parent_fd);
	u->parent_fd = fd;
	memcpy(u->parent, path, n);
	u->parent[n] = '\0';
}

/* Open path beneath the root, making the directories that are missing. As a rule none is. */
static int open_making(struct unpack *u, char *path)
{
	CLEANUP_FD int at = open_in_root(u->opt->root_fd, path, O_PATH | O_DIRECTORY);
	size_t start = 0;

	if (at >= 0 || errno != ENOENT)
		return at < 0 ? -errno : TAKE_FD(at);
	at = open_in_root(u->opt->root_fd, "", O_PATH | O_DIRECTORY);
	while (at >= 0 && path[start]) {
		size_t end = start + strcspn(path + start, "/");
		char saved = path[end];
		int next;

		path[end] = '\0';
		next = open_in_root(u->opt->root_fd, path, O_PATH | O_DIRECTORY);
		if (next < 0 && errno == ENOENT && mkdirat(at, path + start, 0755) == 0) {
			if (fchmodat(at, path + start, 0755, AT_SYMLINK_NOFOLLOW) == 0)
				next = open_in_root(u->opt->root_fd, path, O_PATH | O_DIRECTORY);
		}
		path[end] = saved;
		if (next < 0)
			return -errno;
		close(at);
		at = next;
		start = end + (saved == '/');
	}
	return at < 0 ? -errno : TAKE_FD(at);
}

/* Split u->path and have parent_fd be the directory that base goes into. */
static int enter_parent(struct unpack *u, struct err *e)
{
	char *slash = strrchr(u->path, '/');
	size_t n = slash ? (size_t)(slash - u->path) : 0;
	int fd;

	u->base = !u->path[0] ? "." : slash ? slash + 1 : u->path;
	if (u->parent_fd >= 0 && strlen(u->parent) == n && !memcmp(u->parent, u->path, n))
		return 0;
	if (slash)
		*slash = '\0';
	fd = slash ? open_making(u, u->path)
		   : open_in_root(u->opt->root_fd, "", O_PATH | O_DIRECTORY);
	if (!slash && fd < 0)
		fd = -errno;
	if (slash)
		*slash = '/';
	if (fd < 0) {
		errno = -fd;
		return failed(u, e, "cannot enter the parent of");
	}
	set_parent(u, fd, u->path, n);
	return 0;
}

/* --- what stands in the way --- */

/* Remove what has the name, but keep a directory where one is wanted (1: kept). */
static int make_way(struct unpack *u, bool for_directory, bool *ret_whiteout, struct err *e)
{
	struct stat st;

	*ret_whiteout = false;
	if (fstatat(u->parent_fd, u->base, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : failed(u, e, "cannot look at");
	if (S_ISDIR(st.st_mode) && for_directory)
		return 1;
	if (u->opt->keep_kinds && S_ISDIR(st.st_mode) != for_directory)
		return err_set(e, ERR_SYSTEM, "cannot overwrite %s \"/%.300s\" with %s \"%.200s\"",
			       for_directory ? "non-directory" : "directory", u->path,
			       for_directory ? "directory" : "non-directory", u->entry.name);
	if (!strcmp(u->base, "."))
		return refuse(u, e, "the root is a directory");
	*ret_whiteout = S_ISCHR(st.st_mode) && st.st_rdev == 0;
	return tree_remove_at(u->parent_fd, u->base, e);
}

static int set_opaque(struct unpack *u, int dir_fd, const char *name, struct err *e)
{
	char path[320];

	u->result.whiteouts++;
	snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", dir_fd, name);
	if (lsetxattr(path, "trusted.overlay.opaque", "y", 1, 0) < 0)
		return failed(u, e, "cannot mark opaque");
	return 0;
}

/* --- attributes --- */

static bool attribute_wanted(const char *name)
{
	return !strcmp(name, "security.capability") || strz_starts(name, "user.") ||
	       strz_starts(name, "system.posix_acl_");
}

static int set_attributes(struct unpack *u, struct err *e)
{
	char path[320];

	snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", u->parent_fd, u->base);
	for (size_t i = 0; i < u->entry.n_xattrs; i++) {
		const char *name;
		const void *value;
		size_t n;

		tar_xattr(u->tar, i, &name, &value, &n);
		/* Those would change what the overlay shows. */
		if (strz_starts(name, "trusted.overlay.") || strz_starts(name, "user.overlay."))
			return refuse(u, e, "it carries an attribute of overlayfs");
		if (!attribute_wanted(name) || lsetxattr(path, name, value, n, 0) == 0)
			continue;
		/* As the engine: what the file system cannot keep is left out. */
		if (errno == ENOTSUP || errno == EPERM)
			continue;
		return failed(u, e, "cannot set an attribute of");
	}
	return 0;
}

static int set_owner(const struct unpack *u)
{
	uint32_t uid = u->opt->owned ? u->opt->uid : u->entry.uid;
	uint32_t gid = u->opt->owned ? u->opt->gid : u->entry.gid;

	if (u->file_fd >= 0)
		return fchown(u->file_fd, uid, gid);
	return fchownat(u->parent_fd, u->base, uid, gid, AT_SYMLINK_NOFOLLOW);
}

static int set_mode(const struct unpack *u)
{
	mode_t mode = u->entry.mode & 07777;

	if (u->entry.type == TAR_SYMLINK)
		return 0;
	if (u->file_fd >= 0)
		return fchmod(u->file_fd, mode);
	/* A container that runs may have put a link in its place, which must not be followed. */
	return fchmodat(u->parent_fd, u->base, mode, u->opt->verbatim ? AT_SYMLINK_NOFOLLOW : 0);
}

static int set_time(const struct unpack *u)
{
	const struct tar_entry *t = &u->entry;
	struct timespec times[2] = {
		{.tv_nsec = UTIME_OMIT},
		{.tv_sec = t->mtime_sec, .tv_nsec = t->mtime_nsec < 1000000000 ? t->mtime_nsec : 0},
	};

	if (u->file_fd >= 0)
		return futimens(u->file_fd, times);
	return utimensat(u->parent_fd, u->base, times, AT_SYMLINK_NOFOLLOW);
}

/*
 * Owner, then mode (a change of owner clears setuid), then attributes (it clears those too). A
 * file's go through its descriptor: that is quicker, and nobody can have put another in its place.
 */
static int set_metadata(struct unpack *u, struct err *e)
{
	if (set_owner(u) < 0)
		return failed(u, e, "cannot set the owner of");
	if (set_mode(u) < 0)
		return failed(u, e, "cannot set the mode of");
	if (u->entry.n_xattrs && set_attributes(u, e) < 0)
		return err_code(e);
	if (u->entry.type != TAR_DIR && set_time(u) < 0)
		return failed(u, e, "cannot set the time of");
	return 0;
}

static int remember_time(struct unpack *u, struct err *e)
{
	size_t n = strlen(u->path) + 1;
	struct dir_time *d = arena_alloc(&u->mem, sizeof(*d) + n);

	if (!d)
		return err_set(e, ERR_TOO_LARGE, "the layer has too many directories");
	memcpy(d->path, u->path, n);
	d->mtime.tv_sec = u->entry.mtime_sec;
	d->mtime.tv_nsec = u->entry.mtime_nsec < 1000000000 ? u->entry.mtime_nsec : 0;
	d->next = u->dirs;
	u->dirs = d;
	return 0;
}

static void set_directory_times(struct unpack *u)
{
	for (const struct dir_time *d = u->dirs; d; d = d->next) {
		struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, d->mtime};
		CLEANUP_FD int fd =
			open_in_root(u->opt->root_fd, d->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);

		/* It may have been replaced since. */
		if (fd >= 0)
			(void)!futimens(fd, times);
	}
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
		ssize_t got = tar_read(u->tar, u->copy, COPY_SIZE, e);
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
			return failed(u, e, "write");
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

/* A name of the archive as a path beneath the root. Errors as from archive_path_clean. */
static int resolve_name(const struct unpack *u, const char *name, char out[ARCHIVE_PATH_MAX])
{
	int rc = archive_path_clean(name, out);
	size_t base = u->opt->base ? strlen(u->opt->base) : 0, n = strlen(out);

	if (rc < 0 || !base)
		return rc;
	if (base + n + 2 > ARCHIVE_PATH_MAX)
		return -ENAMETOOLONG;
	memmove(out + base + (n > 0), out, n + 1);
	memcpy(out, u->opt->base, base);
	if (n)
		out[base] = '/';
	return 0;
}

static int make_hardlink(struct unpack *u, struct err *e)
{
	CLEANUP_FD int target_fd = -1;
	const char *base = u->other;
	char *slash;

	if (resolve_name(u, u->entry.link, u->other) < 0 || !u->other[0])
		return refuse(u, e, "its link leads out of the layer");
	slash = strrchr(u->other, '/');
	if (slash) {
		*slash = '\0';
		base = slash + 1;
	}
	if (!u->opt->verbatim && strz_starts(base, WHITEOUT))
		return refuse(u, e, "it links to a whiteout");
	target_fd = open_in_root(u->opt->root_fd, slash ? u->other : "", O_PATH | O_DIRECTORY);
	if (target_fd < 0 || linkat(target_fd, base, u->parent_fd, u->base, 0) < 0) {
		if (errno == EEXIST)
			return -EEXIST;
		return failed(u, e, "cannot link");
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
		return refuse(u, e, "character device 0:0");
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
		return symlinkat(u->entry.link, u->parent_fd, u->base) < 0 ? -errno : 0;
	case TAR_HARDLINK:
		return make_hardlink(u, e);
	case TAR_CHAR:
	case TAR_BLOCK:
	case TAR_FIFO:
		return make_node(u, e);
	}
	return refuse(u, e, "unknown kind");
}

static int whiteout(struct unpack *u, struct err *e)
{
	const char *name = u->base + sizeof(WHITEOUT) - 1;
	struct stat st;

	if (u->opt->form == LAYER_PLAIN) {
		CLEANUP_FD int fd = openat(u->parent_fd, u->base,
					   O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

		u->result.whiteouts++;
		return fd < 0 ? failed(u, e, "cannot make") : 0;
	}
	if (!strcmp(u->base, OPAQUE))
		return set_opaque(u, u->parent_fd, ".", e);
	if (strz_starts(name, WHITEOUT))
		return 0; /* bookkeeping of aufs */
	if (!name[0] || !strcmp(name, ".") || !strcmp(name, ".."))
		return refuse(u, e, "it deletes nothing that has a name");
	u->result.whiteouts++;
	if (mknodat(u->parent_fd, name, S_IFCHR, 0) == 0)
		return 0;
	if (errno != EEXIST)
		return failed(u, e, "cannot make the whiteout");
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
	int rc = resolve_name(u, u->entry.name, u->path);

	if (rc < 0)
		return refuse(u, e,
			      rc == -EXDEV ? "its name leads out of the layer"
					   : "its name is too long");
	if (++u->result.entries > CONFIG_UNPACK_ENTRIES_MAX)
		return err_set(e, ERR_TOO_LARGE,
			       "the layer has more than %d entries (CONFIG_UNPACK_ENTRIES_MAX)",
			       CONFIG_UNPACK_ENTRIES_MAX);
	if (!u->path[u->opt->base ? strlen(u->opt->base) : 0]) {
		if (!directory)
			return refuse(u, e, "the root is a directory");
		if (u->opt->verbatim)
			return 0;
	}
	rc = enter_parent(u, e);
	if (rc < 0)
		return rc;
	if (strlen(u->base) > 255)
		return refuse(u, e, "its name is too long");
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
		return failed(u, e, "cannot make");
	}
	if (rc < 0)
		return rc;
	if (was_whiteout && directory && !u->opt->verbatim &&
	    set_opaque(u, u->parent_fd, u->base, e) < 0)
		return err_code(e);
	if (u->entry.type == TAR_HARDLINK)
		return 0; /* what it links to has the rest already */
	rc = set_metadata(u, e);
	return rc == 0 && directory ? remember_time(u, e) : rc;
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
		set_directory_times(u);
		*ret = u->result;
	}
	if (u->parent_fd >= 0)
		close(u->parent_fd);
	arena_done(&u->mem);
	return rc;
}
