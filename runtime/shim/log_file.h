/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A container's json-file log as it is written: bytes of stdout and stderr are cut into lines (a
 * line over 16 KiB becomes several records, as with the engine), formatted many at a time and
 * appended with one write. Rotation renames path to path.1 and so on, always at the end of a line.
 *
 * A disk that is full loses lines, never tears one.
 *
 * Thread: the shim's. Yields: no. Owns: the log descriptor.
 */
#ifndef RUNTIME_SHIM_LOG_FILE_H
#define RUNTIME_SHIM_LOG_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "firmware/core/attr.h"
#include "firmware/core/clock.h"

#define LOG_RECORD_MAX 16384 /* bytes of a line in one record */

struct log_part {
	uint8_t *p; /* beginning of a line that has no end yet; LOG_RECORD_MAX bytes on the heap, or
		       NULL */
	size_t n;
	bool split; /* records of this line were written already */
	char time[CLOCK_RFC3339_MAX];
	size_t time_len;
};

struct log_file {
	int fd;
	int dirfd;
	const char *name; /* in dirfd */
	int64_t size, max_size, max_file;
	struct log_part part[2];
	char *out; /* formatted, not yet written */
	size_t out_n, out_cap;
};

/*
 * Open or create the log; name stays the caller's. out is the formatting buffer, at least
 * LOG_LINE_MAX(LOG_RECORD_MAX) bytes. 0 or -errno.
 */
int log_file_open(struct log_file *l, int dirfd, const char *name, int64_t max_size,
		  int64_t max_file, char *out, size_t out_cap) WARN_UNUSED;
void log_file_close(struct log_file *l);
/* Output of the container as it came. */
void log_file_write(struct log_file *l, bool is_stderr, const uint8_t *p, size_t n);
/* The stream ended: an unfinished line is written without a newline. */
void log_file_finish(struct log_file *l, bool is_stderr);

#endif
