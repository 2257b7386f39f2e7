/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `ps` printed, cut into columns. Pure functions.
 *
 * Thread: any. Yields: no. Owns: results are the arena's.
 */
#ifndef RUNTIME_CONTAINER_TOP_PARSE_H
#define RUNTIME_CONTAINER_TOP_PARSE_H

#include "runtime/container/look.h"

/*
 * Keep the lines of the processes in pids (ascending), and the lines of threads ("-" for a pid)
 * that follow them. ERR_SYSTEM "Couldn't find PID field in ps output".
 */
int top_parse(struct str text, const pid_t *pids, size_t n_pids, struct arena *a, struct top *ret,
	      struct err *e) WARN_UNUSED;
/* ERR_INVALID when the arguments give another column the title PID. */
int top_check_args(const char *args, struct err *e) WARN_UNUSED;

#endif
