/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records of the driver local (its form: runtime/shim/log_local.h), read back.
 *
 * Thread: any. Yields: no. Owns: nothing; results point into the record, which is changed in place.
 */
#ifndef RUNTIME_LOG_LOG_LOCAL_PARSE_H
#define RUNTIME_LOG_LOG_LOCAL_PARSE_H

#include "firmware/core/buf.h"
#include "runtime/log/log_reader.h"

#define LOG_LOCAL_FRAME 8 /* bytes around a record */

/*
 * Length of the whole record at p, its frame included: 0 when its end is not among the n bytes,
 * -EBADMSG when no record begins here.
 */
ssize_t log_local_length(const char *p, size_t n) WARN_UNUSED;
/*
 * Take it apart (n: with its frame). The line gets its newline; ret->attrs are the raw attributes,
 * for log_local_attrs. 0 or -EBADMSG.
 */
int log_local_parse(char *p, size_t n, struct log_record *ret) WARN_UNUSED;
/* The attributes as a JSON object. */
void log_local_attrs(struct str raw, struct buf *out);

#endif
