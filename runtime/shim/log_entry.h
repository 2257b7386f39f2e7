/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One record of a container's log on its way to wherever it goes: a line, or a piece of one that is
 * longer than LOG_RECORD_MAX.
 *
 * Thread: any. Yields: no. Owns: nothing; everything in it lives until the call returns.
 */
#ifndef RUNTIME_SHIM_LOG_ENTRY_H
#define RUNTIME_SHIM_LOG_ENTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOG_RECORD_MAX 16384 /* bytes of a line in one record */
#define LOG_PART_ID_LEN 64

struct log_entry {
	const uint8_t *p;
	size_t n;
	bool is_stderr;
	bool newline; /* the line ends here */
	const char *time;
	size_t time_len;
	int64_t time_ns;
	uint32_t ordinal;    /* from 1 in a line that was split, else 0 */
	const char *part_id; /* of the split line: LOG_PART_ID_LEN digits, terminated */
};

#endif
