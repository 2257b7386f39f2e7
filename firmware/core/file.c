/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/core/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "firmware/core/beneath.h"
#include "firmware/core/cleanup.h"

#define READ_FIRST 4096

void random_bytes(void *p, size_t n)
{
	char *at = p;

	while (n) {
		ssize_t r = getrandom(at, n, 0);

		if (r > 0) {
			at += r;
			n -= (size_t)r;
		} else if (errno != EINTR) {
			/* Weak names and seeds are worse than none: there is no way on. */
			__builtin_trap();
		}
	}
}

int fd_write_all(int fd, const void *p, size_t n)
{
	const char *at = p;

	while (n) {
		ssize_t r = write(fd, at, n);

		if (r < 0) {
			if (errno == EINTR)
				continue;
			return -errno;
		}
		if (r == 0)
			return -EIO;
		at += r;
		n -= (size_t)r;
	}
	return 0;
}

/* Everything fd gives, in one growing block; the size stat tells is a hint (it is 0 in /proc). */
static int read_whole(int fd, size_t size_hint, size_t max, struct arena *a, struct str *ret)
{
	size_t cap = MIN(size_hint ? size_hint : READ_FIRST, max) + 1;
	size_t n = 0;
	char *p = arena_alloc(a, cap);

	if (!p)
		return -ENOMEM;
	for (;;) {
		ssize_t r;

		/* One byte more than permitted is asked for, to tell "full" from "too long". */
		if (n == cap) {
			size_t grown = MIN(cap > max / 2 ? max + 1 : cap * 2, max + 1);

			p = arena_grow(a, p, cap, grown);
			if (!p)
				return -ENOMEM;
			cap = grown;
		}
		r = read(fd, p + n, cap - n);
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -errno;
		if (r == 0)
			break;
		n += (size_t)r;
		if (n > max)
			return -E2BIG;
	}
	p[n] = '\0'; /* n < cap: the last read asked for more and got nothing */
	*ret = str_span(p, n);
	return 0;
}

static int read_opened(int fd, const char *path, bool regular_only, size_t max, struct arena *a,
		       struct str *ret, struct err *e)
{
	struct stat st;
	size_t hint = 0;
	int r;

	if (max >= SIZE_MAX / 2)
		max = SIZE_MAX / 2;
	if (fstat(fd, &st) < 0)
		return err_sys(e, errno, "stat %s", path);
	if (regular_only && !S_ISREG(st.st_mode))
		return err_sys(e, S_ISDIR(st.st_mode) ? EISDIR : EINVAL, "read %s", path);
	if (S_ISREG(st.st_mode) && st.st_size > 0) {
		if ((uint64_t)st.st_size > max)
			return err_set(e, ERR_TOO_LARGE, "read %s: more than %zu bytes", path, max);
		hint = (size_t)st.st_size;
	}
	r = read_whole(fd, hint, max, a, ret);
	if (r == -E2BIG)
		return err_set(e, ERR_TOO_LARGE, "read %s: more than %zu bytes", path, max);
	if (r < 0)
		return err_sys(e, r, "read %s", path);
	return 0;
}

int file_read_at(int dirfd, const char *path, size_t max, struct arena *a, struct str *ret,
		 struct err *e)
{
	int fd CLEANUP_FD = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return err_sys(e, errno, "open %s", path);
	return read_opened(fd, path, false, max, a, ret, e);
}

int file_read_in_root(int root_fd, const char *path, size_t max, struct arena *a, struct str *ret,
		      struct err *e)
{
	/* O_NONBLOCK: a fifo planted there must not hold us up. */
	struct open_how how = {
		.flags = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};
	int fd CLEANUP_FD = open_beneath_how(root_fd, path, &how);

	if (fd < 0)
		return err_sys(e, errno, "open %s", path);
	return read_opened(fd, path, true, max, a, ret, e);
}

static int sync_fd(int fd)
{
	while (fsync(fd) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	return 0;
}

int dir_sync_at(int dirfd, const char *path, struct err *e)
{
	int fd CLEANUP_FD = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r;

	if (fd < 0)
		return err_sys(e, errno, "open %s", path);
	r = sync_fd(fd);
	return r < 0 ? err_sys(e, r, "sync %s", path) : 0;
}

/* fsync the directory that path's last component stands in. */
static NOINLINE int sync_parent(int dirfd, const char *path, struct err *e)
{
	const char *slash = strrchr(path, '/');
	char dir[FILE_PATH_MAX];

	if (!slash)
		return dir_sync_at(dirfd, ".", e);
	if (slash == path)
		return dir_sync_at(dirfd, "/", e);
	if (!str_copy(dir, sizeof(dir), str_span(path, (size_t)(slash - path))))
		return err_sys(e, ENAMETOOLONG, "sync %s", path);
	return dir_sync_at(dirfd, dir, e);
}

/* Write, set the mode whatever the umask, sync, close: the first failure counts. */
static int fill_and_close(int fd, struct str data, mode_t mode, bool sync)
{
	int r = fd_write_all(fd, data.p, data.n);

	if (r == 0 && fchmod(fd, mode) < 0)
		r = -errno;
	if (r == 0 && sync)
		r = sync_fd(fd);
	if (close(fd) < 0 && r == 0 && errno != EINTR)
		r = -errno;
	return r;
}

int file_replace_at(int dirfd, const char *path, struct str data, mode_t mode, bool sync,
		    struct err *e)
{
	char tmp[FILE_PATH_MAX];
	uint8_t random[4];
	char hex[2 * sizeof(random) + 1];
	int fd, n, r;

	random_bytes(random, sizeof(random));
	hex_encode(random, sizeof(random), hex);
	n = snprintf(tmp, sizeof(tmp), "%s.tmp-%s", path, hex);
	if (n < 0 || (size_t)n >= sizeof(tmp))
		return err_sys(e, ENAMETOOLONG, "write %s", path);
	fd = openat(dirfd, tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode & 0600);
	if (fd < 0)
		return err_sys(e, errno, "create %s", tmp);
	r = fill_and_close(fd, data, mode, sync);
	if (r == 0 && renameat(dirfd, tmp, dirfd, path) < 0)
		r = -errno;
	if (r < 0) {
		unlinkat(dirfd, tmp, 0);
		return err_sys(e, r, "write %s", path);
	}
	return sync ? sync_parent(dirfd, path, e) : 0;
}

static int make_one(const char *path, mode_t mode)
{
	struct stat st;

	if (mkdir(path, mode) == 0)
		return 0;
	if (errno != EEXIST)
		return -errno;
	if (stat(path, &st) < 0)
		return -errno;
	return S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
}

int dir_make_all(const char *path, mode_t mode, struct err *e)
{
	char part[FILE_PATH_MAX];
	struct stat st;
	int r = 0;

	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return 0;
	if (!str_copy(part, sizeof(part), str_from(path)) || part[0] == '\0')
		return err_sys(e, part[0] ? ENAMETOOLONG : ENOENT, "mkdir %s", path);
	for (char *p = part + 1;; p++) {
		char c = *p;

		if (c != '/' && c != '\0')
			continue;
		if (p[-1] != '/') {
			*p = '\0';
			r = make_one(part, mode);
			*p = c;
		}
		if (r < 0 || c == '\0')
			break;
	}
	return r < 0 ? err_sys(e, r, "mkdir %s", path) : 0;
}
