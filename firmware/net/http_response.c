/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Responses. The head is put together in the output chunk and leaves with the body in one writev. A
 * stream gathers payload in the same chunk, behind room for the size line, so that a push is one
 * write; large payload goes out from where it lies.
 */
#include "firmware/net/http_conn.h"

#include <errno.h>
#include <stdio.h>

enum {
	HEADERS_MAX = 6144,			  /* added by the handler */
	SIZE_ROOM = 10,				  /* "ffffffff\r\n" */
	PAYLOAD_MAX = CHUNK_SIZE - SIZE_ROOM - 8, /* behind it "\r\n0\r\n\r\n" */
};

/* RFC 9110 dates change once a second. */
static void put_date(struct buf *b)
{
	static char text[CLOCK_HTTP_SIZE];
	static int64_t cached = -1;
	int64_t wall = clock_wall(), now = wall / NSEC_PER_SEC;

	if (now != cached)
		clock_format_http(wall, text);
	cached = now;
	buf_puts(b, "Date: ");
	buf_puts(b, text);
	buf_puts(b, "\r\n");
}

static bool is_clean(const char *s)
{
	for (; *s; s++)
		if (((unsigned char)*s < 0x20 && *s != '\t') || *s == 0x7f)
			return false;
	return true;
}

int http_add_header(struct http_request *req, const char *name, const char *value)
{
	struct buf *b = &req->conn->headers;

	if (!*name || strpbrk(name, ": \t") || !is_clean(name) || !is_clean(value))
		return -EINVAL;
	if (strlen(name) + strlen(value) + 4 > HEADERS_MAX - b->n)
		return -E2BIG;
	if (b->limit == 0)
		buf_init(b, req->arena, HEADERS_MAX + 1);
	buf_puts(b, name);
	buf_puts(b, ": ");
	buf_puts(b, value);
	buf_puts(b, "\r\n");
	return b->failed ? -ENOMEM : 0;
}

bool http_replied(const struct http_request *req)
{
	return req->conn->replied;
}

int http_status_sent(const struct http_request *req, int64_t *ret_at)
{
	if (req->conn->status)
		*ret_at = req->conn->answered_at;
	return req->conn->status;
}

/* Status line and the headers every response has, into the output chunk. */
static void begin_head(struct http_conn *c, struct buf *b, int status, const char *content_type)
{
	const char *defaults = c->server->cfg.default_headers;

	c->status = status;
	c->answered_at = clock_mono();
	buf_init_fixed(b, c->out, CHUNK_SIZE);
	buf_printf(b, "HTTP/1.1 %d %s\r\n", status, http_status_text(status));
	if (defaults)
		buf_puts(b, defaults);
	if (c->headers.n > 0)
		buf_put_str(b, buf_str(&c->headers));
	if (content_type)
		buf_printf(b, "Content-Type: %s\r\n", content_type);
	put_date(b);
}

static void end_head(struct http_conn *c, struct buf *b)
{
	if (c->close)
		buf_puts(b, "Connection: close\r\n");
	else if (c->req->head.minor == 0)
		buf_puts(b, "Connection: keep-alive\r\n");
	buf_puts(b, "\r\n");
}

static void settle_connection(struct http_conn *c)
{
	if (!c->req->head.keep_alive || c->cls == POOL_RESERVED || c->server->stopping)
		c->close = true;
}

int http_send(struct http_conn *c, struct iovec *iov, int n)
{
	/* At shutdown an answer still gets a moment to leave. */
	bool last_words = fiber_cancelled() == -ECANCELED;
	int r;

	if (c->failed)
		return -ECONNRESET;
	if (last_words)
		fiber_shield();
	r = io_writev(&c->io, iov, n,
		      clock_in_ms(last_words ? 500 : c->server->cfg.write_timeout_ms));
	if (last_words)
		fiber_unshield();
	if (r < 0) {
		c->failed = true;
		c->close = true;
	}
	return r;
}

int http_reply(struct http_request *req, int status, const char *content_type, struct str body)
{
	struct http_conn *c = req->conn;
	bool bodiless = status < 200 || status == 204 || status == 304;
	struct iovec iov[2];
	struct buf b;

	if (c->replied || c->hijacked)
		return -EALREADY;
	settle_connection(c);
	/* An unread body is read away if that is quick; else the connection must end. */
	if (!http_body_drain(c, clock_in_ms(HTTP_DRAIN_MS)))
		c->close = true;
	begin_head(c, &b, status, content_type);
	if (!bodiless)
		buf_printf(&b, "Content-Length: %zu\r\n", body.n);
	end_head(c, &b);
	if (b.failed) {
		c->failed = c->close = true;
		return -ENOBUFS;
	}
	c->replied = true;
	iov[0] = (struct iovec){b.p, b.n};
	iov[1] = (struct iovec){(void *)(uintptr_t)body.p, body.n};
	return http_send(c, iov, bodiless || c->discard || body.n == 0 ? 1 : 2);
}

