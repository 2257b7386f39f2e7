/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/shim/log_gzip.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <zlib.h>

#include "firmware/core/attr.h"
#include "firmware/core/cleanup.h"
#include "firmware/core/config.h"

#define LEVEL 5
#define BLOCK 65536
#define FILES_MAX 1000

typedef char name_buf[LOG_GZIP_NAME_MAX];

static void put_name(name_buf out, const char *name, int64_t i, const char *suffix)
{
	if (i)
		snprintf(out, LOG_GZIP_NAME_MAX, "%s.%lld%s", name, (long long)i, suffix);
	else
		snprintf(out, LOG_GZIP_NAME_MAX, "%s%s", name, suffix);
}

static bool exists(int dirfd, const char *name, int64_t i, const char *suffix)
{
	name_buf path;

	put_name(path, name, i, suffix);
	return faccessat(dirfd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* A descriptor of its own, or forked processes would share the lock. */
static int lock_folder(int dirfd)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0)
		(void)flock(fd, LOCK_EX);
	return fd;
}

static void move(int dirfd, const char *name, int64_t i, const char *suffix)
{
	name_buf from, to;

	put_name(from, name, i, suffix);
	put_name(to, name, i + 1, suffix);
	(void)renameat(dirfd, from, dirfd, to);
}

static void drop(int dirfd, const char *name, int64_t i, const char *suffix)
{
	name_buf path;

	put_name(path, name, i, suffix);
	(void)unlinkat(dirfd, path, 0);
}

void log_gzip_shift(int dirfd, const char *name, int64_t max_file)
{
	int lock CLEANUP_FD UNUSED = lock_folder(dirfd);
	int64_t last = max_file < FILES_MAX ? max_file - 1 : FILES_MAX - 1, gap = 1;

	while (gap < last && (exists(dirfd, name, gap, "") || exists(dirfd, name, gap, ".gz")))
		gap++;
	/* The oldest goes, whichever way it is kept. */
	drop(dirfd, name, gap, "");
	drop(dirfd, name, gap, ".gz");
	for (int64_t i = gap - 1; i > 0; i--) {
		move(dirfd, name, i, ".gz");
		move(dirfd, name, i, "");
	}
	move(dirfd, name, 0, "");
}

bool log_gzip_settle(int dirfd, const char *name, int64_t max_file)
{
	int lock CLEANUP_FD UNUSED = lock_folder(dirfd);
	bool plain = false;

	for (int64_t i = 1; i < max_file && i < FILES_MAX; i++) {
		if (!exists(dirfd, name, i, ""))
			continue;
		if (exists(dirfd, name, i, ".gz"))
			drop(dirfd, name, i, "");
		else
			plain = true;
	}
	return plain;
}

/* Extra field of the header: "SI", a length of 8, the inode, all little-endian. */
static void put_extra(uint8_t extra[12], uint64_t inode)
{
	memcpy(extra, "SI\x08\0", 4);
	for (int i = 0; i < 8; i++)
		extra[4 + i] = (uint8_t)(inode >> (8 * i));
}

static int write_all(int fd, const uint8_t *p, size_t n)
{
	while (n) {
		ssize_t w = write(fd, p, n);

		if (w < 0 && errno == EINTR)
			continue;
		if (w <= 0)
			return w < 0 ? -errno : -EIO;
		p += w;
		n -= (size_t)w;
	}
	return 0;
}

static int deflate_fd(z_stream *z, int from, int to)
{
	static uint8_t in[BLOCK], out[BLOCK];
	int flush = Z_NO_FLUSH, r;

	while (flush != Z_FINISH) {
		ssize_t n = read(from, in, sizeof(in));

		if (n < 0)
			return -errno;
		flush = n ? Z_NO_FLUSH : Z_FINISH;
		z->next_in = in;
		z->avail_in = (uInt)n;
		do {
			z->next_out = out;
			z->avail_out = sizeof(out);
			if (deflate(z, flush) == Z_STREAM_ERROR)
				return -EIO;
			r = write_all(to, out, sizeof(out) - z->avail_out);
			if (r < 0)
				return r;
		} while (!z->avail_out);
	}
	return 0;
}

