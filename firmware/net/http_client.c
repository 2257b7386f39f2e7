/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connection, kept while requests go to the same place and its last answer was read to the end.
 * A kept connection may have been closed by the server meanwhile; a request that fails on one
 * before the first byte of an answer, and whose body can be sent again, is tried once more on a new
 * one.
 */
#include "firmware/net/http_client_private.h"

#include <errno.h>
#include <stdio.h>

#include "firmware/core/buf.h"
#include "firmware/core/config.h"
#include "firmware/core/mem.h"
#include "firmware/net/tls.h"

enum {
	INTERIM_MAX = 8, /* 1xx answers */
};

int http_client_open(struct http_client **ret, const struct http_client_options *opt, struct err *e)
{
	struct http_client *c = mem_alloc(sizeof(*c));

	if (!c)
		return err_sys(e, ENOMEM, "http client");
	c->opt = *opt;
	dial_init(&c->conn);
	c->conn.stop = opt->stop;
	c->conn.deadline = opt->deadline;
	if (opt->rate_ms > 0)
		c->conn.rate_ms = opt->rate_ms;
	if (opt->timeout_ms > 0)
		c->conn.timeout_ms = opt->timeout_ms;
	c->body_done = true;
	*ret = c;
	return 0;
}

void http_client_free(struct http_client *c)
{
	if (!c)
		return;
	http_client_disconnect(c);
	mem_free(c);
}

/* --- connecting --- */

static bool leads_to(const struct http_client *c, const struct http_url *u)
{
	return c->conn.fd >= 0 && c->tls == u->tls && c->port == u->port &&
	       str_ieqz(u->host, c->host) && c->proxied == c->proxy.used;
}

static int read_head(struct http_client *c, bool to_head, struct err *e);

/* Ask the proxy for a way through to the server. */
static int open_tunnel(struct http_client *c, struct err *e)
{
	bool literal = strchr(c->host, ':') != NULL;
	struct buf b;
	int r;

	buf_init_fixed(&b, c->out, sizeof(c->out));
	for (int i = 0; i < 2; i++) {
		buf_printf(&b, literal ? "%s[%s]:%u%s" : "%s%s:%u%s",
			   i == 0 ? "CONNECT " : "Host: ", c->host, c->port,
			   i == 0 ? " HTTP/1.1\r\n" : "\r\n");
	}
	if (c->proxy.authorization[0])
		buf_printf(&b, "Proxy-Authorization: %s\r\n", c->proxy.authorization);
	buf_puts(&b, "\r\n");
	dial_expect_answer(&c->conn);
	r = dial_write(&c->conn, b.p, b.n, e);
	if (r == 0)
		r = read_head(c, false, e);
	if (r < 0)
		return err_wrap(e, "proxy");
	if (c->response.head.status != 200)
		return err_set(e, ERR_SYSTEM, "proxy: %d %s", c->response.head.status,
			       http_status_text(c->response.head.status));
	if (c->in_at < c->in_n)
		return err_set(e, ERR_SYSTEM, "proxy: bytes before the handshake");
	return 0;
}

static int connect_to(struct http_client *c, const struct http_url *u, struct err *e)
{
	const struct tls_options tls = {
		.host = c->host,
		.ca_file = c->opt.ca_file,
		.ca_dir = c->opt.ca_dir,
		.cert_file = c->opt.cert_file,
		.key_file = c->opt.key_file,
		.skip_verify = c->opt.skip_verify,
	};
	int r;

	http_client_disconnect(c);
	if (!str_copy(c->host, sizeof(c->host), u->host))
		return err_set(e, ERR_INVALID, "host name too long");
	c->port = u->port;
	c->tls = u->tls;
	c->proxied = c->proxy.used;
	if (c->proxied)
		r = dial_tcp(&c->conn, c->proxy.host, c->proxy.port, e);
	else
		r = dial_tcp(&c->conn, c->host, c->port, e);
	if (r == 0 && c->tls && c->proxied)
		r = open_tunnel(c, e);
	if (CONFIG(TLS) && r == 0 && c->tls)
		r = tls_start(&c->conn, &tls, e);
	if (r < 0)
		http_client_disconnect(c);
	return r;
}