void http_watch_client(struct http_request *req, bool on)
{
	struct http_conn *c = req->conn;

	/*
	 * A Unix peer that closes is told from one that only stopped sending; others are not, and
	 * there the end of input counts, as it does for Go's server.
	 */
	io_cancel_on_hup(&c->io, on ? c->fiber : NULL, c->peer.kind != LISTENER_UNIX);
}

int http_stream_begin(struct http_request *req, int status, const char *content_type)
{
	struct http_conn *c = req->conn;
	struct iovec iov;
	struct buf b;
	int r;

	if (c->replied || c->hijacked)
		return -EALREADY;
	settle_connection(c);
	/* The body may be read while the stream is written, so it must come. */
	r = http_body_send_continue(c, NULL);
	if (r < 0)
		return r;
	c->raw_stream = req->head.minor == 0;
	if (c->raw_stream)
		c->close = true;
	begin_head(c, &b, status, content_type);
	if (!c->raw_stream)
		buf_puts(&b, "Transfer-Encoding: chunked\r\n");
	end_head(c, &b);
	if (b.failed) {
		c->failed = c->close = true;
		return -ENOBUFS;
	}
	c->replied = true;
	iov = (struct iovec){b.p, b.n};
	r = http_send(c, &iov, 1);
	if (r < 0)
		return r;
	c->streaming = true;
	c->out_n = 0;
	http_watch_client(req, true);
	return 0;
}

/* Send what is gathered; with last, the end of the stream too. */
int http_stream_push(struct http_conn *c, bool last, http_send_fn send)
{
	char bare[SIZE_ROOM + 8]; /* nothing is gathered: the end alone */
	char *payload = (c->out_n > 0 ? c->out : bare) + SIZE_ROOM;
	char size[SIZE_ROOM + 1];
	struct iovec iov = {payload, c->out_n};

	if (!c->raw_stream && c->out_n > 0) {
		int digits = snprintf(size, sizeof(size), "%x\r\n", c->out_n);

		memcpy(payload - digits, size, (size_t)digits);
		memcpy(payload + c->out_n, "\r\n", 2);
		iov = (struct iovec){payload - digits, (size_t)digits + c->out_n + 2};
	}
	if (!c->raw_stream && last) {
		memcpy((char *)iov.iov_base + iov.iov_len, "0\r\n\r\n", 5);
		iov.iov_len += 5;
	}
	c->out_n = 0;
	if (iov.iov_len == 0)
		return 0;
	return send(c, &iov, 1);
}

/* Payload too large to be gathered, as a chunk of its own. */
static int push_direct(struct http_conn *c, const void *p, size_t n, http_send_fn send)
{
	char size[SIZE_ROOM + 1];
	struct iovec iov[3];
	int digits;

	iov[1] = (struct iovec){(void *)(uintptr_t)p, n};
	if (c->raw_stream)
		return send(c, iov + 1, 1);
	digits = snprintf(size, sizeof(size), "%x\r\n", (unsigned int)n);
	iov[0] = (struct iovec){size, (size_t)digits};
	iov[2] = (struct iovec){(void *)(uintptr_t) "\r\n", 2};
	return send(c, iov, 3);
}

int http_stream_put(struct http_conn *c, const void *p, size_t n, http_send_fn send)
{
	const char *at = p;

	if (c->failed)
		return -ECONNRESET;
	if (!c->streaming)
		return -EINVAL;
	if (c->discard)
		return 0;
	/* Without a chunk nothing is gathered, that is all. */
	if (!c->out && n > 0)
		c->out = chunk_get(c->mem_cls);
	while (n > 0) {
		size_t room = c->out ? PAYLOAD_MAX - c->out_n : 0, part;
		int r = 0;

		if (n > room && c->out_n > 0) {
			r = http_stream_push(c, false, send);
			if (r < 0)
				return r;
			continue;
		}
		if (n > room) {
			part = MIN(n, (size_t)1 << 20);
			r = push_direct(c, at, part, send);
		} else {
			part = n;
			memcpy(c->out + SIZE_ROOM + c->out_n, at, part);
			c->out_n += (uint32_t)part;
		}
		if (r < 0)
			return r;
		at += part;
		n -= part;
	}
	return 0;
}

int http_stream_write(struct http_request *req, const void *p, size_t n)
{
	return http_stream_put(req->conn, p, n, http_send);
}

int http_stream_flush(struct http_request *req)
{
	struct http_conn *c = req->conn;
	int r = 0;

	if (c->failed)
		return -ECONNRESET;
	if (c->out_n > 0)
		r = http_stream_push(c, false, http_send);
	if (r == 0 && c->streaming)
		http_conn_rest(c);
	return r;
}

int http_stream_end(struct http_request *req)
{
	struct http_conn *c = req->conn;

	if (!c->streaming)
		return c->failed ? -ECONNRESET : 0;
	http_watch_client(req, false);
	c->streaming = false;
	if (c->failed)
		return -ECONNRESET;
	return c->discard ? 0 : http_stream_push(c, true, http_send);
}
