/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A head is taken apart line by line from the front, so that the verdict on a prefix never depends
 * on what follows: feeding a head byte by byte gives the same result as giving it whole. What two
 * readers of one message could understand differently is refused rather than repaired.
 */
#include "firmware/net/http.h"

#include <errno.h>

enum { METHOD_MAX = 32 };

/* RFC 9110 tchar. */
static bool is_token_char(unsigned char c)
{
	if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
		return true;
	return c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL;
}

static bool is_token(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!is_token_char((unsigned char)s.p[i]))
			return false;
	return s.n > 0;
}

/* Is token in a comma-separated list? */
static bool list_has(struct str list, const char *token)
{
	while (list.n > 0) {
		struct str rest = {NULL, 0};
		struct str item = str_trim(str_cut(list, ',', &rest));

		if (str_ieqz(item, token))
			return true;
		list = rest;
	}
	return false;
}

/*
 * The next line of bytes at *at, without its CRLF. 1 when there is one, 0 when more bytes are
 * needed, or an error for a bare LF or CR and for control bytes.
 */
static int next_line(struct str bytes, size_t *at, struct str *ret, struct err *e)
{
	const char *start = bytes.p + *at;
	size_t left = bytes.n - *at;
	const char *lf = left > 0 ? memchr(start, '\n', left) : NULL;
	size_t n;

	if (!lf)
		return 0;
	n = (size_t)(lf - start);
	if (n == 0 || start[n - 1] != '\r')
		return err_set(e, ERR_INVALID, "malformed HTTP message: bare line feed");
	n--;
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)start[i];

		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return err_set(e, ERR_INVALID, "malformed HTTP message: control byte");
	}
	*ret = str_span(start, n);
	*at += n + 2;
	return 1;
}

static int parse_version(struct str s, int *ret_minor, struct err *e)
{
	if (str_eqz(s, "HTTP/1.1"))
		*ret_minor = 1;
	else if (str_eqz(s, "HTTP/1.0"))
		*ret_minor = 0;
	else if (s.n == 8 && str_starts(s, "HTTP/") && s.p[5] >= '0' && s.p[5] <= '9' &&
		 s.p[6] == '.' && s.p[7] >= '0' && s.p[7] <= '9') {
		(void)err_set(e, ERR_NOT_IMPLEMENTED, "unsupported protocol version");
		return -EPROTONOSUPPORT;
	} else
		return err_set(e, ERR_INVALID, "malformed HTTP version");
	return 0;
}

static enum http_method method_of(struct str s)
{
	static const char *const names[] = {
		[HTTP_GET] = "GET",	[HTTP_HEAD] = "HEAD",	  [HTTP_POST] = "POST",
		[HTTP_PUT] = "PUT",	[HTTP_DELETE] = "DELETE", [HTTP_OPTIONS] = "OPTIONS",
		[HTTP_PATCH] = "PATCH",
	};

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (str_eqz(s, names[i]))
			return (enum http_method)i;
	return HTTP_OTHER;
}

static int parse_request_line(struct str line, struct http_head *h, struct err *e)
{
	struct str rest = {NULL, 0}, version = {NULL, 0};
	int r;

	h->method_text = str_cut(line, ' ', &rest);
	h->target = str_cut(rest, ' ', &version);
	if (!is_token(h->method_text) || h->method_text.n > METHOD_MAX)
		return err_set(e, ERR_INVALID, "malformed HTTP method");
	if (h->target.n == 0)
		return err_set(e, ERR_INVALID, "malformed HTTP request line");
	for (size_t i = 0; i < h->target.n; i++) {
		unsigned char c = (unsigned char)h->target.p[i];

		if (c <= 0x20 || c >= 0x7f || c == '#')
			return err_set(e, ERR_INVALID, "malformed HTTP request target");
	}
	r = parse_version(version, &h->minor, e);
	if (r < 0)
		return r;
	h->method = method_of(h->method_text);
	return 0;
}

