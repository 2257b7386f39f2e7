/* SPDX-License-Identifier: Apache-2.0 */
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

#include "tests/unit/net/handlers.h"
#include "tests/unit/net/harness.h"

#define HOST "Host: x\r\n"

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
	assert_true(client_sees_close(&c, 15000));
	client_close(&c);

	client_open(&c);
	client_send(&c, "GET /_ping HTTP/1.0\r\n\r\n");
	client_receive(&c, &a, false);
	assert_int_equal(a.status, 200);
	assert_true(client_sees_close(&c, 15000));
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
		assert_true(client_sees_close(&c, 15000));
		client_close(&c);
	}
	memset(flood, 'a', sizeof(flood) - 1);
	memcpy(flood, "GET / HTTP/1.1\r\nX: ", 19);
	ask(flood, &a);
	assert_int_equal(a.status, 431);
}

static int start(void **state)
{
	(void)state;
	return harness_start(&handlers_config);
}

static int stop(void **state)
{
	(void)state;
	return harness_stop() == 0 ? 0 : -1;
}

static void test_nothing_left(void **state)
{
	(void)state;
	for (int i = 0; i < 3000 && harness_connections() > 0; i++)
		usleep(10000);
	assert_int_equal(harness_connections(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ping),	     cmocka_unit_test(test_targets),
		cmocka_unit_test(test_keep_alive),   cmocka_unit_test(test_pipelining),
		cmocka_unit_test(test_large_body),   cmocka_unit_test(test_unread_body),
		cmocka_unit_test(test_expect),	     cmocka_unit_test(test_bad_requests),
		cmocka_unit_test(test_nothing_left),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
