/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fiber of a connection: wait in silence, read a head, have the request handled, and again. The
 * memory of a request is borrowed when its first byte is there and given back before the next wait.
 */
#include "firmware/net/http_conn.h"

#include <errno.h>
#include <sys/socket.h>

enum {
	RESERVED_HEAD_MS = 1000, /* on a reserved slot a head must come quickly */
	LINGER_MS = 1000,
	LINGER_MAX = 64 << 20, /* many clients read no answer before they have sent it all */
	FIRST_READ = 1024,     /* most requests are shorter */
	REST_MS = 200,	       /* a busy stream gives its pages back this often, */
	REST_BURST = 3,	       /* but so many times at once, as when it begins */
};

static uint64_t requests;

static void give_back(struct http_conn *c)
{
	chunk_put(c->in);
	chunk_put(c->out);
	arena_done(&c->arena);
	c->in = c->out = NULL;
	c->req = NULL;
	c->in_at = c->in_n = 0;
}

static bool borrow_as(struct http_conn *c, enum pool_class cls)
{
	if (arena_open(&c->arena, cls) < 0)
		return false;
	c->in = chunk_get(cls);
	c->out = chunk_get(cls);
	c->in_at = c->in_n = 0;
	c->mem_cls = cls;
	if (!c->in || !c->out)
		give_back(c);
	return c->in != NULL;
}

/*
 * Chunks and arena for a request. The reserved ones are taken when there are no others, and then
 * the request must turn out to be urgent.
 */
static bool borrow(struct http_conn *c)
{
	return borrow_as(c, POOL_NORMAL) || borrow_as(c, POOL_RESERVED);
}

/*
 * Wait for the first bytes of a request: true with memory borrowed and them in it. They land on the
 * stack first, so that a connection in silence holds no chunk.
 */
static NOINLINE bool await_request(struct http_conn *c, int64_t deadline) FIBER_FN
{
	char first[FIRST_READ];
	ssize_t n;

	http_conn_set_waiting(c, true);
	n = io_read(&c->io, first, sizeof(first), deadline);
	if (c->cls == POOL_NORMAL)
		http_conn_set_waiting(c, false);
	if (n <= 0)
		return false;
	if (!borrow(c)) {
		http_server_send_busy(c->server, io_fd(&c->io));
		return false;
	}
	memcpy(c->in, first, (size_t)n);
	c->in_n = (uint32_t)n;
	return true;
}

/* Length of the head at the front of the input, parsed into c->req->head; 0 when the client left.
 */
static ssize_t read_head(struct http_conn *c, int64_t deadline, struct err *e) FIBER_FN
{
	uint32_t looked = 0;

	for (;;) {
		uint32_t have = c->in_n - c->in_at;
		ssize_t n = 0;

		/* A head may be complete only when a line has ended. */
		if (looked == 0 || have >= CONFIG_HTTP_HEAD_MAX ||
		    memchr(c->in + c->in_at + looked, '\n', have - looked))
			n = http_parse_request(str_span(c->in + c->in_at, have), &c->req->head, e);
		if (n != 0)
			return n;
		looked = have;
		n = io_read(&c->io, c->in + c->in_n, CHUNK_SIZE - c->in_n, deadline);
		if (n == -ETIMEDOUT)
			return err_set(e, ERR_TIMEOUT, "the request head did not arrive in time");
		if (n <= 0)
			return 0;
		c->in_n += (uint32_t)n;
	}
}

static void move(struct str *s, const char *from, const char *to)
{
	if (s->p)
		s->p = to + (s->p - from);
}

/*
 * Copy the head to the arena, so that its place in the chunk is free. A request is the newest block
 * there, which ends with its last header from now on.
 */
