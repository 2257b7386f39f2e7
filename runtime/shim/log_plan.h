/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the daemon tells a shim of its log: settings in a row, each a name and a value with their
 * lengths before them, in a memory file that the shim inherits. All that depends on the container
 * (tag, attributes, addresses of names) was worked out by the daemon.
 *
 * Thread: any. Yields: no. Owns: nothing; values point into the plan.
 */
#ifndef RUNTIME_SHIM_LOG_PLAN_H
#define RUNTIME_SHIM_LOG_PLAN_H

#include "firmware/core/attr.h"
#include "firmware/core/buf.h"

#define LOG_PLAN_MAX (1u << 20)

void log_plan_put(struct buf *plan, const char *name, struct str value);
void log_plan_put_i64(struct buf *plan, const char *name, int64_t value);
/* Next setting at *at: true, and *at moved on; false at the end or where the plan is malformed. */
bool log_plan_next(struct str plan, size_t *at, struct str *ret_name, struct str *ret_value);
/* First of that name; false when there is none. */
bool log_plan_get(struct str plan, const char *name, struct str *ret);
/* Number of that name, or otherwise. */
int64_t log_plan_get_i64(struct str plan, const char *name, int64_t otherwise);
/* A memory file with the plan, or -errno. */
int log_plan_write(struct str plan) WARN_UNUSED;
/* Map it for the rest of the process. 0 or -errno. */
int log_plan_map(int fd, struct str *ret) WARN_UNUSED;

#endif
