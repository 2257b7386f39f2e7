/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside the HTTP server: the connection, shared by its source files and by nobody else.
 *
 * A connection is silent (no byte of a request yet: it owns its slot, its fiber and nothing more),
 * reads a head (one chunk and an arena), or serves a request (two chunks and the arena). The head
 * is copied into the arena, so that its chunk is free for the body and for requests that follow. A
 * stream that waits has neither chunk: the input's comes back with the next request, the output's
 * with the next bytes.
 *
 * Thread: loop; the body and stream parts on a worker between begin_blocking and end_blocking.
 * Yields: what carries FIBER_FN. Owns: see struct http_conn.
 */
#ifndef FIRMWARE_NET_HTTP_CONN_H
#define FIRMWARE_NET_HTTP_CONN_H

#include "firmware/core/buf.h"
#include "firmware/net/chunk.h"
#include "firmware/net/http_server.h"

struct http_server {
	struct listener *listener;
	struct http_server_config cfg;
	struct io io;		/* the listening descriptor, borrowed from the listener */
	struct fiber *acceptor; /* NULL once it has ended */
	unsigned int refs;	/* the acceptor and every connection */
	bool stopping;
};

struct blocking_stream;

enum http_body_kind { HTTP_BODY_NONE, HTTP_BODY_LENGTH, HTTP_BODY_CHUNKED };

struct http_conn {
	struct http_server *server;
	struct io io;
	struct fiber *fiber;
	struct peer peer;
	enum pool_class cls;	 /* of its slot */
	enum pool_class mem_cls; /* of its chunks and arena */

	/* In the queue of those that may be closed for a newcomer. */
	struct list waiting;
	int64_t waiting_since;

	char *in; /* chunk: bytes in_at to in_n are not used yet; NULL: see http_conn_rest */
	uint32_t in_at, in_n;
	char *out; /* chunk; NULL in a stream with nothing to send */
	uint32_t out_n;
	struct arena arena;
	struct http_request *req; /* in the arena */
	struct buf headers;	  /* lines added by the handler, in the arena */

	/* request body */
	enum http_body_kind body;
	bool body_done;
	bool body_failed;
	bool continue_pending; /* the client waits for 100 Continue */
	int64_t body_left;
	struct http_chunked chunked;

	/* response */
	bool replied;
	bool streaming;	 /* between stream_begin and stream_end */
	bool raw_stream; /* HTTP/1.0: the end of the connection ends the stream */
	bool discard;	 /* answer to HEAD: nothing of the body is sent */
	bool hijacked;
	bool close;			  /* after this response */
	bool failed;			  /* nothing can be sent any more */
	int status;			  /* of the answer; 0: none yet */
	int64_t answered_at;		  /* when its status was settled */
	int64_t rest_at;		  /* of a stream: when it has not rested lately */
	struct blocking_stream *blocking; /* the job's writer, http_blocking.c */
};

/* http_server.c */
void http_server_unref(struct http_server *s);
void http_conn_free(struct http_conn *c);
/* A 503 of fixed text, as far as the socket takes it at once; needs no memory of the pools. */
void http_server_send_busy(struct http_server *s, int fd);
/* While waiting the connection may be closed in favour of a new one. */
void http_conn_set_waiting(struct http_conn *c, bool on);

/* http_conn.c: the fiber of a connection. */
void http_conn_run(void *arg) FIBER_ENTRY;
/* A stream is about to wait: give back what it does not need meanwhile. */
void http_conn_rest(struct http_conn *c);

/* http_body.c */
void http_body_start(struct http_conn *c);
/*
 * From what has arrived: bytes into p, 0 at the end of the body, -EAGAIN when more must be received
 * (into *ret_to, at most *ret_room bytes, then http_body_received), or an error.
 */
ssize_t http_body_take(struct http_conn *c, void *p, size_t n, char **ret_to, size_t *ret_room,
		       struct err *e) WARN_UNUSED;
/* n bytes arrived at to (0: the connection ended). Bytes that went straight to p, or 0 to take
 * again. */
ssize_t http_body_received(struct http_conn *c, const char *to, size_t n, struct err *e)
	WARN_UNUSED;
int http_body_send_continue(struct http_conn *c, struct err *e) FIBER_FN WARN_UNUSED;
/* Read away what is left, at most HTTP_DRAIN_MAX bytes until the deadline. True when the body is
 * done. */
#define HTTP_DRAIN_MAX (256 * 1024)
#define HTTP_DRAIN_MS 100
bool http_body_drain(struct http_conn *c, int64_t deadline) FIBER_FN;

/* http_response.c */
typedef int (*http_send_fn)(struct http_conn *c, struct iovec *iov, int n);
int http_send(struct http_conn *c, struct iovec *iov, int n) FIBER_FN;
int http_stream_put(struct http_conn *c, const void *p, size_t n, http_send_fn send) WARN_UNUSED;
int http_stream_push(struct http_conn *c, bool last, http_send_fn send) WARN_UNUSED;

#endif
