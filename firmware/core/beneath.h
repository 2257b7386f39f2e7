/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening beneath a directory, by openat2. Where a rename or a mount anywhere on the machine meets
 * the kernel at a "..", it cannot tell where that led and says EAGAIN: asked again, it can.
 *
 * Thread: any. Yields: no. Limits: it is asked OPEN_BENEATH_TRIES times.
 */
#ifndef FIRMWARE_CORE_BENEATH_H
#define FIRMWARE_CORE_BENEATH_H

#include <errno.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { OPEN_BENEATH_TRIES = 1000 };

/* A descriptor of the caller's, or -1 and errno. */
static inline int open_beneath_how(int dirfd, const char *path, const struct open_how *how)
{
	int fd = -1;

	for (int i = 0; i < OPEN_BENEATH_TRIES; i++) {
		fd = (int)syscall(SYS_openat2, dirfd, path, how, sizeof(*how));
		if (fd >= 0 || errno != EAGAIN)
			break;
	}
	return fd;
}

#endif
