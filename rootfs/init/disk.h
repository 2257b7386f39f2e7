/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The data disk: found, made on the first boot, mended after a crash, grown, mounted. Whatever goes
 * wrong, the guest serves: then the data is in memory, and the log says why.
 *
 * Thread: the only one, in a process of its own (a check may take minutes). Yields: waits for
 * tools. Owns: nothing.
 */
#ifndef ROOTFS_INIT_DISK_H
#define ROOTFS_INIT_DISK_H

#include "firmware/core/attr.h"
#include "rootfs/init/options.h"

#define DATA_DIR "/var/lib/serin"

/* Find, check and mount; tells what it does. */
void disk_mount_data(const struct init_options *o);

#endif
