/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bridge to jobs. While a job holds the body or the stream the worker receives and sends on the
 * descriptor itself and waits with poll, in steps short enough to notice that the job was stopped.
 * The descriptor stays non-blocking and registered with the loop, whose edges may come and go
 * unseen meanwhile: fibers try the system call before they wait, so none is missed.
 */
#include "firmware/net/http_conn.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

enum { POLL_STEP_MS = 100 };

struct blocking_body {
	struct reader reader;
	struct http_conn *conn;
	struct job *job;
};

struct blocking_stream {
	struct writer writer;
	struct http_conn *conn;
	struct job *job;
};

/* 0 when events came, -ECANCELED, -ETIMEDOUT, -errno. */
static int wait_for(struct http_conn *c, const struct job *job, short events, int64_t deadline)
{
	for (;;) {
		struct pollfd p = {.fd = io_fd(&c->io), .events = events};
		int r;

		if (job_stopped(job))
			return -ECANCELED;
		r = poll(&p, 1, POLL_STEP_MS);
		if (r > 0)
			return 0;
		if (r < 0 && errno != EINTR)
			return -errno;
		if (clock_mono() >= deadline)
			return -ETIMEDOUT;
	}
}

static ssize_t receive(struct blocking_body *b, void *p, size_t n)
{
	int64_t deadline = clock_in_ms(b->conn->server->cfg.body_timeout_ms);

	for (;;) {
		ssize_t got = recv(io_fd(&b->conn->io), p, n, MSG_DONTWAIT);
		int r;

		if (got >= 0)
			return got;
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN && errno != EWOULDBLOCK)
			return -errno;
		r = wait_for(b->conn, b->job, POLLIN, deadline);
		if (r < 0)
			return r;
	}
}

static ssize_t body_read(struct reader *reader, void *p, size_t n, struct err *e)
{
	struct blocking_body *b = container_of(reader, struct blocking_body, reader);

	if (job_stopped(b->job))
		return err_set(e, ERR_CANCELLED, "request body: stopped");
	for (;;) {
		size_t room = 0;
		char *to = NULL;
		ssize_t r = http_body_take(b->conn, p, n, &to, &room, e);

		if (r != -EAGAIN)
			return r;
		r = receive(b, to, room);
		if (r < 0) {
			b->conn->body_failed = b->conn->close = true;
			return err_sys(e, (int)r, "request body");
		}
		r = http_body_received(b->conn, to, (size_t)r, e);
		if (r != 0)
			return r;
	}
}

int http_body_begin_blocking(struct http_request *req, struct job *job, struct reader **ret,
			     struct err *e)
{
	struct blocking_body *b;
	int r = http_body_send_continue(req->conn, e);

	if (r < 0)
		return r;
	b = arena_alloc(req->arena, sizeof(*b));
	if (!b)
		return err_set(e, ERR_UNAVAILABLE, "no memory for the request body");
	b->reader.read = body_read;
	b->conn = req->conn;
	b->job = job;
	*ret = &b->reader;
	return 0;
}

void http_body_end_blocking(struct http_request *req)
{
	(void)req;
}

static int send_all(struct blocking_stream *s, struct iovec *iov, int n)
{
	int64_t deadline = clock_in_ms(s->conn->server->cfg.write_timeout_ms);

	while (n > 0) {
		struct msghdr msg = {.msg_iov = iov, .msg_iovlen = (size_t)n};
		ssize_t sent = sendmsg(io_fd(&s->conn->io), &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
		int r;

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0 && errno != EAGAIN && errno != EWOULDBLOCK)
			return -errno;
		if (sent < 0) {
			r = wait_for(s->conn, s->job, POLLOUT, deadline);
			if (r < 0)
				return r;
			continue;
		}
		deadline = clock_in_ms(s->conn->server->cfg.write_timeout_ms);
		for (; n > 0 && (size_t)sent >= iov->iov_len; n--, iov++)
			sent -= (ssize_t)iov->iov_len;
		if (n > 0) {
			iov->iov_base = (char *)iov->iov_base + sent;
			iov->iov_len -= (size_t)sent;
		}
	}
	return 0;
}

static int stream_send(struct http_conn *c, struct iovec *iov, int n)
{
	int r;

	if (c->failed)
		return -ECONNRESET;
	r = send_all(c->blocking, iov, n);
	if (r < 0)
		c->failed = c->close = true;
	return r;
}

static int stream_write(struct writer *writer, const void *p, size_t n, struct err *e)
{
	struct blocking_stream *s = container_of(writer, struct blocking_stream, writer);
	int r;

	if (job_stopped(s->job))
		return err_set(e, ERR_CANCELLED, "response: stopped");
	r = http_stream_put(s->conn, p, n, stream_send);
	return r < 0 ? err_sys(e, r, "response") : 0;
}

int http_stream_begin_blocking(struct http_request *req, struct job *job, struct writer **ret,
			       struct err *e)
{
	struct http_conn *c = req->conn;
	struct blocking_stream *s;
	int r;

	if (!c->streaming)
		return err_set(e, ERR_CONFLICT, "no response stream was begun");
	r = http_stream_flush(req);
	if (r < 0)
		return err_sys(e, r, "response");
	s = arena_alloc(req->arena, sizeof(*s));
	if (!s)
		return err_set(e, ERR_UNAVAILABLE, "no memory for the response");
	s->writer.write = stream_write;
	s->conn = c;
	s->job = job;
	c->blocking = s;
	*ret = &s->writer;
	return 0;
}

void http_stream_end_blocking(struct http_request *req)
{
	req->conn->blocking = NULL;
}
