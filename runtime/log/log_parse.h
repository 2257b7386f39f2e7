/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One line of a json-file log, read back. Lines in the form that we and the engine write are taken
 * apart by hand; any other JSON with the same members goes through the JSON parser.
 *
 * Thread: any. Yields: no. Owns: nothing; results point into the line, which is decoded in place.
 */
#ifndef RUNTIME_LOG_LOG_PARSE_H
#define RUNTIME_LOG_LOG_PARSE_H

#include "firmware/core/arena.h"
#include "runtime/log/log_reader.h"

struct log_parser {
	char second[20]; /* the last timestamp up to its seconds, and what it stands for */
	int64_t second_ns;
};

/* n bytes without the newline at the end, writable. 0, or -EBADMSG and the line is untouched. */
int log_parse_fast(struct log_parser *lp, char *p, size_t n, struct log_record *ret) WARN_UNUSED;
/* Any JSON; texts are the arena's or the line's. 0 or -EBADMSG. */
int log_parse_json(struct str line, struct arena *a, struct log_record *ret) WARN_UNUSED;

#endif
