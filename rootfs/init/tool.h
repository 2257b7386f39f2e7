/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Running other programs, and small files of the kernel's.
 *
 * Thread: the only one. Yields: tool_run waits for its program; the others do not. Owns: nothing.
 */
#ifndef ROOTFS_INIT_TOOL_H
#define ROOTFS_INIT_TOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "firmware/core/attr.h"

/* Where what the tools print goes. */
#define TOOL_LOG "/run/init.log"

/*
 * Start argv[0] (a path) in a session of its own with default signals; input is /dev/null, output
 * and errors go to out (-1: TOOL_LOG). The pid, or -errno; a failing exec is exit code 127.
 */
pid_t tool_start(const char *const argv[], int out, int oom_score_adj) WARN_UNUSED;
/* The same, waited for: its exit code, 128 + signal, -errno, or -ETIMEDOUT after it was killed. */
int tool_run(const char *const argv[], int timeout_s) WARN_UNUSED;
/* Default signal actions and nothing blocked: for children, before they go their own way. */
void tool_clear_signals(void);

/* Write text to an existing file; 0 or -errno. */
int file_put(const char *path, const char *text);
/* Read at most size - 1 bytes, terminated, trailing newline cut; the length or -errno. */
ssize_t file_get(const char *path, char *out, size_t size) WARN_UNUSED;

#endif
