/* SPDX-License-Identifier: Apache-2.0 */
/* Owner, mode, attributes and times of what was unpacked. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "runtime/image/unpack_private.h"

struct dir_time {
	struct dir_time *next;
	struct timespec mtime;
	char path[];
};

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
			return unpack_refuse(u, e, "it carries an attribute of overlayfs");
		if (!attribute_wanted(name) || lsetxattr(path, name, value, n, 0) == 0)
			continue;
		/* As the engine: what the file system cannot keep is left out. */
		if (errno == ENOTSUP || errno == EPERM)
			continue;
		return unpack_failed(u, e, "cannot set an attribute of");
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
int unpack_set_metadata(struct unpack *u, struct err *e)
{
	if (set_owner(u) < 0)
		return unpack_failed(u, e, "cannot set the owner of");
	if (set_mode(u) < 0)
		return unpack_failed(u, e, "cannot set the mode of");
	if (u->entry.n_xattrs && set_attributes(u, e) < 0)
		return err_code(e);
	if (u->entry.type != TAR_DIR && set_time(u) < 0)
		return unpack_failed(u, e, "cannot set the time of");
	return 0;
}

int unpack_remember_time(struct unpack *u, struct err *e)
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

void unpack_set_directory_times(struct unpack *u)
{
	for (const struct dir_time *d = u->dirs; d; d = d->next) {
		struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, d->mtime};
		CLEANUP_FD int fd =
			unpack_open(u->opt->root_fd, d->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);

		/* It may have been replaced since. */
		if (fd >= 0)
			(void)!futimens(fd, times);
	}
}
