/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process that enters a container is, for a moment, this program running in there, and whoever
 * may trace processes in the container can then open /proc/PID/exe: the file of the host, for
 * writing as soon as it is no longer executed. So such a process must run from a mount that cannot
 * be written through: a private copy of the mount the program is on, read-only and attached
 * nowhere. It costs no memory, the pages are those of the same file.
 */
#include <fcntl.h>
#include <linux/mount.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "firmware/core/cleanup.h"
#include "runtime/join/join.h"

/* The kernel's struct mount_attr; the C library has one of the same name elsewhere. */
struct mount_change {
	uint64_t set, clear, propagation, userns_fd;
};

bool join_is_sealed(void)
{
	struct statvfs st;

	return statvfs("/proc/self/exe", &st) == 0 && (st.f_flag & ST_RDONLY);
}

void join_seal(char **argv)
{
	extern char **environ;
	struct mount_change read_only = {.set = MOUNT_ATTR_RDONLY};
	int fd CLEANUP_FD = (int)syscall(SYS_open_tree, AT_FDCWD, "/proc/self/exe",
					 OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

	if (fd < 0 ||
	    syscall(SYS_mount_setattr, fd, "", AT_EMPTY_PATH, &read_only, sizeof(read_only)) < 0)
		return;
	(void)syscall(SYS_execveat, fd, "", argv, environ, AT_EMPTY_PATH);
}
