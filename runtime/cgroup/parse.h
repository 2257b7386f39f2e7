/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The forms that the files of control groups have. Pure functions.
 *
 * Thread: any. Yields: no. Owns: results point into the text or the arena.
 */
#ifndef RUNTIME_CGROUP_PARSE_H
#define RUNTIME_CGROUP_PARSE_H

#include "runtime/cgroup/cgroup.h"

/* "123\n", "max\n"; CGROUP_NONE for no number, no limit, and v1's 0x7ffffffffffff000. */
uint64_t cgroup_parse_u64(struct str text);
/* "key value" lines. */
int cgroup_parse_numbers(struct str text, struct arena *a, struct cgroup_number **ret,
			 size_t *ret_n) WARN_UNUSED;
uint64_t cgroup_number(const struct cgroup_number *list, size_t n, const char *key); /* or 0 */
/* v1: "8:0 Read 4096" lines; the sum at the end is left out. */
int cgroup_parse_io_v1(struct str text, struct arena *a, struct cgroup_ios *ret) WARN_UNUSED;
/* v2: "8:0 rbytes=1 wbytes=2 rios=3 wios=4 …" lines. */
int cgroup_parse_io_v2(struct str text, struct arena *a, struct cgroup_ios *ret_bytes,
		       struct cgroup_ios *ret_count) WARN_UNUSED;
/*
 * A line for v2's cpu.max: period and quota in microseconds, what is 0 stays as the present line
 * has it ("max 100000"; an empty one has no limit in the usual period); a negative quota is none.
 */
void cgroup_cpu_max(struct str now, int64_t period, int64_t quota, char out[CGROUP_LINE_MAX]);
/* cpu.shares to cpu.weight, as OCI runtimes do it. */
uint64_t cgroup_weight(int64_t shares);

#endif
