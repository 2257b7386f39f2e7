/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One line of a json-file log: {"log":"…\n","stream":"stdout","attrs":{…},"time":"…"} and a
 * newline, escaped as the engine escapes it (HTML characters and invalid UTF-8 included).
 *
 * Thread: any. Yields: no. Owns: nothing.
 */
#ifndef RUNTIME_SHIM_LOG_LINE_H
#define RUNTIME_SHIM_LOG_LINE_H

#include "firmware/core/str.h"
#include "runtime/shim/log_entry.h"

#define LOG_LINE_OVERHEAD 96
/* Most bytes a line of n bytes can take. */
#define LOG_LINE_MAX(n) ((n)*6 + LOG_LINE_OVERHEAD)

/* Escape n bytes into out (room for 6 * n); returns the end of what was written. */
char *log_escape(char *out, const uint8_t *p, size_t n);
/* The whole line; attrs: a JSON object, or empty (its room comes on top). Returns the end. */
char *log_format_line(char *out, const struct log_entry *e, struct str attrs);

#endif