static int parse_status_line(struct str line, struct http_head *h, struct err *e)
{
	struct str rest = {NULL, 0}, reason = {NULL, 0};
	struct str version = str_cut(line, ' ', &rest);
	struct str code = str_cut(rest, ' ', &reason);
	uint64_t status = 0;
	int r = parse_version(version, &h->minor, e);

	if (r < 0)
		return r;
	if (code.n != 3 || str_to_u64(code, &status) < 0 || status < 100)
		return err_set(e, ERR_INVALID, "malformed HTTP status code");
	h->status = (int)status;
	return 0;
}

static int parse_header_line(struct str line, struct http_head *h, struct err *e)
{
	ptrdiff_t colon = str_find(line, ':');
	struct http_header *f;

	if (line.p[0] == ' ' || line.p[0] == '\t')
		return err_set(e, ERR_INVALID, "malformed HTTP header: folded line");
	if (colon <= 0)
		return err_set(e, ERR_INVALID, "malformed HTTP header: no name");
	if (h->n_headers >= HTTP_HEADERS_MAX)
		return err_set(e, ERR_TOO_LARGE, "too many HTTP headers");
	f = &h->headers[h->n_headers];
	f->name = str_span(line.p, (size_t)colon);
	f->value = str_trim(str_span(line.p + colon + 1, line.n - (size_t)colon - 1));
	if (!is_token(f->name))
		return err_set(e, ERR_INVALID, "malformed HTTP header name");
	h->n_headers++;
	return 0;
}

/* Digits only, at most 18 of them so that nothing overflows; 1*DIGIT lists are refused as well. */
static int parse_length(struct str v, int64_t *ret)
{
	int64_t n = 0;

	if (v.n == 0 || v.n > 18)
		return -EINVAL;
	for (size_t i = 0; i < v.n; i++) {
		if (v.p[i] < '0' || v.p[i] > '9')
			return -EINVAL;
		n = n * 10 + (v.p[i] - '0');
	}
	*ret = n;
	return 0;
}

static int read_framing(struct http_head *h, struct err *e)
{
	bool coding = false;

	h->content_length = -1;
	for (size_t i = 0; i < h->n_headers; i++) {
		const struct http_header *f = &h->headers[i];
		int64_t n = 0;

		if (str_ieqz(f->name, "content-length")) {
			if (parse_length(f->value, &n) < 0)
				return err_set(e, ERR_INVALID, "bad Content-Length");
			if (h->content_length >= 0 && h->content_length != n)
				return err_set(e, ERR_INVALID, "differing Content-Length");
			h->content_length = n;
		} else if (str_ieqz(f->name, "transfer-encoding")) {
			if (coding)
				return err_set(e, ERR_INVALID, "too many transfer encodings");
			coding = true;
			if (!str_ieqz(f->value, "chunked"))
				return err_set(e, ERR_NOT_IMPLEMENTED,
					       "unsupported transfer encoding");
			h->chunked = true;
		}
	}
	if (h->chunked && h->content_length >= 0)
		return err_set(e, ERR_INVALID, "Content-Length with Transfer-Encoding");
	if (h->chunked && h->minor == 0)
		return err_set(e, ERR_INVALID, "Transfer-Encoding in HTTP/1.0");
	return 0;
}

static void read_connection(struct http_head *h)
{
	bool close = false, keep = false, upgrade = false, protocol = false;

	for (size_t i = 0; i < h->n_headers; i++) {
		const struct http_header *f = &h->headers[i];

		if (str_ieqz(f->name, "connection")) {
			close = close || list_has(f->value, "close");
			keep = keep || list_has(f->value, "keep-alive");
			upgrade = upgrade || list_has(f->value, "upgrade");
		} else if (str_ieqz(f->name, "upgrade")) {
			protocol = protocol || f->value.n > 0;
		} else if (str_ieqz(f->name, "expect") && h->minor > 0) {
			h->expect_continue = str_ieqz(f->value, "100-continue");
		}
	}
	h->keep_alive = !close && (h->minor > 0 || keep);
	h->upgrade = upgrade && protocol;
}

