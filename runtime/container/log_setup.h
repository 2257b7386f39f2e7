/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A container's log before it is written: what its shim is told (the plan), and where what it
 * writes is found again.
 *
 * Thread: loop. Yields: log_setup_plan (names of syslog servers are looked up by a job).
 * Owns: nothing; results are the arena's.
 */
#ifndef RUNTIME_CONTAINER_LOG_SETUP_H
#define RUNTIME_CONTAINER_LOG_SETUP_H

#include "runtime/container/container.h"

/* The plan for shim_launch.log_plan. Errors begin as the engine's: "failed to create task …". */
int log_setup_plan(const struct container *c, struct arena *a, struct str *ret, struct err *e)
	FIBER_FN WARN_UNUSED;
/* Path of the newest log file; false when there is none to read. */
bool log_setup_path(const struct container *c, char *out, size_t size, bool *ret_local);

#endif
