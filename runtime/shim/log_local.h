/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One record of the driver local, as the engine writes it: its length in four bytes, big-endian,
 * the record, and the length again, so that a file can be read from both ends. The record is a
 * protobuf message: 1 source, 2 time in nanoseconds, 3 line (without its newline), 4 part of a
 * longer line, 5 {1 last, 2 id, 3 ordinal} of such a part, 6 attributes {1 key, 2 value}.
 *
 * Thread: any. Yields: no. Owns: nothing.
 */
#ifndef RUNTIME_SHIM_LOG_LOCAL_H
#define RUNTIME_SHIM_LOG_LOCAL_H

#include "firmware/core/buf.h"
#include "runtime/shim/log_entry.h"

#define LOG_LOCAL_OVERHEAD 160
/* Most bytes a record with a line of n bytes and extra bytes of attributes can take. */
#define LOG_LOCAL_MAX(n, extra) ((n) + (extra) + LOG_LOCAL_OVERHEAD)
/* Longest record that anyone writes. */
#define LOG_LOCAL_RECORD_MAX (1u << 20)

/* extra: what log_local_put_attr made. Returns the end of what was written. */
char *log_local_put(char *out, const struct log_entry *e, struct str extra);
/* Append one attribute. */
void log_local_put_attr(struct buf *out, struct str key, struct str value);

#endif