/* --- the request --- */

static bool is_clean(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (((unsigned char)s.p[i] < 0x20 && s.p[i] != '\t') || s.p[i] == 0x7f)
			return false;
	return true;
}

static int check_headers(const struct http_client_request *req, struct err *e)
{
	for (size_t i = 0; i < req->n_headers; i++) {
		struct str name = req->headers[i].name;

		if (name.n == 0 || str_find(name, ':') >= 0 || str_find(name, ' ') >= 0 ||
		    !is_clean(name) || !is_clean(req->headers[i].value))
			return err_set(e, ERR_INVALID, "invalid header field");
	}
	return 0;
}

static void put_authority(struct buf *b, const struct http_url *u)
{
	bool literal = str_find(u->host, ':') >= 0;

	buf_printf(b, literal ? "[" STR_FMT "]" : STR_FMT, STR_ARG(u->host));
	if (u->port != (u->tls ? 443 : 80))
		buf_printf(b, ":%u", u->port);
}

static int send_head(struct http_client *c, const struct http_client_request *req,
		     const struct http_url *u, struct err *e)
{
	bool with_body = req->body.n > 0 || strcmp(req->method, "POST") == 0 ||
			 strcmp(req->method, "PUT") == 0 || strcmp(req->method, "PATCH") == 0;
	size_t body = req->body_stream ? 0 : req->body.n;
	struct buf b;
	int r;

	buf_init_fixed(&b, c->out, sizeof(c->out));
	buf_printf(&b, "%s ", req->method);
	if (c->proxied && !c->tls) {
		buf_puts(&b, "http://");
		put_authority(&b, u);
	}
	if (u->target.p[0] == '?')
		buf_putc(&b, '/');
	buf_put_str(&b, u->target);
	buf_puts(&b, " HTTP/1.1\r\nHost: ");
	put_authority(&b, u);
	buf_printf(&b, "\r\nUser-Agent: %s\r\n", c->opt.user_agent ? c->opt.user_agent : "serin");
	if (c->proxied && !c->tls && c->proxy.authorization[0])
		buf_printf(&b, "Proxy-Authorization: %s\r\n", c->proxy.authorization);
	for (size_t i = 0; i < req->n_headers; i++) {
		buf_put_str(&b, req->headers[i].name);
		buf_puts(&b, ": ");
		buf_put_str(&b, req->headers[i].value);
		buf_puts(&b, "\r\n");
	}
	if (req->body_stream)
		buf_puts(&b, "Transfer-Encoding: chunked\r\n");
	else if (with_body)
		buf_printf(&b, "Content-Length: %zu\r\n", body);
	buf_puts(&b, "\r\n");
	if (b.failed)
		return err_set(e, ERR_TOO_LARGE, "request head too long");
	if (body > 0 && body <= sizeof(c->out) - 1 - b.n) {
		buf_put_str(&b, req->body);
		body = 0;
	}
	dial_expect_answer(&c->conn);
	r = dial_write(&c->conn, b.p, b.n, e);
	if (r == 0 && body > 0)
		r = dial_write(&c->conn, req->body.p, req->body.n, e);
	return r;
}

/* The stream as chunks. Its own error is told apart from the connection's by *ret_source. */
static int send_stream(struct http_client *c, struct reader *source, bool *ret_source,
		       struct err *e)
{
	enum { ROOM = 8 }; /* "ffff\r\n" before, "\r\n" behind */

	for (;;) {
		ssize_t n = reader_read(source, c->out + ROOM, sizeof(c->out) - ROOM - 2, e);
		char size[ROOM + 1];
		int digits, r;

		if (n < 0) {
			*ret_source = true;
			return (int)n;
		}
		if (n == 0)
			return dial_write(&c->conn, "0\r\n\r\n", 5, e);
		digits = snprintf(size, sizeof(size), "%x\r\n", (unsigned int)n);
		memcpy(c->out + ROOM - digits, size, (size_t)digits);
		memcpy(c->out + ROOM + n, "\r\n", 2);
		r = dial_write(&c->conn, c->out + ROOM - digits, (size_t)digits + (size_t)n + 2, e);
		if (r < 0)
			return r;
	}
}

