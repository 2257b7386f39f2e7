/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
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

	atomic_store(&handlers_go, false);
	client_open(&c);
	client_send(&c, "GET /flush HTTP/1.1\r\n" HOST "\r\n");
	while (!memmem(c.buf, c.n, "first", 5)) {
		ssize_t n = recv(c.fd, c.buf + c.n, sizeof(c.buf) - c.n, 0);

		assert_true(n > 0);
		c.n += (size_t)n;
	}
	assert_null(memmem(c.buf, c.n, "second", 6));
	atomic_store(&handlers_go, true);
	client_receive(&c, &a, false);
	assert_string_equal(a.body, "firstsecond");
	/* a handler that gives up leaves the stream without its end */
	client_send(&c, "GET /flush?cut HTTP/1.1\r\n" HOST "\r\n");
	client_receive(&c, &a, false);
	assert_true(a.cut);
	client_close(&c);
}

static void test_rest(void **state)
{
	(void)state;
	for (int i = 0; i < 3000 && harness_connections() > 0; i++)
		usleep(10000);
	client_open(&c);
	client_send(&c, "GET /rest HTTP/1.1\r\n" HOST "\r\nGET /_ping HTTP/1.1\r\n" HOST "\r\n");
	client_receive(&c, &a, false);
	/* The request behind it holds the input's chunk; the output's comes with the first byte. */
	assert_string_equal(a.body, "2 1 1 1 1 ");
	client_receive(&c, &a, false);
	assert_string_equal(a.body, "OK");
	client_send(&c, "GET /rest HTTP/1.1\r\n" HOST "\r\n");
	client_receive(&c, &a, false);
	assert_string_equal(a.body, "2 0 0 0 0 ");
	client_send(&c, "GET /_ping HTTP/1.1\r\n" HOST "\r\n");
	client_receive(&c, &a, false);
	assert_string_equal(a.body, "OK");
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
	for (int i = 0; i < 3000 && atomic_load(&handlers_watched) != want; i++)
		usleep(10000);
	assert_int_equal(atomic_load(&handlers_watched), want);
	atomic_store(&handlers_watched, 0);
}

static void test_client_leaves(void **state)
{
	(void)state;
	atomic_store(&handlers_watched, 0);
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
	assert_true(client_sees_close(&c, 15000));
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
	atomic_store(&handlers_watched, 0);
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
	assert_true(client_sees_close(&c, 15000));
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
	assert_true(client_sees_close(&c, 15000));
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
	atomic_store(&handlers_watched, 0);
	client_send(&c, "GET /download HTTP/1.1\r\n" HOST "\r\n");
	for (int i = 0; i < 10; i++)
		assert_true(recv(c.fd, c.buf, 10000, MSG_WAITALL) == 10000);
	client_close(&c);
	for (int i = 0; i < 3000 && atomic_load(&handlers_watched) == 0; i++)
		usleep(10000);
	assert_true(atomic_load(&handlers_watched) < 0);
	assert_true(atomic_load(&handlers_counted) < 3000000);
	/* and so does an upload that stops */
	ask("POST /upload HTTP/1.1\r\n" HOST "Content-Length: 20\r\n\r\nxx", &a);
	assert_int_equal(a.status, 400);
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
		cmocka_unit_test(test_stream),	     cmocka_unit_test(test_duplex),
		cmocka_unit_test(test_rest),	     cmocka_unit_test(test_client_leaves),
		cmocka_unit_test(test_slow_clients), cmocka_unit_test(test_hijack),
		cmocka_unit_test(test_jobs),	     cmocka_unit_test(test_nothing_left),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
