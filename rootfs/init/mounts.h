/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file systems of the kernel, control groups, and a root that containers can pivot away from.
 *
 * Thread: the only one. Yields: no. Owns: nothing.
 */
#ifndef ROOTFS_INIT_MOUNTS_H
#define ROOTFS_INIT_MOUNTS_H

#include "firmware/core/attr.h"

/* /proc, /sys, /dev and what belongs below them, /run, /tmp. What fails is told. */
void mounts_early(void);
/*
 * The kernel's first root can neither be left by pivot_root nor be unmounted, and OCI runtimes
 * pivot. So it is bound onto a directory of its own, the mounts follow, and that is moved over it:
 * no byte is copied. A root that is no initramfs is left alone. 0 or -errno.
 */
int mounts_move_root(void) WARN_UNUSED;
/* Everything below path, then path itself; what is in use is made read-only. 0 or -errno. */
int mounts_end(const char *path) WARN_UNUSED;

#endif
