/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside the HTTP client, shared by its source files.
 *
 * Thread: worker. Yields: no (blocks). Owns: struct http_client.
 */
#ifndef FIRMWARE_NET_HTTP_CLIENT_PRIVATE_H
#define FIRMWARE_NET_HTTP_CLIENT_PRIVATE_H

#include "firmware/net/dial.h"
#include "firmware/net/http_client.h"
#include "firmware/net/http_proxy.h"

#define HTTP_CLIENT_INPUT 16384
#define HTTP_CLIENT_OUTPUT 16384
_Static_assert(HTTP_CLIENT_INPUT >= CONFIG_HTTP_HEAD_MAX, "a head fits the input buffer");

enum http_client_body { BODY_NONE, BODY_LENGTH, BODY_CHUNKED, BODY_TO_END };

struct http_client {
	struct http_client_options opt;
	struct dial_conn conn;
	/* where conn leads */
	bool tls, proxied;
	bool heard; /* bytes of the answer have come */
	char host[254];
	uint16_t port;
	struct http_proxy proxy; /* of the request at hand */

	struct http_client_response response;
	enum http_client_body body;
	bool body_done;
	int64_t body_left;
	struct http_chunked chunked;
	size_t in_at, in_n;
	char in[HTTP_CLIENT_INPUT];
	char head[HTTP_CLIENT_INPUT]; /* what response.head points into */
	char out[HTTP_CLIENT_OUTPUT];
};

/* http_client_body.c */
void http_client_disconnect(struct http_client *c);
/* The connection ended too early: disconnect, "unexpected EOF", -ECONNRESET. */
ssize_t http_client_cut_off(struct http_client *c, struct err *e);
/* A head was read: what of a body follows? */
void http_client_start_body(struct http_client *c, bool to_head);
/* Before the next request: read the rest of the last answer if it is short; else disconnect. */
void http_client_settle(struct http_client *c);

#endif
