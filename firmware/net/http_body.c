/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a request body. What has arrived is taken from the connection's chunk; when that is
 * empty, a body of known length is received straight into the reader's memory and a chunked one
 * into the chunk. The part that receives is apart (fiber here, job in http_blocking.c).
 */
#include "firmware/net/http_conn.h"

#include <errno.h>

void http_body_start(struct http_conn *c)
{
	const struct http_head *h = &c->req->head;

	c->body = HTTP_BODY_NONE;
	c->body_left = 0;
	c->body_failed = false;
	if (h->chunked) {
		c->body = HTTP_BODY_CHUNKED;
		http_chunked_init(&c->chunked);
	} else if (h->content_length > 0) {
		c->body = HTTP_BODY_LENGTH;
		c->body_left = h->content_length;
	}
	c->body_done = c->body == HTTP_BODY_NONE;
	c->continue_pending = h->expect_continue && !c->body_done;
}

bool http_has_body(const struct http_request *req)
{
	return req->conn->body != HTTP_BODY_NONE;
}

static int body_error(struct http_conn *c, int r)
{
	c->body_failed = true;
	c->close = true;
	return r;
}

static ssize_t take_length(struct http_conn *c, void *p, size_t n)
{
	size_t have = c->in_n - c->in_at;

	if ((uint64_t)c->body_left < n)
		n = (size_t)c->body_left;
	if (have < n)
		n = have;
	memcpy(p, c->in + c->in_at, n);
	c->in_at += (uint32_t)n;
	c->body_left -= (int64_t)n;
	c->body_done = c->body_left == 0;
	return (ssize_t)n;
}

/* Payload never exceeds what is fed, so feeding n bytes at most is enough of a bound. */
static ssize_t take_chunked(struct http_conn *c, void *p, size_t n, struct err *e)
{
	while (c->in_at < c->in_n) {
		size_t have = c->in_n - c->in_at, used = 0;
		struct str payload;
		int r = http_chunked_step(&c->chunked, str_span(c->in + c->in_at, MIN(have, n)),
					  &used, &payload);

		if (r < 0)
			return body_error(c, err_set(e, ERR_INVALID, "malformed chunked encoding"));
		c->in_at += (uint32_t)used;
		c->body_done = r > 0;
		if (payload.n > 0)
			memcpy(p, payload.p, payload.n);
		if (payload.n > 0 || c->body_done)
			return (ssize_t)payload.n;
	}
	return -EAGAIN;
}

ssize_t http_body_take(struct http_conn *c, void *p, size_t n, char **ret_to, size_t *ret_room,
		       struct err *e)
{
	if (c->body_failed)
		return err_set(e, ERR_CANCELLED, "request body: the connection was lost");
	if (c->body_done || n == 0)
		return 0;
	if (c->body == HTTP_BODY_LENGTH) {
		if (c->in_at < c->in_n)
			return take_length(c, p, n);
		*ret_to = p;
		*ret_room = (uint64_t)c->body_left < n ? (size_t)c->body_left : n;
		return -EAGAIN;
	}
	*ret_to = c->in;
	*ret_room = CHUNK_SIZE;
	return take_chunked(c, p, n, e);
}

ssize_t http_body_received(struct http_conn *c, const char *to, size_t n, struct err *e)
{
	if (n == 0) {
		(void)body_error(c, 0);
		return err_sys(e, ECONNRESET, "request body: unexpected EOF");
	}
	if (to == c->in) {
		c->in_at = 0;
		c->in_n = (uint32_t)n;
		return 0;
	}
	c->body_left -= (int64_t)n;
	c->body_done = c->body_left == 0;
	return (ssize_t)n;
}

int http_body_send_continue(struct http_conn *c, struct err *e)
{
	static const char line[] = "HTTP/1.1 100 Continue\r\n\r\n";
	int r;

	if (!c->continue_pending || c->in_at < c->in_n || c->replied)
		return 0;
	c->continue_pending = false;
	r = io_write(&c->io, line, sizeof(line) - 1, clock_in_ms(c->server->cfg.write_timeout_ms));
	if (r < 0) {
		c->failed = true;
		return err_sys(e, body_error(c, r), "request body");
	}
	return 0;
}

static ssize_t read_body(struct http_conn *c, void *p, size_t n, int64_t deadline, struct err *e)
	FIBER_FN
{
	for (;;) {
		size_t room = 0;
		char *to = NULL;
		ssize_t r = http_body_take(c, p, n, &to, &room, e);

		if (r != -EAGAIN)
			return r;
		r = io_read(&c->io, to, room, deadline);
		if (r == -ETIMEDOUT) {
			(void)body_error(c, 0);
			return err_set(e, ERR_TIMEOUT, "request body: nothing arrived in time");
		}
		if (r < 0)
			return err_sys(e, body_error(c, (int)r), "request body");
		r = http_body_received(c, to, (size_t)r, e);
		if (r != 0)
			return r;
	}
}

ssize_t http_read_body(struct http_request *req, void *p, size_t n, struct err *e)
{
	struct http_conn *c = req->conn;
	int r = http_body_send_continue(c, e);

	if (r < 0)
		return r;
	return read_body(c, p, n, clock_in_ms(c->server->cfg.body_timeout_ms), e);
}

int http_read_body_all(struct http_request *req, size_t max, struct str *ret, struct err *e)
{
	struct http_conn *c = req->conn;
	size_t n = 0, cap = 4096;
	char *p;

	if (c->body == HTTP_BODY_LENGTH && (uint64_t)c->body_left > max)
		return err_set(e, ERR_TOO_LARGE, "request body too large");
	if (c->body == HTTP_BODY_LENGTH)
		cap = (size_t)c->body_left + 1;
	else if (c->body == HTTP_BODY_NONE)
		cap = 1;
	p = arena_alloc(req->arena, cap);
	for (;;) {
		ssize_t r;

		if (!p)
			return err_set(e, ERR_UNAVAILABLE, "no memory for the request body");
		if (n + 1 == cap && !c->body_done) {
			char *larger = arena_grow(req->arena, p, cap, cap * 2);

			cap *= 2;
			p = larger;
			continue;
		}
		r = http_read_body(req, p + n, cap - 1 - n, e);
		if (r < 0)
			return (int)r;
		n += (size_t)r;
		if (n > max)
			return err_set(e, ERR_TOO_LARGE, "request body too large");
		if (r == 0)
			break;
	}
	p[n] = '\0';
	*ret = str_span(p, n);
	return 0;
}

bool http_body_drain(struct http_conn *c, int64_t deadline)
{
	size_t total = 0;
	char scrap[1024];

	if (c->body_done)
		return true;
	if (c->continue_pending || c->body_failed || c->body_left > HTTP_DRAIN_MAX)
		return false;
	while (!c->body_done && total < HTTP_DRAIN_MAX) {
		ssize_t r = read_body(c, scrap, sizeof(scrap), deadline, NULL);

		if (r < 0)
			return false;
		total += (size_t)r;
	}
	return c->body_done;
}
