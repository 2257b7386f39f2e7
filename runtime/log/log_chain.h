/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A log and its rotated files (path, path.1, path.2, …, newest first) as one text. The writer may
 * rename them at any time, so a file is known by its inode, and its successor is looked for anew.
 *
 * Thread: loop or worker. Yields: no (reads of log_chain_seek_tail may touch the disk).
 * Owns: struct log_chain holds one descriptor.
 */
#ifndef RUNTIME_LOG_LOG_CHAIN_H
#define RUNTIME_LOG_LOG_CHAIN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "firmware/core/attr.h"

#define LOG_CHAIN_PATH_MAX 512
#define LOG_CHAIN_FILES_MAX 1000

struct log_chain {
	const char *path;
	int fd; /* -1: nothing there yet */
	ino_t inode;
	int64_t offset; /* of the first byte not yet read, in fd */
};

/* Stand at the beginning of the oldest file. 0, -ENOENT when there is none, -errno. */
int log_chain_open_all(struct log_chain *c, const char *path) WARN_UNUSED;
/* Stand so that lines whole lines follow. block: scratch of size bytes. 0, -ENOENT, -errno. */
int log_chain_open_tail(struct log_chain *c, const char *path, int64_t lines, char *block,
			size_t size) WARN_UNUSED;
/*
 * Go on to the next newer file: 1, or 0 when the present one is the newest (then a file that was
 * truncated is begun again), -ENOENT while the newest is being replaced, -errno.
 */
int log_chain_next(struct log_chain *c) WARN_UNUSED;
void log_chain_close(struct log_chain *c);

#endif
