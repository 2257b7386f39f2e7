/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small `ps -ef` and `ps aux`, read from /proc, for machines that have none.
 *
 * Thread: worker. Yields: no. Owns: results are the arena's.
 */
#ifndef RUNTIME_CONTAINER_TOP_PROC_H
#define RUNTIME_CONTAINER_TOP_PROC_H

#include "runtime/container/look.h"

bool top_proc_knows(const char *ps_args);
/* Processes that ended meanwhile are left out. */
int top_from_proc(const char *ps_args, const pid_t *pids, size_t n, struct arena *a,
		  struct top *ret, struct err *e) WARN_UNUSED;

/* From the text of /proc/<pid>/stat; false when it is none. Pure. */
struct proc_stat {
	char state;
	int64_t ppid, session, pgrp, tty, foreground, nice, threads;
	uint64_t utime, stime, start, vsize, rss; /* ticks, bytes, pages */
};
bool proc_stat_parse(struct str text, struct proc_stat *ret) WARN_UNUSED;

#endif
