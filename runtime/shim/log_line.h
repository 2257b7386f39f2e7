/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One line of a json-file log: {"log":"…\n","stream":"stdout","time":"…"} and a newline, escaped as
 * the engine escapes it (HTML characters and invalid UTF-8 included).
 *
 * Thread: any. Yields: no. Owns: nothing.
 */
#ifndef RUNTIME_SHIM_LOG_LINE_H
#define RUNTIME_SHIM_LOG_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOG_LINE_OVERHEAD 96
/* Most bytes a line of n bytes can take. */
#define LOG_LINE_MAX(n) ((n)*6 + LOG_LINE_OVERHEAD)

/* Escape n bytes into out (room for 6 * n); returns the end of what was written. */
char *log_escape(char *out, const uint8_t *p, size_t n);
/* The whole line; time is the text of a timestamp. Returns the end. */
char *log_format_line(char *out, const uint8_t *p, size_t n, bool newline, bool is_stderr,
		      const char *time, size_t time_len);

#endif
