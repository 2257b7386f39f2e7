/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A log and its rotated files (path, path.1, path.2.gz, …, newest first) as one text. The writer
 * may rename and compress them at any time, so a file is known by its inode, a compressed one also
 * by the inode of what it was made from, and its successor is looked for anew.
 *
 * Thread: loop or worker. Yields: no. Owns: struct log_chain holds one descriptor.
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
	int fd;	 /* -1: nothing there yet */
	bool gz; /* compressed */
	ino_t inode;
	int64_t offset; /* of the first byte not yet read, decompressed */
	bool at_end;	/* of a compressed file: all was read */
};

/* Stand at the beginning of the oldest file. 0, -ENOENT when there is none, -errno. */
int log_chain_open_all(struct log_chain *c, const char *path) WARN_UNUSED;
/*
 * Stand at the beginning of the newest, or of the one before c's file: 0, -ENOENT when there is
 * none, -errno. For walking back; c keeps its file on failure.
 */
int log_chain_open_newest(struct log_chain *c, const char *path) WARN_UNUSED;
int log_chain_open_older(struct log_chain *c) WARN_UNUSED;
/*
 * Go on to the next newer file: 1, or 0 when the present one is the newest (then a file that was
 * truncated is begun again), -ENOENT while the newest is being replaced, -errno.
 */
int log_chain_next(struct log_chain *c) WARN_UNUSED;
void log_chain_close(struct log_chain *c);

#endif
