/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Out of what an OCI runtime logged when it failed: the message the engine would give, and the exit
 * code that stands for it.
 *
 * Thread: any. Yields: no. Owns: nothing.
 */
#ifndef RUNTIME_SHIM_RUNTIME_ERROR_H
#define RUNTIME_SHIM_RUNTIME_ERROR_H

#include <stdbool.h>
#include <stddef.h>

#include "firmware/core/str.h"

#define RUNTIME_ERROR_MAX 640

struct runtime_error {
	int code; /* 126 not executable, 127 not found, else 128 (start) or 126 (exec) */
	char text[RUNTIME_ERROR_MAX];
};

/* log: lines of JSON ({"level":"error","msg":…}); the last error counts. said:
 * plain words for when the log holds none. runtime: the program. */
void runtime_error_from_log(struct str log, struct str said, const char *runtime, bool is_exec,
			    struct runtime_error *ret);
/* Why a container could not be entered without a runtime, in the runtime's words. */
void runtime_error_from_join(const char *text, struct runtime_error *ret);
/* The program itself could not be run. */
void runtime_error_from_spawn(int sys_errno, const char *runtime, bool is_exec,
			      struct runtime_error *ret);
/* May the failure be blamed on what was to be run (codes 126 and 127 of a start)? */
bool runtime_error_is_invalid(const struct runtime_error *e);
/* The runtime knows the container from an earlier life. */
bool runtime_error_is_leftover(const struct runtime_error *e);

#endif
