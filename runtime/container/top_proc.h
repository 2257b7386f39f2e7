/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small `ps`, read from /proc, for machines that have none: the columns of top_columns.c, chosen
 * by arguments as top_format.c knows them.
 *
 * Thread: worker. Yields: no. Owns: results are the arena's.
 */
#ifndef RUNTIME_CONTAINER_TOP_PROC_H
#define RUNTIME_CONTAINER_TOP_PROC_H

#include "runtime/container/look.h"
#include "runtime/container/top_columns.h"
#include "runtime/container/top_format.h"

/* Processes that ended meanwhile are left out. */
int top_from_proc(const struct top_format *f, const pid_t *pids, size_t n, struct arena *a,
		  struct top *ret, struct err *e) WARN_UNUSED;

/* From the text of /proc/<pid>/stat; false when it is none. Pure. */
bool proc_stat_parse(struct str text, struct proc_stat *ret) WARN_UNUSED;
/* The numbers behind "Uid:" or "Gid:" of /proc/<pid>/status; false when they are not there. Pure.
 */
bool proc_ids_parse(struct str text, const char *key, unsigned *ret) WARN_UNUSED;

#endif
