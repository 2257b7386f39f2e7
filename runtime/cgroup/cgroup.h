/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A container's control group: reading its numbers, its processes, freezing it, changing its
 * limits. v1 and v2.
 *
 * Thread: worker (reading memory.stat makes the kernel add up, freezing waits). Yields: no.
 * Owns: nothing; results are in the caller's struct or arena.
 */
#ifndef RUNTIME_CGROUP_CGROUP_H
#define RUNTIME_CGROUP_CGROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "firmware/core/arena.h"
#include "firmware/core/err.h"
#include "firmware/core/str.h"
#include "firmware/sched/job.h"
#include "runtime/model/config.h"

#define CGROUP_PATH_MAX 256
#define CGROUP_LINE_MAX 64
#define CGROUP_NONE UINT64_MAX /* no limit, or not known */
#define CGROUP_PIDS_MAX 65536

struct cgroup {
	bool v2;
	char path[CGROUP_PATH_MAX]; /* "/docker/<id>" beneath every hierarchy */
};

/* --- cgroup.c --- */

/* A whole small file, terminated. -ENOENT when there is no such file or group. */
int cgroup_read(const struct cgroup *cg, const char *controller, const char *file, struct arena *a,
		struct str *ret) WARN_UNUSED;
/* The first line of a file that has a short one, in out; empty when it cannot be read. */
struct str cgroup_read_line(const struct cgroup *cg, const char *controller, const char *file,
			    char out[CGROUP_LINE_MAX]);
/* One number; CGROUP_NONE for "max" and v1's like of it, and when it cannot be read. */
uint64_t cgroup_read_u64(const struct cgroup *cg, const char *controller, const char *file);
/* -errno as the kernel says. */
int cgroup_write(const struct cgroup *cg, const char *controller, const char *file,
		 const char *text) WARN_UNUSED;
/* A directory of the group: any controller's ("" in v2). */
int cgroup_open(const struct cgroup *cg, const char *controller) WARN_UNUSED;
/* Remove what is empty of the group, in every hierarchy: what a runtime that was killed left. */
void cgroup_remove(const struct cgroup *cg);

/* --- stats.c --- */

struct cgroup_number {
	const char *key;
	uint64_t v;
};
struct cgroup_io {
	uint64_t major, minor, v;
	const char *op; /* "Read" …; "read", "write" in v2 */
};
struct cgroup_ios {
	struct cgroup_io *items;
	size_t n;
};
struct cgroup_stats {
	bool v2;
	/* nanoseconds */
	uint64_t cpu_total, cpu_user, cpu_kernel, throttled_ns;
	uint64_t periods, throttled;
	uint64_t *per_cpu; /* v1 */
	size_t n_per_cpu;
	uint64_t memory, memory_max, memory_failures; /* the last two v1 */
	uint64_t memory_limit;			      /* CGROUP_NONE: none */
	struct cgroup_number *memory_stat;
	size_t n_memory_stat;
	uint64_t pids, pids_limit; /* CGROUP_NONE */
	struct cgroup_ios io_bytes, io_count;
};
/* Texts and lists in the arena. -ENOENT when the group is gone. What is missing stays 0. */
int cgroup_stats(const struct cgroup *cg, struct arena *a, struct cgroup_stats *ret, struct err *e)
	WARN_UNUSED;

/* --- pids.c --- */

/* Processes of the group and of those below it, ascending. */
int cgroup_pids(const struct cgroup *cg, struct arena *a, pid_t **ret, size_t *ret_n, struct err *e)
	WARN_UNUSED;

/* --- freeze.c --- */

/* Stop all processes, or let them go on; returns when it is so. job may be NULL. */
int cgroup_freeze(const struct cgroup *cg, bool frozen, const struct job *job, struct err *e)
	WARN_UNUSED;
bool cgroup_is_frozen(const struct cgroup *cg);

/* --- update.c --- */

/* Set the limits that are not zero (not unset) in h. */
int cgroup_update(const struct cgroup *cg, const struct host_config *h, struct err *e) WARN_UNUSED;

#endif
