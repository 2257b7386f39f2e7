/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "firmware/core/buf.h"
#include "tests/unit/net/harness.h"

#define HOST "Host: x\r\n"

static atomic_int watched; /* how the last watching handler ended */
static atomic_size_t counted;

/* --- handlers --- */

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
	    http_stream_flush(req) < 0 || fiber_sleep_ms(150) < 0 ||
	    http_stream_write(req, "second", 6) < 0)
		return;
	if (str_eqz(req->query, "cut"))
		return;
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
	atomic_store(&watched, r);
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
	atomic_store(&watched, r);
	atomic_store(&counted, t->n);
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
		{"/echo", do_echo},	{"/duplex", do_duplex},	    {"/stream", do_stream},
		{"/flush", do_flush},	{"/watch", do_watch},	    {"/hijack", do_hijack},
		{"/upload", do_upload}, {"/download", do_download}, {"/fields", do_fields},
		{"/a b", do_fields},
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

static const struct http_server_config config = {
	.handle = handle,
	.urgent = urgent,
	.refuse = refuse,
	.default_headers = "Server: Test\r\nApi-Version: 1.51\r\n",
	.head_timeout_ms = 400,
	.idle_timeout_ms = 3000,
	.body_timeout_ms = 400,
	.write_timeout_ms = 600,
};

/* --- tests --- */

static struct client c;
static struct answer a;

static void test_ping(void **state)
{
	(void)state;
	ask("GET /_ping HTTP/1.1\r\n" HOST "\r\n", &a);
	assert_int_equal(a.status, 200);
	assert_string_equal(a.body, "OK");
	assert_true(a.keep_alive);
	assert_non_null(strstr(a.head, "HTTP/1.1 200 OK\r\nServer: Test\r\nApi-Version: 1.51\r\n"
				       "Content-Type: text/plain\r\nDate: "));
	assert_non_null(strstr(a.head, " GMT\r\nContent-Length: 2\r\n\r\n"));
	ask("HEAD /_ping HTTP/1.1\r\n" HOST "\r\n", &a);
	assert_int_equal(a.status, 200);
	assert_non_null(strstr(a.head, "Content-Length: 2\r\n"));
	assert_int_equal(a.n, 0);
	ask("GET /empty HTTP/1.1\r\n" HOST "\r\n", &a);
	assert_int_equal(a.status, 204);
	assert_null(strstr(a.head, "Content-Length"));
	ask("GET /nothing HTTP/1.1\r\n" HOST "\r\n", &a);
	assert_int_equal(a.status, 500);
	ask("GET /fields HTTP/1.1\r\n" HOST "\r\n", &a);
	assert_int_equal(a.status, 200);
	assert_non_null(strstr(a.head, "X-One: 1\r\n"));
}

static void test_targets(void **state)
{
	(void)state;
	ask("GET http://docker/_ping HTTP/1.1\r\n" HOST "\r\n", &a);
	assert_string_equal(a.body, "OK");
	ask("GET /a%20b?x=%zz HTTP/1.1\r\n" HOST "\r\n", &a);
	assert_string_equal(a.body, "/a b");
	ask("OPTIONS * HTTP/1.1\r\n" HOST "\r\n", &a);
	assert_string_equal(a.body, "star");
	ask("GET * HTTP/1.1\r\n" HOST "\r\n", &a);
	assert_int_equal(a.status, 400);
	ask("GET /%zz HTTP/1.1\r\n" HOST "\r\n", &a);
	assert_int_equal(a.status, 400);
	ask("GET /%00 HTTP/1.1\r\n" HOST "\r\n", &a);
	assert_int_equal(a.status, 400);
	ask("CONNECT host:80 HTTP/1.1\r\n" HOST "\r\n", &a);
	assert_int_equal(a.status, 400);
}

