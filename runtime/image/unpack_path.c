/* SPDX-License-Identifier: Apache-2.0 */
/* From the names in an archive to directories beneath the root; the rules stand in unpack.c. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "firmware/core/beneath.h"
#include "runtime/image/unpack_private.h"

#define PATH_DEEPEST 256

int unpack_open(int root_fd, const char *path, uint64_t flags)
{
	struct open_how how = {
		.flags = flags | O_CLOEXEC,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};

	return open_beneath_how(root_fd, path[0] ? path : ".", &how);
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

/* A name of the archive as a path beneath the root. Errors as from archive_path_clean. */
int unpack_resolve(const struct unpack *u, const char *name, char out[ARCHIVE_PATH_MAX])
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
	CLEANUP_FD int at = unpack_open(u->opt->root_fd, path, O_PATH | O_DIRECTORY);
	size_t start = 0;

	if (at >= 0 || errno != ENOENT)
		return at < 0 ? -errno : TAKE_FD(at);
	at = unpack_open(u->opt->root_fd, "", O_PATH | O_DIRECTORY);
	while (at >= 0 && path[start]) {
		size_t end = start + strcspn(path + start, "/");
		char saved = path[end];
		int next;

		path[end] = '\0';
		next = unpack_open(u->opt->root_fd, path, O_PATH | O_DIRECTORY);
		if (next < 0 && errno == ENOENT && mkdirat(at, path + start, 0755) == 0) {
			if (fchmodat(at, path + start, 0755, AT_SYMLINK_NOFOLLOW) == 0)
				next = unpack_open(u->opt->root_fd, path, O_PATH | O_DIRECTORY);
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
int unpack_enter_parent(struct unpack *u, struct err *e)
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
		   : unpack_open(u->opt->root_fd, "", O_PATH | O_DIRECTORY);
	if (!slash && fd < 0)
		fd = -errno;
	if (slash)
		*slash = '/';
	if (fd < 0) {
		errno = -fd;
		return unpack_failed(u, e, "cannot enter the parent of");
	}
	set_parent(u, fd, u->path, n);
	return 0;
}
