/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP/1.1 server: one fiber a connection, one 16 KiB chunk for its input and one for its
 * output while a request is served, a request arena. A stream that waits gives both chunks back.
 * The handler reads top to bottom: look at the request, read the body, reply. When connections,
 * chunks or arenas run out the client gets 503 with Retry-After; a request whose path the
 * classifier names urgent (ping, kill, stop, inspect) may use the reserved slots.
 *
 * Thread: loop. Yields: what carries FIBER_FN. Owns: connections and their memory.
 * Limits: CONFIG_HTTP_CONNECTIONS, CONFIG_HTTP_CONNECTIONS_RESERVED, CONFIG_HTTP_HEAD_MAX,
 * CONFIG_HTTP_HEAD_TIMEOUT_MS (whole head), CONFIG_HTTP_IDLE_TIMEOUT_MS (keep-alive),
 * CONFIG_HTTP_BODY_TIMEOUT_MS and CONFIG_HTTP_WRITE_TIMEOUT_MS (no progress).
 */
#ifndef FIRMWARE_NET_HTTP_SERVER_H
#define FIRMWARE_NET_HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "firmware/core/arena.h"
#include "firmware/core/stream.h"
#include "firmware/net/http.h"
#include "firmware/net/socket.h"
#include "firmware/sched/io.h"
#include "firmware/sched/job.h"

struct http_server;
struct http_conn; /* private */

struct http_request {
	struct http_conn *conn;
	struct arena *arena; /* lives until the handler returns */
	struct str raw_path; /* target before '?', as sent */
	struct str path;     /* percent-decoded */
	struct str query;    /* after '?', raw */
	struct peer peer;
	uint64_t id;	       /* counts requests of the daemon, for the log */
	struct http_head head; /* last: no room is kept for headers that it does not have */
};

struct http_server_config {
	/* Must reply (or hijack); when it returns without, 500 is sent. */
	void (*handle)(struct http_request *req, void *arg) FIBER_FN;
	/* May this request use the reserved slots? Called on head.method and path alone. */
	bool (*urgent)(const struct http_request *req, void *arg);
	/* An error found before the handler (bad request, flood, full pools): write the reply. */
	void (*refuse)(struct http_request *req, int status, const char *message, void *arg)
		FIBER_FN;
	/* A connection closed unanswered, for its peer may not connect. May be NULL. */
	void (*turned_away)(const char *why, void *arg);
	void *arg;
	const char *default_headers; /* complete lines "Name: value\r\n" put on every response */
	/* Milliseconds; 0: as configured. */
	int head_timeout_ms, idle_timeout_ms, body_timeout_ms, write_timeout_ms;
};

/* Pools; once at start. */
int http_server_init(struct err *e) WARN_UNUSED;
void http_server_fini(void); /* no connection may be open */
/* Serve l (which must outlive the server) until http_server_stop. */
int http_server_start(struct http_server **ret, struct listener *l,
		      const struct http_server_config *cfg, struct err *e) WARN_UNUSED;
/* Stop accepting; running requests go on until their fibers are cancelled or end. */
void http_server_stop(struct http_server *s);
size_t http_server_connections(void); /* open now, all servers */

/* --- in a handler: the request --- */

/* Body bytes: > 0, 0 at the end, negative. Sends 100-continue on the first call when asked for. */
ssize_t http_read_body(struct http_request *req, void *p, size_t n, struct err *e)
	FIBER_FN WARN_UNUSED;
/* The whole body in the arena (terminated); ERR_TOO_LARGE beyond max. */
int http_read_body_all(struct http_request *req, size_t max, struct str *ret, struct err *e)
	FIBER_FN WARN_UNUSED;
/* True when a body was announced (chunked or length > 0). */
bool http_has_body(const struct http_request *req);
/*
 * The body as a blocking reader for a job, honouring job_stopped and the body time-out. Between
 * begin and end the fiber must not touch the connection. The reader lives in the arena.
 */
int http_body_begin_blocking(struct http_request *req, struct job *job, struct reader **ret,
			     struct err *e) FIBER_FN WARN_UNUSED;
void http_body_end_blocking(struct http_request *req);

/* --- in a handler: the response --- */

/* Add a header line to the response to come; value is checked for CR and LF. */
int http_add_header(struct http_request *req, const char *name, const char *value) WARN_UNUSED;
/* A whole reply with Content-Length (no body for 204, 304 and HEAD). */
int http_reply(struct http_request *req, int status, const char *content_type, struct str body)
	FIBER_FN;
/*
 * A streamed reply: head sent at once, chunked (HTTP/1.0: until close). Then write and flush; write
 * buffers up to a chunk; flush before a long wait, also when nothing was written: it gives back
 * memory that the wait does not need. The request's body may still be read meanwhile. From begin
 * on, a client that goes away cancels the fiber (-ECONNRESET).
 */
int http_stream_begin(struct http_request *req, int status, const char *content_type)
	FIBER_FN WARN_UNUSED;
int http_stream_write(struct http_request *req, const void *p, size_t n) FIBER_FN WARN_UNUSED;
int http_stream_flush(struct http_request *req) FIBER_FN WARN_UNUSED;
int http_stream_end(struct http_request *req) FIBER_FN;
bool http_replied(const struct http_request *req); /* a status line has gone out */
/* The status that was answered, and when (monotonic ns); 0: none so far. */
int http_status_sent(const struct http_request *req, int64_t *ret_at);
/* While on, a client that goes away cancels this fiber (for handlers that wait before replying). */
void http_watch_client(struct http_request *req, bool on);
/*
 * A blocking writer to the client for a job (after http_stream_begin), used like the blocking body.
 */
int http_stream_begin_blocking(struct http_request *req, struct job *job, struct writer **ret,
			       struct err *e) FIBER_FN WARN_UNUSED;
void http_stream_end_blocking(struct http_request *req);

/*
 * Take the connection out of HTTP: head is sent verbatim (status line, headers, empty line).
 * Afterwards the handler may wait on http_hijacked_io, read *ret_leftover (bytes that already
 * arrived, in the arena), and either let the connection close by returning or take the descriptor
 * for itself.
 */
int http_hijack(struct http_request *req, struct str head, struct str *ret_leftover, struct err *e)
	FIBER_FN WARN_UNUSED;
struct io *http_hijacked_io(struct http_request *req);
int http_hijack_take_fd(struct http_request *req); /* the caller's from now on */

#endif
