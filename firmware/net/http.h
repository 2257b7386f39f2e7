/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP/1.1 messages: the parser that server and client share, pure and strict (RFC 9112). Refused:
 * Content-Length with Transfer-Encoding, differing or malformed lengths, unknown transfer codings,
 * obs-fold, blanks before colons, bare CR or LF, control bytes, overlong lines and header floods,
 * bad chunk sizes.
 *
 * Thread: any. Yields: no. Owns: nothing; slices point into the caller's bytes.
 * Limits: CONFIG_HTTP_HEAD_MAX (bytes of request line and headers, at most a chunk),
 * CONFIG_HTTP_HEADERS_MAX.
 */
#ifndef FIRMWARE_NET_HTTP_H
#define FIRMWARE_NET_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "firmware/core/arena.h"
#include "firmware/core/err.h"
#include "firmware/core/str.h"

#define HTTP_HEADERS_MAX CONFIG_HTTP_HEADERS_MAX

enum http_method {
	HTTP_GET,
	HTTP_HEAD,
	HTTP_POST,
	HTTP_PUT,
	HTTP_DELETE,
	HTTP_OPTIONS,
	HTTP_PATCH,
	HTTP_OTHER
};

struct http_header {
	struct str name, value;
};

struct http_head {
	/* request */
	enum http_method method;
	struct str method_text, target;
	/* response */
	int status;
	/* both */
	int minor; /* HTTP/1.minor: 0 or 1 */
	size_t n_headers;
	bool chunked;
	int64_t content_length; /* -1: none given */
	bool keep_alive;
	bool expect_continue;
	bool upgrade; /* an Upgrade header with Connection: upgrade */
	/* Last, so that memory behind the last one can be put to other use. */
	struct http_header headers[HTTP_HEADERS_MAX];
};

/*
 * Parse the head at the front of bytes. Returns its length including the empty line, 0 when more
 * bytes are needed, or negative: ERR_INVALID (400), ERR_TOO_LARGE (431), ERR_NOT_IMPLEMENTED
 * (unknown transfer coding, 501; HTTP version, 505).
 */
ssize_t http_parse_request(struct str bytes, struct http_head *ret, struct err *e) WARN_UNUSED;
ssize_t http_parse_response(struct str bytes, bool head_request, struct http_head *ret,
			    struct err *e) WARN_UNUSED;
/* First header of that name (case-insensitive); empty when absent. */
struct str http_get_header(const struct http_head *h, const char *name);
bool http_has_header(const struct http_head *h, const char *name);

/* Chunked decoding, incremental and in place. */
struct http_chunked {
	int state;
	uint64_t left;
	uint32_t line; /* bytes of the size line or trailers seen, bounded */
};
void http_chunked_init(struct http_chunked *c);
/*
 * Consume from in: *ret_used bytes were taken, *ret_out is payload inside in (may be empty).
 * Returns 1 when the final chunk and trailers are done, 0 to go on, -EINVAL when malformed.
 */
int http_chunked_step(struct http_chunked *c, struct str in, size_t *ret_used, struct str *ret_out);

/* Percent-decoding into the arena; '+' stays unless form is set. -EINVAL on bad escapes or NUL. */
int http_percent_decode(struct str in, bool form, struct arena *a, struct str *ret) WARN_UNUSED;
/* Value of a query key, decoded; i-th occurrence. NULL p when absent. -EINVAL on bad escapes. */
int http_query_get(struct str query, const char *key, size_t i, struct arena *a, struct str *ret)
	WARN_UNUSED;
/*
 * Is the whole query well-formed? ERR_INVALID "invalid URL escape "%zz"" or "invalid semicolon
 * separator in query", as Go's parser has it; %00 is refused likewise, for it decodes to nothing
 * that a name could hold.
 */
int http_query_check(struct str query, struct err *e) WARN_UNUSED;
const char *http_status_text(int status);

/* Absolute http(s) URLs. */
struct http_url {
	bool tls;
	struct str host; /* without brackets */
	uint16_t port;
	struct str target; /* path and query, at least "/"; may begin with '?', then put a '/'
			      before */
};
int http_url_parse(struct str text, struct http_url *ret, struct err *e) WARN_UNUSED;
/* RFC 3986 resolution of a Location against a base, in the arena: absolute and path-absolute forms,
 * and relative. */
int http_url_resolve(struct str base, struct str location, struct arena *a, struct str *ret,
		     struct err *e) WARN_UNUSED;

#endif