static void test_keep_alive(void **state)
{
	(void)state;
	client_open(&c);
	for (int i = 0; i < 50; i++) {
		client_send(&c, "GET /_ping HTTP/1.1\r\n" HOST "\r\n");
		client_receive(&c, &a, false);
		assert_int_equal(a.status, 200);
	}
	client_send(&c, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello");
	client_receive(&c, &a, false);
	assert_string_equal(a.body, "hello");
	client_send(&c, "GET /_ping HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n");
	client_receive(&c, &a, false);
	assert_non_null(strstr(a.head, "Connection: close\r\n"));
	assert_true(client_sees_close(&c, 1000));
	client_close(&c);

	client_open(&c);
	client_send(&c, "GET /_ping HTTP/1.0\r\n\r\n");
	client_receive(&c, &a, false);
	assert_int_equal(a.status, 200);
	assert_true(client_sees_close(&c, 1000));
	client_close(&c);

	client_open(&c);
	client_send(&c, "GET /_ping HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
	client_receive(&c, &a, false);
	assert_non_null(strstr(a.head, "Connection: keep-alive\r\n"));
	client_send(&c, "GET /_ping HTTP/1.0\r\n\r\n");
	client_receive(&c, &a, false);
	assert_int_equal(a.status, 200);
	client_close(&c);
}

static void test_pipelining(void **state)
{
	static const char all[] =
		"GET /_ping HTTP/1.1\r\n" HOST "\r\n"
		"POST /echo HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc"
		"POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
		"3\r\nxyz\r\n1;e\r\n!\r\n0\r\nT: t\r\n\r\n"
		"GET /none HTTP/1.1\r\n" HOST "\r\n";
	static const char *const want[] = {"OK", "abc", "xyz!", "not here"};

	(void)state;
	/* at once, and in small pieces */
	for (size_t step = 1; step <= sizeof(all); step = step == 1 ? 7 : step * 20) {
		client_open(&c);
		for (size_t i = 0; i < sizeof(all) - 1; i += step) {
			size_t left = sizeof(all) - 1 - i;

			client_send_bytes(&c, all + i, left < step ? left : step);
		}
		for (size_t i = 0; i < ARRAY_LEN(want); i++) {
			client_receive(&c, &a, false);
			assert_string_equal(a.body, want[i]);
		}
		client_close(&c);
	}
}

static void test_large_body(void **state)
{
	size_t n = 90000;
	char *text = malloc(n + 200);
	int k;

	(void)state;
	memset(text, 'a', n + 200);
	k = sprintf(text, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: %zu\r\n\r\n", n);
	text[k] = 'b';
	client_open(&c);
	client_send_bytes(&c, text, n + (size_t)k);
	client_receive(&c, &a, false);
	assert_int_equal(a.status, 200);
	assert_int_equal(a.n, n);
	assert_int_equal(a.body[0], 'b');
	/* refused by its length, before it comes */
	client_send(&c, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 1000000\r\n\r\n");
	client_receive(&c, &a, false);
	assert_int_equal(a.status, 413);
	assert_false(a.keep_alive);
	client_close(&c);
	/* refused while it comes in chunks; the answer is readable although nobody read the rest */
	client_open(&c);
	client_send(&c, "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n");
	for (int i = 0; i < 30; i++) {
		client_send(&c, "1000\r\n");
		client_send_bytes(&c, text, 0x1000);
		client_send(&c, "\r\n");
	}
	client_receive(&c, &a, false);
	assert_int_equal(a.status, 413);
	client_close(&c);
	free(text);
}

static void test_unread_body(void **state)
{
	(void)state;
	/* a small unread body does not cost the connection */
	client_open(&c);
	client_send(&c, "POST /none HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello"
			"GET /_ping HTTP/1.1\r\n" HOST "\r\n");
	client_receive(&c, &a, false);
	assert_int_equal(a.status, 404);
	assert_true(a.keep_alive);
	client_receive(&c, &a, false);
	assert_string_equal(a.body, "OK");
	client_close(&c);
	/* one that never comes does */
	client_open(&c);
	client_send(&c, "POST /none HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhel");
	client_receive(&c, &a, false);
	assert_int_equal(a.status, 404);
	assert_false(a.keep_alive);
	client_close(&c);
}

static void test_expect(void **state)
{
	(void)state;
	client_open(&c);
	client_send(&c, "POST /echo HTTP/1.1\r\n" HOST
			"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n");
	client_receive(&c, &a, false);
	assert_int_equal(a.status, 100);
	client_send(&c, "hi");
	client_receive(&c, &a, false);
	assert_int_equal(a.status, 200);
	assert_string_equal(a.body, "hi");
	/* a final answer instead: the body is not waited for */
	client_send(&c, "POST /none HTTP/1.1\r\n" HOST
			"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n");
	client_receive(&c, &a, false);
	assert_int_equal(a.status, 404);
	assert_false(a.keep_alive);
	client_close(&c);
	ask("POST /echo HTTP/1.1\r\n" HOST "Expect: tea\r\nContent-Length: 2\r\n\r\nhi", &a);
	assert_int_equal(a.status, 417);
}

static void test_bad_requests(void **state)
{
	static const struct {
		const char *text;
		int status;
	} cases[] = {
		{"GET / HTTP/1.1\r\n\r\n", 400},
		{"GET / HTTP/2.0\r\n\r\n", 505},
		{"BAD\r\n\r\n", 400},
		{"\x16\x03\x01", 400},
		{"POST /echo HTTP/1.1\r\n" HOST
		 "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		 400},
		{"POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip\r\n\r\n", 501},
		{"POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400},
		{"POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n",
		 400},
	};
	static char flood[20000];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		client_open(&c);
		client_send(&c, cases[i].text);
		client_receive(&c, &a, false);
		if (a.status != cases[i].status)
			fail_msg("case %zu: %d", i, a.status);
		assert_false(a.keep_alive);
		shutdown(c.fd, SHUT_WR);
		assert_true(client_sees_close(&c, 2000));
		client_close(&c);
	}
	memset(flood, 'a', sizeof(flood) - 1);
	memcpy(flood, "GET / HTTP/1.1\r\nX: ", 19);
	ask(flood, &a);
	assert_int_equal(a.status, 431);
}

static void test_stream(void **state)
{
	(void)state;
	client_open(&c);
	client_send(&c, "GET /stream HTTP/1.1\r\n" HOST "\r\nGET /_ping HTTP/1.1\r\n" HOST "\r\n");
	client_receive(&c, &a, false);
	assert_int_equal(a.status, 200);
	assert_non_null(strstr(a.head, "Transfer-Encoding: chunked\r\n"));
	assert_int_equal(a.n, 50000);
	assert_memory_equal(a.body + 9990, "0123456789\0\0", 12);
	client_receive(&c, &a, false);
	assert_string_equal(a.body, "OK");
	client_send(&c, "HEAD /stream HTTP/1.1\r\n" HOST "\r\nGET /_ping HTTP/1.1\r\n" HOST "\r\n");
	client_receive(&c, &a, true);
	assert_int_equal(a.status, 200);
	client_receive(&c, &a, false);
	assert_string_equal(a.body, "OK");
	client_close(&c);
	/* HTTP/1.0: until the end of the connection */
	ask("GET /stream HTTP/1.0\r\n\r\n", &a);
	assert_null(strstr(a.head, "Transfer-Encoding"));
	assert_int_equal(a.n, 50000);

	client_open(&c);
	client_send(&c, "GET /flush HTTP/1.1\r\n" HOST "\r\n");
	while (!memmem(c.buf, c.n, "first", 5)) {
		ssize_t n = recv(c.fd, c.buf + c.n, sizeof(c.buf) - c.n, 0);

		assert_true(n > 0);
		c.n += (size_t)n;
	}
	assert_null(memmem(c.buf, c.n, "second", 6));
	client_receive(&c, &a, false);
	assert_string_equal(a.body, "firstsecond");
	/* a handler that gives up leaves the stream without its end */
	client_send(&c, "GET /flush?cut HTTP/1.1\r\n" HOST "\r\n");
	client_receive(&c, &a, false);
	assert_true(a.cut);
	client_close(&c);
}

static void test_duplex(void **state)
{
	(void)state;
	client_open(&c);
	client_send(&c, "POST /duplex HTTP/1.1\r\n" HOST "Content-Length: 11\r\n\r\nhello");
	while (!memmem(c.buf, c.n, "hello", 5)) {
		ssize_t n = recv(c.fd, c.buf + c.n, sizeof(c.buf) - c.n, 0);

		assert_true(n > 0);
		c.n += (size_t)n;
	}
	client_send(&c, " world");
	client_receive(&c, &a, false);
	assert_string_equal(a.body, "hello world");
	client_send(&c, "POST /duplex HTTP/1.1\r\n" HOST
			"Content-Length: 2\r\nExpect: 100-continue\r\n\r\n");
	client_receive(&c, &a, false);
	assert_int_equal(a.status, 100);
	client_send(&c, "hi");
	client_receive(&c, &a, false);
	assert_string_equal(a.body, "hi");
	/* a stream whose body nobody read: what is short is skipped */
	client_send(&c, "POST /stream HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nxx"
			"GET /_ping HTTP/1.1\r\n" HOST "\r\n");
	client_receive(&c, &a, false);
	assert_int_equal(a.n, 50000);
	client_receive(&c, &a, false);
	assert_string_equal(a.body, "OK");
	client_close(&c);
}

static void wait_watched(int want)
{
	for (int i = 0; i < 200 && atomic_load(&watched) != want; i++)
		usleep(10000);
	assert_int_equal(atomic_load(&watched), want);
	atomic_store(&watched, 0);
}

static void test_client_leaves(void **state)
{
	(void)state;
	atomic_store(&watched, 0);
	client_open(&c);
	client_send(&c, "GET /watch?stream HTTP/1.1\r\n" HOST "\r\n");
	assert_int_equal(recv(c.fd, c.buf, 8, 0), 8);
	client_close(&c);
	wait_watched(-ECONNRESET);
	client_open(&c);
	client_send(&c, "GET /watch HTTP/1.1\r\n" HOST "\r\n");
	usleep(50000);
	client_close(&c);
	wait_watched(-ECONNRESET);
}

static void test_slow_clients(void **state)
{
	static char block[4096];
	ssize_t n;
	size_t total = 0;

	(void)state;
	/* a head that trickles in */
	client_open(&c);
	client_send(&c, "GET /_ping HT");
	for (int i = 0; i < 6; i++) {
		usleep(100000);
		client_send(&c, "T");
	}
	client_receive(&c, &a, false);
	assert_int_equal(a.status, 408);
	client_close(&c);
	/* no byte at all */
	client_open(&c);
	assert_true(client_sees_close(&c, 3000));
	client_close(&c);
	/* a body that stops */
	client_open(&c);
	client_send(&c, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhel");
	client_receive(&c, &a, false);
	assert_int_equal(a.status, 400);
	assert_non_null(strstr(a.body, "in time"));
	client_close(&c);
	/* a body that ends early */
	client_open(&c);
	client_send(&c, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhel");
	shutdown(c.fd, SHUT_WR);
	client_receive(&c, &a, false);
	assert_non_null(strstr(a.body, "unexpected EOF"));
	client_close(&c);
	/* a reader that stops: its stream is cut */
	client_open(&c);
	client_send(&c, "GET /download HTTP/1.1\r\n" HOST "\r\n");
	atomic_store(&watched, 0);
	wait_watched(-ETIMEDOUT);
	while ((n = recv(c.fd, block, sizeof(block), 0)) > 0)
		total += (size_t)n;
	assert_true(total < 3000000);
	client_close(&c);
}

static void test_hijack(void **state)
{
	static const char want[] = "early bytes and later";
	char buf[64];
	size_t n = 0;

	(void)state;
	client_open(&c);
	client_send(&c, "POST /hijack HTTP/1.1\r\n" HOST
			"Connection: Upgrade\r\nUpgrade: tcp\r\n\r\nearly bytes");
	client_receive(&c, &a, false);
	assert_int_equal(a.status, 101);
	client_send(&c, " and later");
	memcpy(buf, c.buf, c.n);
	for (n = c.n; n < sizeof(want) - 1;) {
		ssize_t k = recv(c.fd, buf + n, sizeof(buf) - n, 0);

		assert_true(k > 0);
		n += (size_t)k;
	}
	assert_memory_equal(buf, want, sizeof(want) - 1);
	shutdown(c.fd, SHUT_WR);
	c.n = 0;
	assert_true(client_sees_close(&c, 1000));
	client_close(&c);

	client_open(&c);
	client_send(&c, "POST /hijack?take HTTP/1.1\r\n" HOST "\r\n");
	client_receive(&c, &a, false);
	assert_int_equal(a.status, 101);
	while (c.n < 5) {
		ssize_t k = recv(c.fd, c.buf + c.n, 5 - c.n, 0);

		assert_true(k > 0);
		c.n += (size_t)k;
	}
	assert_memory_equal(c.buf, "taken", 5);
	c.n = 0;
	assert_true(client_sees_close(&c, 1000));
	client_close(&c);
}

static void test_jobs(void **state)
{
	static char block[50000];

	(void)state;
	client_open(&c);
	client_send(&c, "POST /upload HTTP/1.1\r\n" HOST "Content-Length: 2000000\r\n"
			"Expect: 100-continue\r\n\r\n");
	client_receive(&c, &a, false);
	assert_int_equal(a.status, 100);
	for (int i = 0; i < 40; i++)
		client_send_bytes(&c, block, sizeof(block));
	client_receive(&c, &a, false);
	assert_string_equal(a.body, "2000000");
	/* the connection goes on, chunked this time, with a pause */
	client_send(&c, "POST /upload HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n");
	for (int i = 0; i < 10; i++) {
		client_send(&c, "c350\r\n");
		client_send_bytes(&c, block, sizeof(block));
		client_send(&c, "\r\n");
		if (i == 5)
			usleep(200000);
	}
	client_send(&c, "0\r\n\r\n");
	client_receive(&c, &a, false);
	assert_string_equal(a.body, "500000");
	client_send(&c, "GET /download HTTP/1.1\r\n" HOST "\r\n");
	client_receive(&c, &a, false);
	assert_int_equal(a.n, 3000010);
	assert_memory_equal(a.body, "head:ddd", 8);
	assert_false(a.cut);
	client_send(&c, "GET /_ping HTTP/1.1\r\n" HOST "\r\n");
	client_receive(&c, &a, false);
	assert_string_equal(a.body, "OK");
	/* a client that leaves in the middle stops the job */
	atomic_store(&watched, 0);
	client_send(&c, "GET /download HTTP/1.1\r\n" HOST "\r\n");
	for (int i = 0; i < 10; i++)
		assert_true(recv(c.fd, c.buf, 10000, MSG_WAITALL) == 10000);
	client_close(&c);
	for (int i = 0; i < 200 && atomic_load(&watched) == 0; i++)
		usleep(10000);
	assert_true(atomic_load(&watched) < 0);
	assert_true(atomic_load(&counted) < 3000000);
	/* and so does an upload that stops */
	ask("POST /upload HTTP/1.1\r\n" HOST "Content-Length: 20\r\n\r\nxx", &a);
	assert_int_equal(a.status, 400);
}

static int start(void **state)
{
	(void)state;
	return harness_start(&config);
}

static int stop(void **state)
{
	(void)state;
	return harness_stop() == 0 ? 0 : -1;
}

static void test_nothing_left(void **state)
{
	(void)state;
	for (int i = 0; i < 200 && harness_connections() > 0; i++)
		usleep(10000);
	assert_int_equal(harness_connections(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ping),	      cmocka_unit_test(test_targets),
		cmocka_unit_test(test_keep_alive),    cmocka_unit_test(test_pipelining),
		cmocka_unit_test(test_large_body),    cmocka_unit_test(test_unread_body),
		cmocka_unit_test(test_expect),	      cmocka_unit_test(test_bad_requests),
		cmocka_unit_test(test_stream),	      cmocka_unit_test(test_duplex),
		cmocka_unit_test(test_client_leaves), cmocka_unit_test(test_slow_clients),
		cmocka_unit_test(test_hijack),	      cmocka_unit_test(test_jobs),
		cmocka_unit_test(test_nothing_left),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
