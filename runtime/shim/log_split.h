/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A container's output, cut into records. What was read is handed over in whole lines where it
 * holds any, straight from the buffer it was read into; only the beginning of a line that has no
 * end yet is kept. A line over LOG_RECORD_MAX becomes several records, all with the time of the
 * first.
 *
 * Thread: the shim's. Yields: no. Owns: the beginnings of lines, on the heap.
 */
#ifndef RUNTIME_SHIM_LOG_SPLIT_H
#define RUNTIME_SHIM_LOG_SPLIT_H

#include "firmware/core/clock.h"
#include "runtime/shim/log_entry.h"

struct log_part {
	uint8_t *p; /* LOG_RECORD_MAX bytes, or NULL */
	size_t n;
	uint32_t ordinal; /* records of this line that were written already */
	char time[CLOCK_RFC3339_MAX];
	size_t time_len;
	int64_t time_ns;
	char id[LOG_PART_ID_LEN + 1];
};

struct log_split {
	struct log_part part[2];
	void (*record)(void *arg, const struct log_entry *e);
	void *arg;
};

void log_split_init(struct log_split *s, void (*record)(void *arg, const struct log_entry *e),
		    void *arg);
/* Output as it came. */
void log_split_write(struct log_split *s, bool is_stderr, const uint8_t *p, size_t n);
/* The stream ended: an unfinished line is a record without a newline. */
void log_split_finish(struct log_split *s, bool is_stderr);
void log_split_done(struct log_split *s);

#endif