static int keep_head(struct http_conn *c, size_t n)
{
	struct http_head *h = &c->req->head;
	const char *from = c->in + c->in_at;
	const char *to;

	arena_shrink(&c->arena, c->req,
		     offsetof(struct http_request, head.headers) +
			     h->n_headers * sizeof(h->headers[0]));
	to = arena_strndup(&c->arena, from, n);
	if (!to)
		return -ENOMEM;
	move(&h->method_text, from, to);
	move(&h->target, from, to);
	for (size_t i = 0; i < h->n_headers; i++) {
		move(&h->headers[i].name, from, to);
		move(&h->headers[i].value, from, to);
	}
	c->in_at += (uint32_t)n;
	return 0;
}

/* Origin, absolute and asterisk form. */
static int read_target(struct http_request *req, struct err *e)
{
	struct str target = req->head.target;

	if (target.p[0] != '/' && !str_eqz(target, "*")) {
		struct http_url url;
		int r = http_url_parse(target, &url, e);

		if (r < 0)
			return err_set(e, ERR_INVALID, "malformed HTTP request target");
		target = url.target;
	}
	if (str_eqz(target, "*") && req->head.method != HTTP_OPTIONS)
		return err_set(e, ERR_INVALID, "malformed HTTP request target");
	req->raw_path = str_cut(target, '?', &req->query);
	if (req->raw_path.n == 0)
		req->raw_path = STR("/");
	if (http_percent_decode(req->raw_path, false, req->arena, &req->path) < 0)
		return err_set(e, ERR_INVALID, "malformed HTTP request target: bad escape");
	return 0;
}

static int refusal_status(const struct err *e, ssize_t r)
{
	switch (e->kind) {
	case ERR_TOO_LARGE:
		return 431;
	case ERR_NOT_IMPLEMENTED:
		return r == -EPROTONOSUPPORT ? 505 : 501;
	case ERR_TIMEOUT:
		return 408;
	case ERR_UNAVAILABLE:
		return 503;
	default:
		return 400;
	}
}

/* An answer in place of the handler's, after which the connection ends. */
static void refuse(struct http_conn *c, int status, const char *message) FIBER_FN
{
	c->close = true;
	if (status == 503 && http_add_header(c->req, "Retry-After", "1") < 0)
		return;
	c->server->cfg.refuse(c->req, status, message, c->server->cfg.arg);
}

/* Fresh state for one request, except for what has arrived of it. */
static bool new_request(struct http_conn *c)
{
	c->req = arena_alloc(&c->arena, sizeof(*c->req));
	if (!c->req)
		return false;
	c->req->conn = c;
	c->req->arena = &c->arena;
	c->req->peer = c->peer;
	c->req->id = ++requests;
	c->headers = (struct buf){0};
	c->out_n = 0;
	c->body = HTTP_BODY_NONE;
	c->body_done = true;
	c->body_failed = c->continue_pending = false;
	c->replied = c->streaming = c->raw_stream = c->discard = c->hijacked = false;
	c->close = c->failed = false;
	c->blocking = NULL;
	c->rest_at = 0;
	c->status = 0;
	return true;
}

static void refuse_head(struct http_conn *c, ssize_t r, const struct err *e) FIBER_FN
{
	/* What was parsed before the error is not to be relied on. */
	memset(&c->req->head, 0, offsetof(struct http_head, headers));
	c->req->head.method = HTTP_OTHER;
	c->req->head.minor = 1;
	refuse(c, refusal_status(e, r), e->msg);
}

static void handle(struct http_conn *c) FIBER_FN
{
	const struct http_server_config *cfg = &c->server->cfg;
	struct http_request *req = c->req;
	bool scarce = c->cls == POOL_RESERVED || c->mem_cls == POOL_RESERVED;

	c->discard = req->head.method == HTTP_HEAD;
	http_body_start(c);
	if (req->head.minor > 0 && http_has_header(&req->head, "expect") &&
	    !req->head.expect_continue)
		refuse(c, 417, "unsupported expectation");
	else if (scarce && !(cfg->urgent && cfg->urgent(req, cfg->arg)))
		refuse(c, 503, "the daemon is busy: too many connections");
	else
		cfg->handle(req, cfg->arg);
	http_watch_client(req, false);
	if (!c->replied)
		refuse(c, 500, "the request was not answered");
	if (c->streaming)
		c->close = true; /* cut off: the missing end tells the client */
}