static int compress_fd(int from, const struct stat *st, int to)
{
	struct timespec times[2] = {st->st_atim, st->st_mtim};
	uint8_t extra[12];
	gz_header header = {.extra = extra, .extra_len = sizeof(extra), .os = 3};
	z_stream z = {0};
	int r;

	put_extra(extra, st->st_ino);
	if (deflateInit2(&z, LEVEL, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		return -ENOMEM;
	(void)deflateSetHeader(&z, &header);
	r = deflate_fd(&z, from, to);
	(void)deflateEnd(&z);
	if (r == 0)
		(void)futimens(to, times);
	return r;
}

/* Its number now, 0 when it was rotated away. */
static int64_t number_of(int dirfd, const char *name, int64_t max_file, ino_t inode)
{
	struct stat st;
	name_buf path;

	for (int64_t i = 1; i < max_file && i < FILES_MAX; i++) {
		put_name(path, name, i, "");
		if (fstatat(dirfd, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_ino == inode)
			return i;
	}
	return 0;
}

static int put_in_place(int dirfd, const char *name, int64_t max_file, ino_t inode,
			const char *made)
{
	int lock CLEANUP_FD UNUSED = lock_folder(dirfd);
	int64_t i = number_of(dirfd, name, max_file, inode);
	name_buf path;

	put_name(path, name, i, ".gz");
	if (i == 0 || renameat(dirfd, made, dirfd, path) < 0)
		return i == 0 ? -ENOENT : -errno;
	drop(dirfd, name, i, "");
	return 0;
}

static int compress_one(int dirfd, const char *name, int64_t max_file, int64_t i, const char *made,
			int to)
{
	int from CLEANUP_FD = -1;
	struct stat st;
	name_buf path;
	int r;

	put_name(path, name, i, "");
	from = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (from < 0)
		return -errno;
	if (fstat(from, &st) < 0 || !S_ISREG(st.st_mode))
		return -EINVAL;
	r = compress_fd(from, &st, to);
	return r < 0 ? r : put_in_place(dirfd, name, max_file, st.st_ino, made);
}

/* Oldest first; what could not be compressed stays as it is. */
static int64_t find_plain(int dirfd, const char *name, int64_t below)
{
	for (int64_t i = below - 1; i > 0; i--)
		if (exists(dirfd, name, i, ""))
			return i;
	return 0;
}

int log_gzip_all(int dirfd, const char *name, int64_t max_file)
{
	int64_t i, below = max_file < FILES_MAX ? max_file : FILES_MAX;
	name_buf made;
	int r = 0;

	if (!CONFIG(LOG_COMPRESS))
		return -ENOSYS;
	put_name(made, name, 0, ".gz.tmp");
	while (r == 0 && (i = find_plain(dirfd, name, below))) {
		int to CLEANUP_FD =
			openat(dirfd, made, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);

		if (to < 0)
			return -errno;
		/* Somebody else is at it already, perhaps of the run before. */
		if (flock(to, LOCK_EX | LOCK_NB) < 0)
			return -EBUSY;
		if (ftruncate(to, 0) < 0)
			return -errno;
		r = compress_one(dirfd, name, max_file, i, made, to);
		if (r < 0)
			(void)unlinkat(dirfd, made, 0);
		if (r == -ENOENT) /* rotated away while it was compressed */
			r = 0;
	}
	return r;
}

pid_t log_gzip_start(int dirfd, const char *name, int64_t max_file)
{
	pid_t pid;
	int fd;

	if (!CONFIG(LOG_COMPRESS))
		return -ENOSYS;
	pid = fork();
	if (pid != 0)
		return pid < 0 ? -errno : pid;
	/* Nothing of the container's or of its clients' may be held open from here. */
	fd = fcntl(dirfd, F_DUPFD, 3);
	if (fd < 0 || dup2(fd, 3) < 0)
		_exit(1);
	(void)syscall(SYS_close_range, 4u, ~0u, 0u);
	for (int i = 0; i < 3; i++)
		close(i);
	(void)prctl(PR_SET_NAME, "serin-gzip");
	(void)setpriority(PRIO_PROCESS, 0, 10);
	_exit(log_gzip_all(3, name, max_file) < 0);
}
