/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/net/handlers.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

atomic_int handlers_watched;
atomic_bool handlers_go;
atomic_size_t handlers_counted;

static void answer(struct http_request *req, int status, const char *text) FIBER_FN
{
	(void)http_reply(req, status, "text/plain", str_from(text));
}

static void do_echo(struct http_request *req) FIBER_FN
{
	struct err e = ERR_INIT;
	struct str body;
	int r = http_read_body_all(req, 100000, &body, &e);

	if (r < 0)
		answer(req, r == -E2BIG ? 413 : 400, e.msg);
	else
		(void)http_reply(req, 200, "application/octet-stream", body);
}

static void do_stream(struct http_request *req) FIBER_FN
{
	static const char block[40000];
	int r = http_stream_begin(req, 200, "text/plain");

	for (int i = 0; i < 1000 && r == 0; i++)
		r = http_stream_write(req, "0123456789", 10);
	if (r == 0)
		r = http_stream_write(req, block, sizeof(block));
	if (r == 0)
		(void)http_stream_end(req);
}

/* Reads the body while it answers. */
static void do_duplex(struct http_request *req) FIBER_FN
{
	char buf[512];
	ssize_t n;

	if (http_stream_begin(req, 200, NULL) < 0)
		return;
	while ((n = http_read_body(req, buf, sizeof(buf), NULL)) > 0)
		if (http_stream_write(req, buf, (size_t)n) < 0 || http_stream_flush(req) < 0)
			return;
	(void)http_stream_end(req);
}

static void do_flush(struct http_request *req) FIBER_FN
{
	if (http_stream_begin(req, 200, NULL) < 0 || http_stream_write(req, "first", 5) < 0 ||
	    http_stream_flush(req) < 0)
		return;
	while (!atomic_load(&handlers_go))
		if (fiber_sleep_ms(10) < 0)
			return;
	if (http_stream_write(req, "second", 6) < 0)
		return;
	if (str_eqz(req->query, "cut"))
		return;
	(void)http_stream_end(req);
}

/* A stream that waits: its chunks go back, and it goes on where it was. */
static void do_rest(struct http_request *req) FIBER_FN
{
	const struct pool *chunks = pool_list();
	char text[32];

	while (chunks && strcmp(chunks->name, "chunks"))
		chunks = chunks->next;
	if (!chunks || http_stream_begin(req, 200, NULL) < 0)
		return;
	for (int i = 0; i < 5; i++) {
		int n = snprintf(text, sizeof(text), "%u ", chunks->in_use);

		if (http_stream_write(req, text, (size_t)n) < 0 || http_stream_flush(req) < 0 ||
		    fiber_sleep_ms(2) < 0)
			return;
	}
	/* Nothing gathered, and the head's slices are where they were. */
	if (str_eqz(http_get_header(&req->head, "host"), "x"))
		(void)http_stream_end(req);
}

static void do_watch(struct http_request *req) FIBER_FN
{
	int r;

	if (str_eqz(req->query, "stream")) {
		r = http_stream_begin(req, 200, NULL);
	} else {
		http_watch_client(req, true);
		r = 0;
	}
	if (r == 0)
		r = fiber_sleep_ms(10000);
	atomic_store(&handlers_watched, r);
}

static void do_hijack(struct http_request *req) FIBER_FN
{
	struct err e = ERR_INIT;
	struct str left;
	char buf[256];
	struct io *io;
	ssize_t n;

	if (http_hijack(req,
			STR("HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"),
			&left, &e) < 0)
		return;
	if (str_eqz(req->query, "take")) {
		int fd = http_hijack_take_fd(req);

		(void)!write(fd, "taken", 5);
		close(fd);
		return;
	}
	io = http_hijacked_io(req);
	if (left.n > 0 && io_write(io, left.p, left.n, clock_in_ms(1000)) < 0)
		return;
	while ((n = io_read(io, buf, sizeof(buf), clock_in_ms(5000))) > 0)
		if (io_write(io, buf, (size_t)n, clock_in_ms(1000)) < 0)
			return;
}

struct transfer {
	struct job job;
	struct reader *in;
	struct writer *out;
	size_t n;
};

