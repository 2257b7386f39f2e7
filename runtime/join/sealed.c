/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process that enters a container is, for a moment, this program running in there, and whoever
 * may trace processes in the container can then open /proc/PID/exe: the file of the host, for
 * writing as soon as it is no longer executed. So such a process must run from a mount that cannot
 * be written through: a private copy of the mount the program is on, read-only and attached
 * nowhere. It costs no memory, the pages are those of the same file.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "firmware/core/cleanup.h"
#include "runtime/join/join.h"

extern char **environ;

/* The kernel's struct mount_attr; the C library has one of the same name elsewhere. */
struct mount_change {
	uint64_t set, clear, propagation, userns_fd;
};

bool join_is_sealed(void)
{
	struct statvfs st;

	return statvfs("/proc/self/exe", &st) == 0 && (st.f_flag & ST_RDONLY);
}

int join_clone_read_only(const char *path)
{
	struct mount_change read_only = {.set = MOUNT_ATTR_RDONLY};
	int fd CLEANUP_FD =
		(int)syscall(SYS_open_tree, AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

	if (fd < 0 ||
	    syscall(SYS_mount_setattr, fd, "", AT_EMPTY_PATH, &read_only, sizeof(read_only)) < 0)
		return -errno;
	return TAKE_FD(fd);
}

/* By way of its directory, so that /proc/PID/exe still ends in its name; not when another file has
 * taken its place there. */
static void run_in_directory(char **argv)
{
	static char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	struct stat there, ours;
	char *name;
	int dir CLEANUP_FD = -1;

	if (n <= 1)
		return;
	path[n] = 0;
	name = strrchr(path, '/');
	if (!name)
		return;
	*name++ = 0;
	dir = join_clone_read_only(path[0] ? path : "/");
	if (dir < 0 || fstatat(dir, name, &there, AT_SYMLINK_NOFOLLOW) < 0 ||
	    stat("/proc/self/exe", &ours) < 0 || there.st_ino != ours.st_ino ||
	    there.st_dev != ours.st_dev)
		return;
	(void)syscall(SYS_execveat, dir, name, argv, environ, AT_SYMLINK_NOFOLLOW);
}

void join_seal(char **argv)
{
	int fd CLEANUP_FD = -1;

	run_in_directory(argv);
	fd = join_clone_read_only("/proc/self/exe");
	if (fd >= 0)
		(void)syscall(SYS_execveat, fd, "", argv, environ, AT_EMPTY_PATH);
}
