/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a container's log back (json-file or local): tail, since, until, follow across rotation.
 * A follower is a fiber that sleeps on an inotify watch shared by the loop and borrows a chunk only
 * while bytes are in flight.
 *
 * Thread: loop. Yields: what carries FIBER_FN. Owns: one inotify descriptor for all followers.
 * Limits: CONFIG_LOG_FOLLOWERS.
 */
#ifndef RUNTIME_LOG_LOG_READER_H
#define RUNTIME_LOG_LOG_READER_H

#include <stdbool.h>
#include <stdint.h>

#include "firmware/core/err.h"
#include "firmware/core/str.h"
#include "firmware/sched/fiber.h"

enum log_stream { LOG_STDOUT = 1, LOG_STDERR = 2 };

struct log_query {
	const char *path; /* <data-root>/containers/<id>/<id>-json.log; rotated files are path.1,
			     path.2, … */
	bool local;	  /* in the format of the driver local, not of json-file */
	bool follow, want_stdout, want_stderr;
	int64_t since_ns, until_ns; /* wall clock; 0: unbounded */
	int64_t tail;		    /* lines from the end, -1: all */
	/* Asked when the end of the file is reached: true while more may come. */
	bool (*more)(void *arg);
	void *arg;
};

struct log_record {
	enum log_stream stream;
	int64_t time_ns;
	struct str time_text; /* as in the file; json-file only */
	struct str line;      /* decoded, with its newline if it had one */
	struct str attrs;     /* JSON object of attributes, or empty */
};

struct log_sink {
	bool wants_attrs; /* else they may be missing or not JSON */
	int (*record)(struct log_sink *sink, const struct log_record *r)
		FIBER_FN;			      /* negative ends the reading */
	int (*flush)(struct log_sink *sink) FIBER_FN; /* nothing more for the moment */
};

int log_reader_init(struct err *e) WARN_UNUSED;
/* Read until the end (or for ever with follow). 0, or the sink's code, or cancel code. A corrupt
 * line is skipped. */
int log_read(const struct log_query *q, struct log_sink *sink, struct err *e) FIBER_FN WARN_UNUSED;
/* Wake followers of this path (the container ended, or was removed). */
void log_reader_wake(const char *path);

#endif
