/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The vfs driver's copy: layer over layer into one directory, deletions carried out. Files share
 * their blocks where the file system can (FICLONE), else the kernel copies (copy_file_range). The
 * same copies trees that are no layers, in which nothing is a deletion.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "firmware/core/beneath.h"
#include "firmware/core/file.h"
#include "firmware/core/mem.h"
#include "runtime/image/rootfs.h"

#define XATTR_NAMES_MAX 8192
#define XATTR_VALUE_MAX 65536
#define LINKS_MEMORY (64u << 20)
#define COPY_STEP (16u << 20)
#define DEPTH_MAX 300

struct linked {
	struct map_node node; /* by "<inode>" of the layer */
	char key[24];
	char path[]; /* in the copy */
};

struct copy {
	const struct job *job;
	int top_fd;    /* of the copy */
	bool verbatim; /* no layer: ".wh." names are names */
	struct arena mem;
	struct map links;
	char path[4096]; /* of what is copied now */
	size_t path_n;
	char names[XATTR_NAMES_MAX];
	char value[XATTR_VALUE_MAX];
};

static int copy_attributes(const char *from, const char *to, char *names, char *value)
{
	ssize_t n = llistxattr(from, names, XATTR_NAMES_MAX);

	for (ssize_t i = 0; i < n; i += (ssize_t)strlen(names + i) + 1) {
		ssize_t size;

		if (strz_starts(names + i, "trusted.overlay."))
			continue;
		size = lgetxattr(from, names + i, value, XATTR_VALUE_MAX);
		if (size >= 0 && lsetxattr(to, names + i, value, (size_t)size, 0) < 0 &&
		    errno != ENOTSUP && errno != EPERM)
			return -errno;
	}
	return 0;
}

int copy_metadata(int fd, int to, struct err *e)
{
	CLEANUP_MEM char *room = mem_alloc(XATTR_NAMES_MAX + XATTR_VALUE_MAX);
	char from_path[64], to_path[64];
	struct stat st;

	if (!room)
		return err_sys(e, ENOMEM, "copy attributes");
	snprintf(from_path, sizeof(from_path), "/proc/self/fd/%d/.", fd);
	snprintf(to_path, sizeof(to_path), "/proc/self/fd/%d/.", to);
	if (fstat(fd, &st) < 0 || fchown(to, st.st_uid, st.st_gid) < 0 ||
	    fchmod(to, st.st_mode & 07777) < 0)
		return err_sys(e, errno, "copy owner and mode");
	if (copy_attributes(from_path, to_path, room, room + XATTR_NAMES_MAX) < 0)
		return err_sys(e, errno, "copy attributes");
	return 0;
}

static int fail(const struct copy *c, struct err *e, const char *what)
{
	return err_sys(e, errno, "%s /%.300s", what, c->path);
}

static int copy_blocks(struct copy *c, int from, int to, uint64_t size, struct err *e)
{
	if (ioctl(to, FICLONE, from) == 0)
		return 0;
	while (size) {
		ssize_t n =
			copy_file_range(from, NULL, to, NULL, MIN(size, (uint64_t)COPY_STEP), 0);

		if (n < 0 &&
		    (errno == EXDEV || errno == ENOSYS || errno == EOPNOTSUPP || errno == EINVAL)) {
			n = read(from, c->value, XATTR_VALUE_MAX);
			if (n > 0 && fd_write_all(to, c->value, (size_t)n) < 0)
				n = -1;
		}
		if (n < 0)
			return fail(c, e, "copy");
		if (n == 0)
			break;
		size -= MIN((uint64_t)n, size);
		if (c->job && job_stopped(c->job))
			return err_sys(e, ECANCELED, "copy");
	}
	return 0;
}

/* The copy may be a volume that a container is changing: no link of its may lead out. */
static int link_within(struct copy *c, char *path, int to_dir, const char *name)
{
	struct open_how how = {.flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
			       .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS};
	char *slash = strrchr(path, '/');
	CLEANUP_FD int dir = -1;

	if (!slash)
		return linkat(c->top_fd, path, to_dir, name, 0);
	*slash = '\0';
	dir = open_beneath_how(c->top_fd, path, &how);
	*slash = '/';
	return dir < 0 ? -1 : linkat(dir, slash + 1, to_dir, name, 0);
}

/* A second name of a file already copied: 1 linked, 0 not (then it is remembered). */
static int copy_link(struct copy *c, const struct stat *st, int to_dir, const char *name,
		     struct err *e)
{
	char key[24];
	struct map_node *n;
	struct linked *l;

