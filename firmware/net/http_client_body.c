/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/net/http_client_private.h"

#include <errno.h>

enum { SKIP_MAX = 65536 /* rest of an answer read away to keep the connection */ };

void http_client_disconnect(struct http_client *c)
{
	dial_close(&c->conn);
	c->in_at = c->in_n = 0;
}

static int fill(struct http_client *c, struct err *e)
{
	ssize_t n = dial_read(&c->conn, c->in, sizeof(c->in), e);

	if (n < 0)
		return (int)n;
	c->in_at = 0;
	c->in_n = (size_t)n;
	return n > 0;
}

ssize_t http_client_cut_off(struct http_client *c, struct err *e)
{
	http_client_disconnect(c);
	(void)err_set(e, ERR_SYSTEM, "unexpected EOF");
	if (e)
		e->sys_errno = ECONNRESET;
	return -ECONNRESET;
}

static ssize_t take_buffered(struct http_client *c, void *p, size_t n)
{
	size_t have = c->in_n - c->in_at;

	n = MIN(n, have);
	memcpy(p, c->in + c->in_at, n);
	c->in_at += n;
	return (ssize_t)n;
}

/* Payload of known length, or up to the end of the connection. */
static ssize_t read_plain(struct http_client *c, void *p, size_t n, struct err *e)
{
	ssize_t got;

	if (c->body == BODY_LENGTH)
		n = (uint64_t)c->body_left < n ? (size_t)c->body_left : n;
	got = c->in_at < c->in_n ? take_buffered(c, p, n) : dial_read(&c->conn, p, n, e);
	if (got < 0) {
		http_client_disconnect(c);
		return got;
	}
	if (c->body == BODY_TO_END) {
		c->body_done = got == 0;
		return got;
	}
	if (got == 0)
		return http_client_cut_off(c, e);
	c->body_left -= got;
	c->body_done = c->body_left == 0;
	return got;
}

static ssize_t read_chunked(struct http_client *c, void *p, size_t n, struct err *e)
{
	for (;;) {
		struct str payload;
		size_t used = 0;
		int r;

		if (c->in_at == c->in_n) {
			r = fill(c, e);
			if (r < 0)
				http_client_disconnect(c);
			if (r <= 0)
				return r < 0 ? r : http_client_cut_off(c, e);
		}
		r = http_chunked_step(&c->chunked,
				      str_span(c->in + c->in_at, MIN(n, c->in_n - c->in_at)), &used,
				      &payload);
		if (r < 0) {
			http_client_disconnect(c);
			return err_set(e, ERR_SYSTEM, "malformed chunked encoding");
		}
		c->in_at += used;
		c->body_done = r > 0;
		if (payload.n > 0)
			memcpy(p, payload.p, payload.n);
		if (payload.n > 0 || c->body_done)
			return (ssize_t)payload.n;
	}
}

static ssize_t read_body(struct reader *reader, void *p, size_t n, struct err *e)
{
	struct http_client_response *response =
		container_of(reader, struct http_client_response, body);
	struct http_client *c = container_of(response, struct http_client, response);

	if (c->body_done || n == 0)
		return 0;
	if (c->conn.fd < 0)
		return http_client_cut_off(c, e);
	return c->body == BODY_CHUNKED ? read_chunked(c, p, n, e) : read_plain(c, p, n, e);
}

void http_client_start_body(struct http_client *c, bool to_head)
{
	const struct http_head *h = &c->response.head;

	c->body_left = h->content_length;
	if (to_head || h->status < 200 || h->status == 204 || h->status == 304 ||
	    (h->content_length == 0 && !h->chunked))
		c->body = BODY_NONE;
	else if (h->chunked)
		c->body = BODY_CHUNKED;
	else
		c->body = h->content_length > 0 ? BODY_LENGTH : BODY_TO_END;
	c->body_done = c->body == BODY_NONE;
	http_chunked_init(&c->chunked);
	c->response.body.read = read_body;
}

/* Can the connection carry another request? Unread bytes in it would belong to nobody. */
static bool still_good(struct http_client *c)
{
	char byte;

	if (c->conn.fd < 0 || c->in_at < c->in_n)
		return false;
	if (recv(c->conn.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0)
		return errno == EAGAIN || errno == EWOULDBLOCK;
	/* Under TLS there may be session tickets; a plain connection has nothing to say now. */
	return false;
}

void http_client_settle(struct http_client *c)
{
	size_t total = 0;
	char scrap[1024];

	while (c->conn.fd >= 0 && !c->body_done && total < SKIP_MAX) {
		ssize_t n;

		if (c->body == BODY_TO_END || (c->body == BODY_LENGTH && c->body_left > SKIP_MAX))
			break;
		n = read_body(&c->response.body, scrap, sizeof(scrap), NULL);
		if (n < 0)
			break;
		total += (size_t)n;
	}
	if (!c->body_done || !c->response.head.keep_alive || !still_good(c))
		http_client_disconnect(c);
	c->body_done = true;
}