/* HTTP/1.1 wants exactly one Host; two could be believed by two different readers. */
static int check_host(const struct http_head *h, struct err *e)
{
	size_t hosts = 0;

	for (size_t i = 0; i < h->n_headers; i++)
		if (str_ieqz(h->headers[i].name, "host"))
			hosts++;
	if (hosts > 1)
		return err_set(e, ERR_INVALID, "too many Host headers");
	if (hosts == 0 && h->minor > 0)
		return err_set(e, ERR_INVALID, "missing required Host header");
	return 0;
}

/*
 * Bytes are looked at up to the limit only, so that an error behind it cannot be found before the
 * length itself is refused.
 */
static ssize_t parse_head(struct str bytes, bool request, struct http_head *h, struct err *e)
{
	bool full = bytes.n >= CONFIG_HTTP_HEAD_MAX;
	bool first = true;
	size_t at = 0;

	if (full)
		bytes.n = CONFIG_HTTP_HEAD_MAX;
	/* One empty line before a request is forgiven, as RFC 9112 asks. */
	if (request && bytes.n >= 2 && bytes.p[0] == '\r' && bytes.p[1] == '\n')
		at = 2;
	/* What cannot become a request (a TLS hello, say) is refused at its first byte. */
	if (request && at < bytes.n && bytes.p[at] != '\r' &&
	    !is_token_char((unsigned char)bytes.p[at]))
		return err_set(e, ERR_INVALID, "malformed HTTP method");
	for (;;) {
		struct str line = {NULL, 0};
		int r = next_line(bytes, &at, &line, e);

		if (r < 0)
			return r;
		if (r == 0 && full)
			return err_set(e, ERR_TOO_LARGE, "HTTP head is longer than %d bytes",
				       CONFIG_HTTP_HEAD_MAX);
		if (r == 0)
			return 0;
		if (first)
			r = request ? parse_request_line(line, h, e)
				    : parse_status_line(line, h, e);
		else if (line.n == 0)
			return (ssize_t)at;
		else
			r = parse_header_line(line, h, e);
		if (r < 0)
			return r;
		first = false;
	}
}

ssize_t http_parse_request(struct str bytes, struct http_head *ret, struct err *e)
{
	ssize_t n;
	int r;

	memset(ret, 0, offsetof(struct http_head, headers));
	n = parse_head(bytes, true, ret, e);
	if (n <= 0)
		return n;
	r = read_framing(ret, e);
	if (r < 0)
		return r;
	r = check_host(ret, e);
	if (r < 0)
		return r;
	read_connection(ret);
	return n;
}

ssize_t http_parse_response(struct str bytes, bool head_request, struct http_head *ret,
			    struct err *e)
{
	ssize_t n;
	int r;

	memset(ret, 0, offsetof(struct http_head, headers));
	n = parse_head(bytes, false, ret, e);
	if (n <= 0)
		return n;
	r = read_framing(ret, e);
	if (r < 0)
		return r;
	read_connection(ret);
	if (head_request || ret->status < 200 || ret->status == 204 || ret->status == 304)
		ret->chunked = false;
	else if (!ret->chunked && ret->content_length < 0)
		ret->keep_alive = false; /* the body ends with the connection */
	return n;
}

struct str http_get_header(const struct http_head *h, const char *name)
{
	for (size_t i = 0; i < h->n_headers; i++)
		if (str_ieqz(h->headers[i].name, name))
			return h->headers[i].value;
	return (struct str){NULL, 0};
}

bool http_has_header(const struct http_head *h, const char *name)
{
	for (size_t i = 0; i < h->n_headers; i++)
		if (str_ieqz(h->headers[i].name, name))
			return true;
	return false;
}