	if (st->st_nlink < 2 || S_ISDIR(st->st_mode))
		return 0;
	snprintf(key, sizeof(key), "%llu", (unsigned long long)st->st_ino);
	n = map_find(&c->links, str_from(key));
	if (n) {
		l = map_entry(n, struct linked, node);
		if (link_within(c, l->path, to_dir, name) < 0)
			return fail(c, e, "link");
		return 1;
	}
	l = arena_alloc(&c->mem, sizeof(*l) + c->path_n + 1);
	if (!l)
		return err_set(e, ERR_TOO_LARGE, "the layer has too many hard links");
	memcpy(l->key, key, sizeof(key));
	memcpy(l->path, c->path, c->path_n + 1);
	if (map_insert(&c->links, &l->node, str_from(l->key)) < 0)
		return err_sys(e, ENOMEM, "copy");
	return 0;
}

static int copy_node(struct copy *c, int from_dir, int to_dir, const char *name,
		     const struct stat *st, struct err *e)
{
	char from_path[320], to_path[320];
	struct timespec times[2] = {st->st_atim, st->st_mtim};
	int rc = copy_link(c, st, to_dir, name, e);

	if (rc)
		return rc < 0 ? rc : 0;
	if (S_ISREG(st->st_mode)) {
		CLEANUP_FD int from = openat(from_dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
		CLEANUP_FD int to =
			openat(to_dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

		if (from < 0 || to < 0)
			return fail(c, e, "open");
		rc = copy_blocks(c, from, to, (uint64_t)st->st_size, e);
		if (rc < 0)
			return rc;
	} else if (S_ISLNK(st->st_mode)) {
		ssize_t n = readlinkat(from_dir, name, c->value, 4095);

		if (n < 0)
			return fail(c, e, "read");
		c->value[n] = '\0';
		if (symlinkat(c->value, to_dir, name) < 0)
			return fail(c, e, "make");
	} else if (mknodat(to_dir, name, st->st_mode, st->st_rdev) < 0) {
		return fail(c, e, "make");
	}
	if (fchownat(to_dir, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0 ||
	    (!S_ISLNK(st->st_mode) &&
	     fchmodat(to_dir, name, st->st_mode & 07777, AT_SYMLINK_NOFOLLOW) < 0))
		return fail(c, e, "set the owner of");
	snprintf(from_path, sizeof(from_path), "/proc/self/fd/%d/%s", from_dir, name);
	snprintf(to_path, sizeof(to_path), "/proc/self/fd/%d/%s", to_dir, name);
	if (copy_attributes(from_path, to_path, c->names, c->value) < 0)
		return fail(c, e, "set attributes of");
	return utimensat(to_dir, name, times, AT_SYMLINK_NOFOLLOW) < 0
		       ? fail(c, e, "set the time of")
		       : 0;
}

static bool is_opaque(int fd)
{
	char value;

	return fgetxattr(fd, "trusted.overlay.opaque", &value, 1) == 1 ||
	       faccessat(fd, ".wh..wh..opq", F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static int empty_directory(int fd, struct err *e)
{
	int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = 0;
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *entry;

	if (!dir) {
		if (copy >= 0)
			close(copy);
		return err_sys(e, errno, "open a directory");
	}
	while (rc == 0 && (entry = readdir(dir))) {
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			rc = tree_remove_at(fd, entry->d_name, e);
	}
	closedir(dir);
	return rc;
}

static int copy_directory(struct copy *c, int from, int to, unsigned depth, struct err *e);

static int copy_subdirectory(struct copy *c, int from_dir, int to_dir, const char *name,
			     unsigned depth, struct err *e)
{
	CLEANUP_FD int from =
		openat(from_dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	CLEANUP_FD int to = -1;
	struct timespec times[2];
	struct stat st;
	int rc;

	if (from < 0 || fstat(from, &st) < 0)
		return fail(c, e, "open");
	if (mkdirat(to_dir, name, 0700) < 0 && errno != EEXIST)
		return fail(c, e, "make");
	to = openat(to_dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (to < 0)
		return fail(c, e, "open");
	rc = !c->verbatim && is_opaque(from) ? empty_directory(to, e) : 0;
	if (rc == 0)
		rc = copy_directory(c, from, to, depth + 1, e);
	if (rc == 0)
		rc = copy_metadata(from, to, e);
	times[0] = st.st_atim;
	times[1] = st.st_mtim;
	if (rc == 0 && futimens(to, times) < 0)
		return fail(c, e, "set the time of");
	return rc;
}

static int copy_entry(struct copy *c, int from, int to, const char *name, unsigned depth,
		      struct err *e)
{
	struct stat st, there;

	if (!c->verbatim && strz_starts(name, ".wh.")) {
		if (strz_starts(name, ".wh..wh."))
			return 0;
		return tree_remove_at(to, name + 4, e);
	}
	if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		/* Overlayfs lists deletions of what never was. */
		return c->verbatim && errno == ENOENT ? 0 : fail(c, e, "look at");
	}
	if (fstatat(to, name, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
	    !(S_ISDIR(st.st_mode) && S_ISDIR(there.st_mode))) {
		int rc = tree_remove_at(to, name, e);

		if (rc < 0)
			return rc;
	}
	if (S_ISCHR(st.st_mode) && st.st_rdev == 0)
		return 0;
	if (S_ISDIR(st.st_mode))
		return copy_subdirectory(c, from, to, name, depth, e);
	return copy_node(c, from, to, name, &st, e);
}

/* Whiteouts first: ".wh.x" beside "x" means that x is new in this layer. */
static int copy_pass(struct copy *c, DIR *dir, int from, int to, bool whiteouts, unsigned depth,
		     struct err *e)
{
	size_t saved = c->path_n;
	struct dirent *entry;
	int rc = 0;

	rewinddir(dir);
	while (rc == 0 && (entry = readdir(dir))) {
		const char *name = entry->d_name;

		if (!strcmp(name, ".") || !strcmp(name, "..") ||
		    (!c->verbatim && strz_starts(name, ".wh.")) != whiteouts)
			continue;
		if (c->job && job_stopped(c->job))
			return err_sys(e, ECANCELED, "copy");
		if (saved + strlen(name) + 2 > sizeof(c->path))
			return err_set(e, ERR_TOO_LARGE, "a path in the image is too long");
		c->path_n = saved + (size_t)snprintf(c->path + saved, sizeof(c->path) - saved,
						     "%s%s", saved ? "/" : "", name);
		rc = copy_entry(c, from, to, name, depth, e);
		c->path_n = saved;
		c->path[saved] = '\0';
	}
	return rc;
}

static int copy_directory(struct copy *c, int from, int to, unsigned depth, struct err *e)
{
	int again = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc;
	DIR *dir = again < 0 ? NULL : fdopendir(again);

	if (!dir) {
		if (again >= 0)
			close(again);
		return fail(c, e, "open");
	}
	rc = depth > DEPTH_MAX ? err_set(e, ERR_TOO_LARGE, "the image is too deep")
			       : copy_pass(c, dir, from, to, true, depth, e);
	if (rc == 0)
		rc = copy_pass(c, dir, from, to, false, depth, e);
	closedir(dir);
	return rc;
}

static int copy_layer(struct copy *c, int from, struct err *e)
{
	int rc = !c->verbatim && is_opaque(from) ? empty_directory(c->top_fd, e) : 0;

	arena_open_heap(&c->mem, LINKS_MEMORY);
	map_init(&c->links);
	if (rc == 0)
		rc = copy_directory(c, from, c->top_fd, 0, e);
	if (rc == 0)
		rc = copy_metadata(from, c->top_fd, e);
	map_done(&c->links);
	arena_done(&c->mem);
	return rc;
}

int rootfs_copy(const struct rootfs *r, const char *target, struct err *e)
{
	CLEANUP_MEM struct copy *c = mem_alloc(sizeof(*c));
	CLEANUP_FD int to = openat(r->root_fd, target, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char path[STORE_PATH_MAX];
	int rc = 0;

	if (!c)
		return err_sys(e, ENOMEM, "copy the image");
	if (to < 0)
		return err_sys(e, errno, "open %s", target);
	c->job = r->job;
	c->top_fd = to;
	for (size_t i = 0; rc == 0 && i < r->n_chains; i++) {
		CLEANUP_FD int from = -1;

		layer_path(&r->chains[i], "/diff", path);
		from = openat(r->root_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		rc = from < 0 ? err_sys(e, errno, "open %s", path) : copy_layer(c, from, e);
	}
	return rc;
}

int copy_tree(const struct job *job, int from, int to, struct err *e)
{
	CLEANUP_MEM struct copy *c = mem_alloc(sizeof(*c));
	struct timespec times[2];
	struct stat st;
	int rc;

	if (!c)
		return err_sys(e, ENOMEM, "copy a directory");
	c->job = job;
	c->top_fd = to;
	c->verbatim = true;
	rc = copy_layer(c, from, e);
	if (rc < 0)
		return rc;
	if (fstat(from, &st) < 0)
		return err_sys(e, errno, "copy a directory");
	times[0] = st.st_atim;
	times[1] = st.st_mtim;
	return futimens(to, times) < 0 ? err_sys(e, errno, "copy a directory") : 0;
}
