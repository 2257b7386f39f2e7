/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log records on their way to a client: prefix (time, details), stdcopy framing, and the way out,
 * which is a chunked reply or a hijacked connection.
 *
 * Thread: loop. Yields: yes. Owns: nothing; lives in the handler's arena.
 */
#ifndef API_CONTAINERS_LOG_OUT_H
#define API_CONTAINERS_LOG_OUT_H

#include "firmware/core/arena.h"
#include "firmware/net/http_server.h"
#include "runtime/log/log_reader.h"

struct log_out {
	struct log_sink sink;
	struct http_request *http;
	bool hijacked; /* write to the connection itself */
	bool framed;
	bool websocket, ws_text; /* a websocket frame for each record */
	bool timestamps, details;
	struct arena scratch; /* reset for every record with details */
};

void log_out_init(struct log_out *s, struct http_request *http, bool framed);
void log_out_done(struct log_out *s);
/* The type-3 frame that tells of an error in the middle of the stream. */
int log_out_error(struct log_out *s, const char *message) FIBER_FN;
/* "tail": all lines (-1) unless it is a number. */
int64_t log_tail_parse(const char *text);

#endif
