/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which limits this kernel can set, and which processors and memory nodes there are: what is told
 * of a limit that cannot be had, and what GET /info says.
 *
 * Thread: any. Yields: no (reads a few small files once). Owns: nothing.
 */
#ifndef RUNTIME_CGROUP_SUPPORT_H
#define RUNTIME_CGROUP_SUPPORT_H

#include <stdbool.h>
#include <stddef.h>

#include "firmware/core/err.h"

#define CGROUP_LIST_MAX 256	 /* text of a list of processors, as the kernel writes it */
#define CGROUP_LIST_NUMBERS 8192 /* most processors or nodes a list may name */

struct cgroup_support {
	bool v2;
	bool memory, swap, reservation, swappiness, oom_kill_disable, kernel_memory, kernel_tcp;
	bool cpu_shares, cpu_cfs, cpu_realtime, cpuset, pids;
	bool io_weight, io_weight_device, read_bps, write_bps, read_iops, write_iops;
	bool namespaces;				   /* of control groups */
	char cpus[CGROUP_LIST_MAX], mems[CGROUP_LIST_MAX]; /* "0-3,8"; "" when not known */
};

/* Is the control groups' file system the one hierarchy of v2? */
bool cgroup_is_v2(void);
/* Is it one of the words of a line (cgroup.controllers)? */
bool cgroup_line_names(const char *words, const char *word);
void cgroup_support_find(bool v2, struct cgroup_support *ret);

/*
 * Is every number of the list asked for ("0-2,5") one of those there are? An empty list is, and so
 * is all when those there are is not known. ERR_INVALID "invalid format: x", "value of out range,
 * maximum is 8192".
 */
int cgroup_list_within(const char *asked, const char *there, bool *ret, struct err *e) WARN_UNUSED;

#endif