/* --- the answer --- */

static void move(struct str *s, const char *from, const char *to)
{
	if (s->p)
		s->p = to + (s->p - from);
}

static void keep_head(struct http_client *c, size_t n)
{
	struct http_head *h = &c->response.head;
	const char *from = c->in + c->in_at;

	memcpy(c->head, from, n);
	for (size_t i = 0; i < h->n_headers; i++) {
		move(&h->headers[i].name, from, c->head);
		move(&h->headers[i].value, from, c->head);
	}
	c->in_at += n;
}

static int read_one_head(struct http_client *c, bool to_head, struct err *e)
{
	for (;;) {
		struct str have = str_span(c->in + c->in_at, c->in_n - c->in_at);
		ssize_t n = http_parse_response(have, to_head, &c->response.head, e);

		if (n < 0)
			return err_wrap(e, "malformed HTTP response");
		if (n > 0) {
			keep_head(c, (size_t)n);
			return 0;
		}
		memmove(c->in, have.p, have.n);
		c->in_at = 0;
		c->in_n = have.n;
		n = dial_read(&c->conn, c->in + c->in_n, sizeof(c->in) - c->in_n, e);
		if (n < 0)
			return (int)n;
		if (n == 0)
			return (int)http_client_cut_off(c, e);
		c->in_n += (size_t)n;
		c->heard = true;
	}
}

/* The final head; interim ones are passed over. */
static int read_head(struct http_client *c, bool to_head, struct err *e)
{
	for (int i = 0; i < INTERIM_MAX; i++) {
		int r = read_one_head(c, to_head, e);

		if (r < 0 || c->response.head.status >= 200 || c->response.head.status == 101)
			return r;
	}
	return err_set(e, ERR_SYSTEM, "too many 1xx informational responses");
}

/* Send req and read the head of its answer. *ret_again: it may be sent once more. */
static int exchange(struct http_client *c, const struct http_client_request *req,
		    const struct http_url *u, bool *ret_again, struct err *e)
{
	bool to_head = strcmp(req->method, "HEAD") == 0, source = false, cancelled;
	struct err late = ERR_INIT;
	int r, answered;

	*ret_again = false;
	r = send_head(c, req, u, e);
	if (r == 0 && req->body_stream)
		r = send_stream(c, req->body_stream, &source, e);
	cancelled = r == -ECANCELED || r == -ETIMEDOUT || source;
	if (cancelled || r == -E2BIG || c->conn.fd < 0)
		return r;
	/* A server may answer and close before it has taken the body: then the answer counts. */
	c->in_at = c->in_n = 0;
	c->heard = false;
	answered = read_head(c, to_head, r < 0 ? &late : e);
	if (answered == 0) {
		http_client_start_body(c, to_head);
		if (r < 0)
			c->response.head.keep_alive = false;
		return 0;
	}
	*ret_again =
		!req->body_stream && !c->heard && answered != -ECANCELED && answered != -ETIMEDOUT;
	return r < 0 ? r : answered;
}

int http_client_do(struct http_client *c, const struct http_client_request *req,
		   struct http_client_response **ret, struct err *e)
{
	bool again = false, reused;
	struct http_url u = {0};
	int r = http_url_parse(req->url, &u, e);

	if (r == 0)
		r = check_headers(req, e);
	if (r < 0)
		return r;
	if (u.tls && !CONFIG(TLS))
		return err_set(e, ERR_NOT_IMPLEMENTED, "https is not built in (CONFIG_TLS)");
	r = http_proxy_find(&u, &c->proxy, e);
	if (r < 0)
		return r;
	http_client_settle(c);
	reused = leads_to(c, &u);
	if (!reused)
		r = connect_to(c, &u, e);
	if (r == 0)
		r = exchange(c, req, &u, &again, e);
	if (r < 0 && reused && again) {
		r = connect_to(c, &u, e);
		if (r == 0)
			r = exchange(c, req, &u, &again, e);
	}
	if (r < 0) {
		http_client_disconnect(c);
		return r;
	}
	*ret = &c->response;
	return 0;
}
