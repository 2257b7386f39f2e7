/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finding the place from which a number of lines follow, from the end of a log backwards, file by
 * file. Compressed files are read through, twice where the place is in them.
 *
 * Thread: loop. Yields: yes. Owns: nothing; scratch memory is the arena's, which is reset.
 */
#ifndef RUNTIME_LOG_LOG_TAIL_H
#define RUNTIME_LOG_LOG_TAIL_H

#include "firmware/core/arena.h"
#include "firmware/sched/fiber.h"
#include "runtime/log/log_chain.h"

/*
 * Stand so that lines whole records follow. block: bytes of scratch at once. 0, -ENOENT when there
 * is no log, -errno or a cancel code.
 */
int log_tail_open(struct log_chain *c, const char *path, bool local, int64_t lines, struct arena *a,
		  size_t block) FIBER_FN WARN_UNUSED;

#endif
