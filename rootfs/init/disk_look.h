/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is on a disk: nothing at all, our file system (whole, or with its first blocks torn), one
 * whose making was cut short, or something of somebody else's. Reads, and never writes but for the
 * mark.
 *
 * Thread: any. Yields: reads of the disk. Owns: nothing. Limits: ext2, 3 and 4 are recognised.
 */
#ifndef ROOTFS_INIT_DISK_LOOK_H
#define ROOTFS_INIT_DISK_LOOK_H

#include <stdbool.h>
#include <stdint.h>

#include "firmware/core/attr.h"

#define DISK_LABEL "serin-data"

enum disk_kind {
	DISK_FOREIGN, /* not to be touched */
	DISK_EMPTY,   /* no byte in the first and the last MiB, no file system's spare superblock */
	DISK_HALF,    /* our mark: a file system was being made when the power went */
	DISK_OURS,
	DISK_TORN, /* ours by a spare superblock; the first is gone */
};

struct disk_look {
	enum disk_kind kind;
	bool clean; /* ours: unmounted in order, and no error was noted */
	uint64_t disk_bytes, fs_bytes;
	uint32_t block_size; /* ours */
	uint64_t spare;	     /* torn: the block of the spare superblock */
};

/* Look at an open disk of that many bytes. 0 or -errno. */
int disk_look(int fd, uint64_t bytes, struct disk_look *ret) WARN_UNUSED;
/* Leave (or take away) the mark that says that a file system is being made here. 0 or -errno. */
int disk_mark(int fd, uint64_t bytes, bool on) WARN_UNUSED;

#endif
