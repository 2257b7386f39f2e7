/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A container's log in files of its own, as json-file or as local writes them: records are
 * formatted many at a time and appended with one write. Rotation moves name to name.1 and so on,
 * always between two records; who is killed in the midst of it leaves at most a number that nobody
 * has, which the next rotation fills. Compressing rotated files is another process's work
 * (log_gzip.h).
 *
 * A disk that is full loses records, never tears one. What a crash tore is cut off (local) or
 * closed with a newline (json-file) when the file is opened again.
 *
 * Thread: the shim's. Yields: no. Owns: the log descriptor.
 */
#ifndef RUNTIME_SHIM_LOG_FILE_H
#define RUNTIME_SHIM_LOG_FILE_H

#include "firmware/core/attr.h"
#include "runtime/shim/log_entry.h"
#include "firmware/core/str.h"

enum log_format { LOG_FORMAT_JSON, LOG_FORMAT_LOCAL };

struct log_file_options {
	int dirfd;
	const char *name; /* in dirfd; stays the caller's */
	enum log_format format;
	int64_t max_size; /* 0: never rotated */
	int64_t max_file;
	bool compress;	  /* rotated files are to be compressed: see log_file.rotated */
	struct str extra; /* goes into each record: a JSON object, or local's attributes */
};

struct log_file {
	struct log_file_options o;
	int fd;
	int64_t size;
	bool rotated; /* there is something to compress */
	char *out;    /* formatted, not yet written */
	size_t out_n, out_cap;
};

/* Room that a record needs in the formatting buffer. */
size_t log_file_room(const struct log_file_options *o);
/*
 * Open or create the log. out is the formatting buffer of at least log_file_room bytes. 0 or
 * -errno; -E2BIG when it is smaller.
 */
int log_file_open(struct log_file *l, const struct log_file_options *o, char *out, size_t out_cap)
	WARN_UNUSED;
void log_file_close(struct log_file *l);
void log_file_record(struct log_file *l, const struct log_entry *e);
/* Write what was formatted. */
void log_file_flush(struct log_file *l);

#endif
