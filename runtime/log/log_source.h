/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes of one file of a log, in order, whether it is compressed or not. Pages that are in
 * memory are read at once; for others a worker waits for the disk.
 *
 * Thread: loop. Yields: log_source_read, log_source_skip. Owns: what inflating takes, out of the
 * arena (some 60 KiB), until that is reset or given back.
 */
#ifndef RUNTIME_LOG_LOG_SOURCE_H
#define RUNTIME_LOG_LOG_SOURCE_H

#include <zlib.h>

#include "firmware/core/arena.h"
#include "firmware/sched/fiber.h"
#include "runtime/log/log_chain.h"

struct log_source {
	int fd;
	bool gz;
	int64_t offset; /* in the file */
	struct arena *a;
	z_stream z;
	uint8_t *in;
	bool ended; /* of a compressed file: its end, or where it is broken */
};

/* From the beginning, or a plain file from an offset. 0 or -ENOMEM. */
int log_source_open(struct log_source *s, const struct log_chain *c, int64_t offset,
		    struct arena *a) FIBER_FN WARN_UNUSED;
/* As read: bytes, 0 at the end, -errno or a cancel code. */
ssize_t log_source_read(struct log_source *s, void *p, size_t n) FIBER_FN WARN_UNUSED;

#endif
