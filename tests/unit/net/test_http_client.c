/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "firmware/core/config.h"
#include "firmware/net/http_client.h"
#include "tests/unit/net/origin.h"

static int port;
static struct err e;
static char text[65536];

static void base(char out[64], const char *path)
{
	snprintf(out, 64, "http://127.0.0.1:%d%s", port, path);
}

static struct http_client *open_client(void)
{
	const struct http_client_options opt = {.user_agent = "test/1", .timeout_ms = 2000};
	struct http_client *c = NULL;

	assert_int_equal(http_client_open(&c, &opt, &e), 0);
	return c;
}

static int get(struct http_client *c, const char *method, const char *path,
	       struct http_client_response **ret)
{
	char url[64];
	struct http_client_request req = {.method = method};

	base(url, path);
	req.url = str_from(url);
	return http_client_do(c, &req, ret, &e);
}

/* The whole body into text; its length or an error. */
static ssize_t read_all(struct http_client_response *r)
{
	size_t n = 0;
	ssize_t k;

	while ((k = reader_read(&r->body, text + n, sizeof(text) - 1 - n, &e)) > 0)
		n += (size_t)k;
	text[n] = '\0';
	return k < 0 ? k : (ssize_t)n;
}

static void test_framing(void **state)
{
	static const struct origin_step steps[] = {
		{.reply = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX: y\r\n\r\nhello"},
		{.reply = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
			  "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"},
		{.reply = "HTTP/1.1 200 OK\r\nContent-Length: 123\r\n\r\n"}, /* to HEAD */
		{.reply = "HTTP/1.1 204 No Content\r\n\r\n"},
		{.reply = "HTTP/1.1 103 Hints\r\nA: b\r\n\r\nHTTP/1.1 404 Not Found\r\n"
			  "Content-Length: 2\r\n\r\nno"},
		{.reply = "HTTP/1.1 200 OK\r\n\r\nto the end", .close = true},
	};
	struct http_client *c = open_client();
	struct http_client_response *r;

	(void)state;
	origin_script(steps, ARRAY_LEN(steps));
	assert_int_equal(get(c, "GET", "/a?b=c", &r), 0);
	assert_int_equal(r->head.status, 200);
	assert_true(str_eqz(http_get_header(&r->head, "x"), "y"));
	assert_int_equal(read_all(r), 5);
	assert_string_equal(text, "hello");
	assert_non_null(strstr(origin_head(), "GET /a?b=c HTTP/1.1\r\nHost: 127.0.0.1:"));
	assert_non_null(strstr(origin_head(), "User-Agent: test/1\r\n"));
	assert_int_equal(get(c, "GET", "/", &r), 0);
	assert_int_equal(read_all(r), 5);
	assert_string_equal(text, "abcde");
	assert_int_equal(get(c, "HEAD", "/", &r), 0);
	assert_int_equal(r->head.content_length, 123);
	assert_int_equal(read_all(r), 0);
	assert_int_equal(get(c, "DELETE", "/", &r), 0);
	assert_int_equal(r->head.status, 204);
	assert_int_equal(read_all(r), 0);
	assert_int_equal(get(c, "GET", "", &r), 0);
	assert_int_equal(r->head.status, 404);
	/* the rest of an answer nobody read is skipped */
	assert_int_equal(get(c, "GET", "/", &r), 0);
	assert_int_equal(read_all(r), 10);
	assert_string_equal(text, "to the end");
	assert_int_equal(origin_connections(), 1);
	http_client_free(c);
}

static ssize_t read_letters(struct reader *r, void *p, size_t n, struct err *err)
{
	static int left = 5;

	(void)r;
	(void)err;
	memset(p, 'x', n);
	return left-- > 0 ? (ssize_t)(n < 6000 ? n : 6000) : 0;
}

static ssize_t read_nothing(struct reader *r, void *p, size_t n, struct err *err)
{
	(void)r;
	(void)p;
	(void)n;
	return err_set(err, ERR_SYSTEM, "the source broke");
}

static void test_bodies(void **state)
{
	static const struct origin_step steps[] = {
		{.reply = "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"},
		{.reply = "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"},
		{.reply = "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"},
		{.reply = "HTTP/1.1 413 No\r\nContent-Length: 2\r\n\r\nno",
		 .close = true,
		 .early = true},
	};
	static char large[40000];
	const struct http_header headers[] = {{STR("Content-Type"), STR("text/plain")}};
	const struct http_header bad[] = {{STR("X"), STR("a\r\nY: b")}};
	struct reader letters = {read_letters}, broken = {read_nothing};
	struct http_client *c = open_client();
	struct http_client_request req = {.method = "POST", .headers = headers, .n_headers = 1};
	struct http_client_response *r;
	char url[64];

	(void)state;
	origin_script(steps, ARRAY_LEN(steps));
	base(url, "/up");
	req.url = str_from(url);
	req.body = STR("some text");
	assert_int_equal(http_client_do(c, &req, &r, &e), 0);
	assert_int_equal(r->head.status, 201);
	assert_string_equal(origin_body(), "some text");
	assert_non_null(strstr(origin_head(), "Content-Length: 9\r\n"));
	assert_non_null(strstr(origin_head(), "Content-Type: text/plain\r\n"));
	memset(large, 'l', sizeof(large));
	req.body = str_span(large, sizeof(large));
	assert_int_equal(http_client_do(c, &req, &r, &e), 0);
	assert_int_equal(strlen(origin_body()), sizeof(large));
	req.body = (struct str){NULL, 0};
	req.method = "PATCH";
	req.body_stream = &letters;
	assert_int_equal(http_client_do(c, &req, &r, &e), 0);
	assert_int_equal(r->head.status, 202);
	assert_int_equal(strlen(origin_body()), 30000);
	assert_non_null(strstr(origin_head(), "Transfer-Encoding: chunked\r\n"));
	/* answered and closed before the body was read */
	req.body_stream = NULL;
	req.method = "PUT";
	req.body = str_span(large, sizeof(large));
	if (http_client_do(c, &req, &r, &e) == 0)
		assert_int_equal(r->head.status, 413);
	req.headers = bad;
	assert_int_equal(http_client_do(c, &req, &r, &e), -EINVAL);
	req.n_headers = 0;
	req.body_stream = &broken;
	assert_true(http_client_do(c, &req, &r, &e) < 0);
	assert_string_equal(e.msg, "the source broke");
	http_client_free(c);
}

static void test_reuse(void **state)
{
	static const struct origin_step steps[] = {
		{.reply = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1"},
		{.close = true}, /* the kept connection dies under the second request */
		{.reply = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n2"},
		{.reply = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\n3",
		 .close = true},
		{.reply = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n4"},
	};
	struct http_client *c = open_client();
	struct http_client_response *r;

	(void)state;
	origin_script(steps, ARRAY_LEN(steps));
	for (int i = 1; i <= 4; i++) {
		assert_int_equal(get(c, "GET", "/", &r), 0);
		assert_int_equal(read_all(r), 1);
		assert_int_equal(text[0], '0' + i);
	}
	assert_int_equal(origin_connections(), 3);
	http_client_free(c);
}

static void test_cut(void **state)
{
	static const struct origin_step steps[] = {
		{.reply = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", .close = true},
		{.reply = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\nhalf",
		 .close = true},
		{.reply = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"},
		{.reply = "HTTP/1.1 200 OK\r\nConte", .close = true},
		{.reply = "rubbish\r\n\r\n", .close = true},
		{.reply = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", .stall_ms = 50},
		{.reply = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx",
		 .stall_ms = 3000,
		 .close = true},
	};
	struct http_client *c = open_client();
	struct http_client_response *r;

	(void)state;
	origin_script(steps, ARRAY_LEN(steps));
	assert_int_equal(get(c, "GET", "/", &r), 0);
	assert_int_equal(read_all(r), -ECONNRESET);
	assert_string_equal(e.msg, "unexpected EOF");
	assert_int_equal(reader_read(&r->body, text, 10, &e), -ECONNRESET);
	assert_int_equal(get(c, "GET", "/", &r), 0);
	assert_int_equal(read_all(r), -ECONNRESET);
	assert_int_equal(get(c, "GET", "/", &r), 0);
	assert_true(read_all(r) < 0);
	assert_int_equal(get(c, "GET", "/", &r), -ECONNRESET);
	assert_int_equal(get(c, "GET", "/", &r), -EINVAL);
	/* stalls in the body and before the head */
	assert_int_equal(get(c, "GET", "/", &r), 0);
	assert_int_equal(read_all(r), -ETIMEDOUT);
	assert_int_equal(e.kind, ERR_TIMEOUT);
	assert_int_equal(get(c, "GET", "/", &r), -ETIMEDOUT);
	http_client_free(c);
}

static void *stop_later(void *flag)
{
	usleep(150000);
	atomic_store((atomic_bool *)flag, true);
	return NULL;
}

static struct http_client *open_measured(unsigned rate_ms)
{
	const struct http_client_options opt = {.timeout_ms = 5000, .rate_ms = rate_ms};
	struct http_client *c = NULL;

	assert_int_equal(http_client_open(&c, &opt, &e), 0);
	return c;
}

#define TEN "0123456789"

/* A byte now and then is progress, but not enough of it. */
static void test_dripping(void **state)
{
	static const struct origin_step steps[] = {
		{.reply = "HTTP/1.1 200 OK\r\nContent-Length: 180\r\n\r\n" TEN TEN TEN TEN TEN TEN
			 TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN,
		 .drip_ms = 40,
		 .close = true}};
	struct http_client *c = open_measured(1000);
	struct http_client_response *r;

	(void)state;
	if (CONFIG_HTTP_CLIENT_RATE < 100) {
		http_client_free(c);
		skip();
	}
	origin_script(steps, ARRAY_LEN(steps));
	assert_int_equal(get(c, "GET", "/", &r), 0);
	assert_int_equal(read_all(r), -ETIMEDOUT);
	assert_int_equal(e.kind, ERR_TIMEOUT);
	assert_non_null(strstr(e.msg, "i/o timeout: "));
	assert_non_null(strstr(e.msg, " bytes in 1 s"));
	http_client_free(c);
}

/* Servers that think, and readers that are busy, are none the worse for it. */
static void test_slow_but_honest(void **state)
{
	static const struct origin_step steps[] = {
		{.reply = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na", .stall_ms = 700},
		{.reply = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nb", .stall_ms = 700},
		{.reply = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nc", .stall_ms = 700},
		{.reply = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"},
	};
	struct http_client *c = open_measured(1000);
	struct http_client_response *r;
	char one;

	(void)state;
	origin_script(steps, ARRAY_LEN(steps));
	for (int i = 0; i < 3; i++) {
		assert_int_equal(get(c, "GET", "/", &r), 0);
		assert_int_equal(read_all(r), 1);
	}
	assert_int_equal(get(c, "GET", "/", &r), 0);
	for (int i = 0; i < 3; i++) {
		usleep(500000);
		assert_int_equal(reader_read(&r->body, &one, 1, &e), 1);
	}
	http_client_free(c);
}

static void test_stop(void **state)
{
	static const struct origin_step steps[] = {{.stall_ms = 2000, .close = true}};
	static atomic_bool flag;
	const struct http_client_options opt = {.stop = &flag};
	struct http_client_response *r;
	struct http_client *c = NULL;
	pthread_t thread;

	(void)state;
	origin_script(steps, ARRAY_LEN(steps));
	assert_int_equal(http_client_open(&c, &opt, &e), 0);
	pthread_create(&thread, NULL, stop_later, &flag);
	assert_int_equal(get(c, "GET", "/", &r), -ECANCELED);
	pthread_join(thread, NULL);
	http_client_free(c);
}

static void test_errors(void **state)
{
	static const struct {
		const char *url, *want;
	} cases[] = {
		{"http://127.0.0.1:1/", "dial tcp 127.0.0.1:1: connect: connection refused"},
		{"http://no-such-host.invalid/", "dial tcp: lookup no-such-host.invalid: "},
		{"ftp://x/", "unsupported protocol scheme"},
	};
	struct http_client *c = open_client();
	struct http_client_request req = {.method = "GET"};
	struct http_client_response *r;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		req.url = str_from(cases[i].url);
		assert_true(http_client_do(c, &req, &r, &e) < 0);
		if (!strstr(e.msg, cases[i].want))
			fail_msg("%s: %s", cases[i].url, e.msg);
	}
	http_client_free(c);
}

static void test_names(void **state)
{
	static const struct origin_step steps[] = {
		{.reply = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1"},
	};
	struct http_client *c = open_client();
	struct http_client_request req = {.method = "GET"};
	struct http_client_response *r;
	char url[64];

	(void)state;
	origin_script(steps, ARRAY_LEN(steps));
	snprintf(url, sizeof(url), "http://localhost:%d/", port);
	req.url = str_from(url);
	if (http_client_do(c, &req, &r, &e) != 0)
		fail_msg("%s", e.msg);
	assert_int_equal(read_all(r), 1);
	http_client_free(c);
}

static void test_proxy(void **state)
{
	static const struct origin_step steps[] = {
		{.reply = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1"},
		{.reply = "HTTP/1.1 407 Nope\r\nContent-Length: 0\r\n\r\n", .close = true},
	};
	struct http_client *c = open_client();
	struct http_client_request req = {.method = "GET", .url = STR("http://far.example:81/x?y")};
	struct http_client_response *r;
	char proxy[64];

	(void)state;
	origin_script(steps, ARRAY_LEN(steps));
	snprintf(proxy, sizeof(proxy), "http://me:pa%%20ss@127.0.0.1:%d", port);
	setenv("HTTP_PROXY", proxy, 1);
	setenv("HTTPS_PROXY", proxy, 1);
	assert_int_equal(http_client_do(c, &req, &r, &e), 0);
	assert_non_null(strstr(origin_head(), "GET http://far.example:81/x?y HTTP/1.1\r\n"
					      "Host: far.example:81\r\n"));
	assert_non_null(strstr(origin_head(), "Proxy-Authorization: Basic bWU6cGEgc3M=\r\n"));
	if (CONFIG(TLS)) {
		req.url = STR("https://far.example/");
		assert_true(http_client_do(c, &req, &r, &e) < 0);
		assert_non_null(strstr(origin_head(), "CONNECT far.example:443 HTTP/1.1\r\n"));
		assert_string_equal(e.msg, "proxy: 407 Unknown");
	}
	setenv("NO_PROXY", "far.example", 1);
	req.url = STR("http://far.example:1/");
	assert_true(http_client_do(c, &req, &r, &e) < 0);
	unsetenv("HTTP_PROXY");
	unsetenv("HTTPS_PROXY");
	unsetenv("NO_PROXY");
	http_client_free(c);
}

static int start(void **state)
{
	(void)state;
	port = origin_start(false, NULL);
	return port > 0 ? 0 : -1;
}

static int stop(void **state)
{
	(void)state;
	origin_stop();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dripping), cmocka_unit_test(test_slow_but_honest),
		cmocka_unit_test(test_framing),	 cmocka_unit_test(test_bodies),
		cmocka_unit_test(test_reuse),	 cmocka_unit_test(test_cut),
		cmocka_unit_test(test_stop),	 cmocka_unit_test(test_errors),
		cmocka_unit_test(test_names),	 cmocka_unit_test(test_proxy),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