void http_conn_rest(struct http_conn *c)
{
	int64_t now;

	if (c->out_n == 0) {
		chunk_put(c->out);
		c->out = NULL;
	}
	if (c->in && c->body_done && c->in_at == c->in_n) {
		chunk_put(c->in);
		c->in = NULL;
		c->in_at = c->in_n = 0;
	}
	now = clock_mono();
	if (c->rest_at > now + (REST_BURST - 1) * REST_MS * NSEC_PER_MSEC)
		return;
	c->rest_at = MAX(c->rest_at, now) + REST_MS * NSEC_PER_MSEC;
	arena_trim(&c->arena);
	fiber_trim();
}

/* Leave without making the peer lose our last bytes: say that we are done, let it finish. */
static NOINLINE void linger(struct http_conn *c) FIBER_FN
{
	int64_t deadline = clock_in_ms(LINGER_MS);
	char scrap[FIRST_READ];
	size_t total = 0;

	if (shutdown(io_fd(&c->io), SHUT_WR) < 0)
		return;
	while (total < LINGER_MAX) {
		ssize_t n = io_read(&c->io, scrap, sizeof(scrap), deadline);

		if (n <= 0)
			return;
		total += (size_t)n;
	}
}

/* After a request: true when another may follow. */
static bool finish(struct http_conn *c, bool whole) FIBER_FN
{
	bool gone = fiber_cancelled() != 0;

	if (c->hijacked || c->failed || gone)
		return false;
	if (!c->close && !http_body_drain(c, clock_in_ms(HTTP_DRAIN_MS)))
		c->close = true;
	if (c->close) {
		if (!whole || !c->body_done || c->in_at < c->in_n)
			linger(c);
		return false;
	}
	if (c->in_at == c->in_n) {
		give_back(c);
		return true;
	}
	if (!c->out)
		c->out = chunk_get(c->mem_cls);
	if (!c->out) {
		http_server_send_busy(c->server, io_fd(&c->io));
		return false;
	}
	memmove(c->in, c->in + c->in_at, c->in_n - c->in_at);
	c->in_n -= c->in_at;
	c->in_at = 0;
	arena_reset(&c->arena);
	return true;
}

/* One request, whose first bytes are there. True when another may follow. */
static bool serve(struct http_conn *c, struct err *e) FIBER_FN
{
	int64_t deadline = clock_in_ms(c->cls == POOL_RESERVED ? RESERVED_HEAD_MS
							       : c->server->cfg.head_timeout_ms);
	ssize_t n;

	if (!new_request(c)) {
		http_server_send_busy(c->server, io_fd(&c->io));
		return false;
	}
	n = read_head(c, deadline, e);
	http_conn_set_waiting(c, false);
	if (n == 0) {
		if (c->cls == POOL_RESERVED && fiber_cancelled())
			http_server_send_busy(c->server, io_fd(&c->io));
		return false;
	}
	if (n > 0 && keep_head(c, (size_t)n) < 0)
		n = err_set(e, ERR_UNAVAILABLE, "no memory for the request head");
	if (n > 0) {
		int r = read_target(c->req, e);

		n = r < 0 ? r : n;
	}
	if (n < 0) {
		refuse_head(c, n, e);
		return finish(c, false);
	}
	handle(c);
	return finish(c, true);
}

void http_conn_run(void *arg) FIBER_ENTRY
{
	struct http_conn *c = arg;
	int64_t patience = c->server->cfg.head_timeout_ms;
	struct err e = ERR_INIT;

	c->fiber = fiber_self();
	if (c->cls == POOL_RESERVED)
		patience = RESERVED_HEAD_MS;
	while (c->in_n > 0 || await_request(c, clock_in_ms(patience))) {
		if (!serve(c, &e) || c->server->stopping)
			break;
		patience = c->server->cfg.idle_timeout_ms;
	}
	give_back(c);
	http_conn_free(c);
}
