/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log records on their way to a client: prefix (time, details), stdcopy framing, and the way out, which is a
 * chunked reply or a hijacked connection.
 *
 * Thread: loop. Yields: yes. Owns: nothing; lives in the handler's arena.
 */
#ifndef API_CONTAINERS_LOG_STREAM_H
#define API_CONTAINERS_LOG_STREAM_H

#include "firmware/core/arena.h"
#include "firmware/net/http_server.h"
#include "runtime/log/log_reader.h"

struct log_stream {
	struct log_sink sink;
	struct http_request *http;
	bool hijacked; /* write to the connection itself */
	bool framed;
	bool timestamps, details;
	struct arena scratch; /* reset for every record with details */
};

void log_stream_init(struct log_stream *s, struct http_request *http, bool framed);
void log_stream_done(struct log_stream *s);
/* The type-3 frame that tells of an error in the middle of the stream. */
int log_stream_error(struct log_stream *s, const char *message) FIBER_FN;
/* "tail": all lines (-1) unless it is a number. */
int64_t log_tail_parse(const char *text);

#endif
