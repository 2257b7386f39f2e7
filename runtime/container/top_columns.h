/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The columns of serind's own `ps`: their names, what stands above them, and how each is told of a
 * process. Pure functions over what top_proc.c has read.
 *
 * Thread: any. Yields: no. Owns: results are the arena's.
 */
#ifndef RUNTIME_CONTAINER_TOP_COLUMNS_H
#define RUNTIME_CONTAINER_TOP_COLUMNS_H

#include <stdint.h>
#include <sys/types.h>

#include "firmware/core/arena.h"
#include "firmware/core/str.h"

/* From the text of /proc/<pid>/stat; ticks, bytes, pages. */
struct proc_stat {
	char state;
	int64_t ppid, session, pgrp, tty, foreground, priority, nice, threads;
	int64_t processor, rt_priority, policy; /* 0 where the kernel does not tell */
	uint64_t flags, minor_faults, major_faults;
	uint64_t utime, stime, start, vsize, rss;
};

/* Of /proc/<pid>/status: real, effective, saved. */
enum { TOP_REAL, TOP_EFFECTIVE, TOP_SAVED, TOP_IDS };

struct top_machine {
	struct str passwd, group;
	int64_t boot_s, now_s;
	uint64_t memory_pages;
	size_t page;
};

struct top_process {
	pid_t pid;
	unsigned uid[TOP_IDS], gid[TOP_IDS];
	struct proc_stat stat;
	const char *name, *command, *wchan;
};

/* What a column says is made in the arena; NULL when that is full. */
typedef const char *top_tell(const struct top_machine *m, const struct top_process *p, int which,
			     struct arena *a);

struct top_column {
	const char *name, *title;
	top_tell *tell;
	int which; /* the function's own */
};

/* NULL when there is none of that name. */
const struct top_column *top_column_find(struct str name);

#endif