static int upload_job(struct job *job)
{
	struct transfer *t = container_of(job, struct transfer, job);
	char buf[1000];
	ssize_t n;

	while ((n = reader_read(t->in, buf, sizeof(buf), &job->err)) > 0)
		t->n += (size_t)n;
	return (int)n;
}

static int download_job(struct job *job)
{
	struct transfer *t = container_of(job, struct transfer, job);
	char buf[1000];
	int r = 0;

	memset(buf, 'd', sizeof(buf));
	for (int i = 0; i < 3000 && r == 0; i++) {
		r = writer_write(t->out, buf, sizeof(buf), &job->err);
		t->n += sizeof(buf);
	}
	return r;
}

static void do_upload(struct http_request *req) FIBER_FN
{
	struct transfer *t = arena_alloc(req->arena, sizeof(*t));
	struct err e = ERR_INIT;
	char text[32];
	int r;

	if (!t || http_body_begin_blocking(req, &t->job, &t->in, &e) < 0)
		return;
	r = job_run(&t->job, upload_job, JOB_LONG);
	http_body_end_blocking(req);
	snprintf(text, sizeof(text), "%zu", t->n);
	answer(req, r < 0 ? 400 : 200, r < 0 ? t->job.err.msg : text);
}

static void do_download(struct http_request *req) FIBER_FN
{
	struct transfer *t = arena_alloc(req->arena, sizeof(*t));
	struct err e = ERR_INIT;
	int r;

	if (!t || http_stream_begin(req, 200, NULL) < 0 || http_stream_write(req, "head:", 5) < 0 ||
	    http_stream_begin_blocking(req, &t->job, &t->out, &e) < 0)
		return;
	r = job_run(&t->job, download_job, JOB_LONG);
	http_stream_end_blocking(req);
	atomic_store(&handlers_watched, r);
	atomic_store(&handlers_counted, t->n);
	if (r == 0 && http_stream_write(req, ":tail", 5) == 0)
		(void)http_stream_end(req);
}

static void do_fields(struct http_request *req) FIBER_FN
{
	bool ok = http_add_header(req, "X-One", "1") == 0 &&
		  http_add_header(req, "X-Two", "a\r\nb: c") == -EINVAL &&
		  http_add_header(req, "X-Two\r\n", "a") == -EINVAL &&
		  http_add_header(req, "X Two", "a") == -EINVAL;

	(void)http_reply(req, ok ? 200 : 500, "text/plain", req->path);
}

static void handle(struct http_request *req, void *arg) FIBER_FN
{
	static const struct {
		const char *path;
		void (*fn)(struct http_request *req) FIBER_FN;
	} routes[] = {
		{"/echo", do_echo},	{"/duplex", do_duplex}, {"/stream", do_stream},
		{"/flush", do_flush},	{"/rest", do_rest},	{"/watch", do_watch},
		{"/hijack", do_hijack}, {"/upload", do_upload}, {"/download", do_download},
		{"/fields", do_fields}, {"/a b", do_fields},
	};

	(void)arg;
	for (size_t i = 0; i < ARRAY_LEN(routes); i++)
		if (str_eqz(req->path, routes[i].path)) {
			routes[i].fn(req);
			return;
		}
	if (str_eqz(req->path, "/_ping"))
		answer(req, 200, "OK");
	else if (str_eqz(req->path, "/empty"))
		answer(req, 204, "");
	else if (str_eqz(req->path, "/nothing"))
		return;
	else if (str_eqz(req->path, "*"))
		answer(req, 200, "star");
	else
		answer(req, 404, "not here");
}

static bool urgent(const struct http_request *req, void *arg)
{
	(void)arg;
	return str_eqz(req->path, "/_ping");
}

static void refuse(struct http_request *req, int status, const char *message, void *arg) FIBER_FN
{
	(void)arg;
	answer(req, status, message);
}

const struct http_server_config handlers_config = {
	.handle = handle,
	.urgent = urgent,
	.refuse = refuse,
	.default_headers = "Server: Test\r\nApi-Version: 1.51\r\n",
	.head_timeout_ms = 1500,
	.idle_timeout_ms = 10000,
	.body_timeout_ms = 1500,
	.write_timeout_ms = 1500,
};
