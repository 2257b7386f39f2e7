/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One record as an entry of systemd's journal, in its native protocol: fields one after the other,
 * NAME=value and a newline, or where the value holds a newline NAME, a newline, the value's length
 * in eight bytes little-endian, the value and a newline.
 *
 * Thread: any. Yields: no. Owns: nothing.
 */
#ifndef RUNTIME_SHIM_LOG_JOURNAL_H
#define RUNTIME_SHIM_LOG_JOURNAL_H

#include "firmware/core/buf.h"
#include "runtime/shim/log_entry.h"

#define LOG_JOURNAL_OVERHEAD 384

struct log_journal {
	struct str fields; /* of every entry, made with log_journal_put_field */
	uint64_t ordinal;  /* of the last entry */
};

void log_journal_put_field(struct buf *out, const char *name, struct str value);
/* A label or a variable as the name of a field: capitals, digits and underscores. */
void log_journal_put_name(struct buf *out, struct str name);

size_t log_journal_room(const struct log_journal *l, size_t n);
/* The end of what was written. */
char *log_journal_put(struct log_journal *l, char *out, const struct log_entry *e);

#endif
