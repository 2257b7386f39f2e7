/* SPDX-License-Identifier: Apache-2.0 */
/* What happens when connections run out: refusal, eviction, the reserved slots, a flood. */
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

#include "tests/unit/net/harness.h"

#define HOST "Host: x\r\n"
#define N CONFIG_HTTP_CONNECTIONS
#define RESERVED CONFIG_HTTP_CONNECTIONS_RESERVED

static atomic_bool hold;

static void handle(struct http_request *req, void *arg) FIBER_FN
{
	(void)arg;
	if (str_eqz(req->path, "/hold"))
		while (atomic_load(&hold) && fiber_sleep_ms(20) == 0)
			;
	(void)http_reply(req, 200, "text/plain", STR("OK"));
}

static bool urgent(const struct http_request *req, void *arg)
{
	(void)arg;
	return str_eqz(req->path, "/_ping");
}

static void refuse(struct http_request *req, int status, const char *message, void *arg) FIBER_FN
{
	(void)arg;
	(void)http_reply(req, status, "text/plain", str_from(message));
}

static const struct http_server_config config = {
	.handle = handle,
	.urgent = urgent,
	.refuse = refuse,
	.default_headers = "Server: Test\r\n",
	.head_timeout_ms = 3000,
};

static struct answer a;
static int fds[4000];
static struct client c;

static void open_all(size_t n, const char *text)
{
	for (size_t i = 0; i < n; i++) {
		client_open(&c);
		if (text)
			client_send(&c, text);
		fds[i] = c.fd;
	}
}

static void close_all(size_t n)
{
	for (size_t i = 0; i < n; i++)
		close(fds[i]);
}

static void wait_connections(size_t n)
{
	for (int i = 0; i < 3000 && harness_connections() != n; i++)
		usleep(10000);
	assert_int_equal(harness_connections(), n);
}

static void test_busy(void **state)
{
	(void)state;
	atomic_store(&hold, true);
	open_all(N, "GET /hold HTTP/1.1\r\n" HOST "\r\n");
	wait_connections(N);
	/* all serve: urgent requests still pass, on the reserved part, others are refused */
	for (int i = 0; i < 2 * RESERVED; i++) {
		ask("GET /_ping HTTP/1.1\r\n" HOST "\r\n", &a);
		assert_int_equal(a.status, 200);
		assert_false(a.keep_alive);
		ask("GET /info HTTP/1.1\r\n" HOST "\r\n", &a);
		assert_int_equal(a.status, 503);
		assert_non_null(strstr(a.head, "Retry-After: 1\r\n"));
	}
	/* the reserved part is taken by clients who say nothing: a ping displaces one of them */
	for (int i = 0; i < 2 * RESERVED; i++) {
		client_open(&c);
		client_send(&c, "GET /");
		fds[N + i] = c.fd;
	}
	usleep(150000);
	for (int i = 0; i < RESERVED; i++) {
		ask("GET /_ping HTTP/1.1\r\n" HOST "\r\n", &a);
		assert_int_equal(a.status, 200);
	}
	close_all(N + 2 * RESERVED);
	atomic_store(&hold, false);
	wait_connections(0);
}

static void test_idle_make_way(void **state)
{
	struct pollfd p = {.events = POLLIN};
	char byte;

	(void)state;
	for (int i = 0; i < N; i++) {
		client_open(&c);
		client_send(&c, "GET /_ping HTTP/1.1\r\n" HOST "\r\n");
		client_receive(&c, &a, false);
		assert_int_equal(a.status, 200);
		fds[i] = c.fd;
	}
	usleep(50000);
	for (int i = 0; i < 5; i++) {
		ask("GET /info HTTP/1.1\r\n" HOST "\r\n", &a);
		assert_int_equal(a.status, 200);
	}
	/* the one that was idle longest is gone, the newest is not */
	p.fd = fds[0];
	assert_int_equal(poll(&p, 1, 15000), 1);
	assert_int_equal(recv(fds[0], &byte, 1, 0), 0);
	p.fd = fds[N - 1];
	assert_int_equal(poll(&p, 1, 0), 0);
	close_all(N);
	wait_connections(0);
}

static void flood(const char *text)
{
	size_t refused = 0, n = 2000;

	atomic_store(&hold, true);
	open_all(n, text);
	usleep(200000);
	/* those who are to be refused have been, as far as they said what they want */
	for (int i = 0; text && strstr(text, "hold") && i < 3000 && harness_connections() > N; i++)
		usleep(10000);
	for (int i = 0; i < 20; i++) {
		ask("GET /_ping HTTP/1.1\r\n" HOST "\r\n", &a);
		assert_int_equal(a.status, 200);
	}
	assert_true(harness_connections() <= N + RESERVED);
	for (size_t i = 0; i < n; i++) {
		char head[16] = "";

		if (recv(fds[i], head, 12, MSG_DONTWAIT) == 12 && strcmp(head, "HTTP/1.1 503") == 0)
			refused++;
	}
	if (text)
		assert_true(refused > RESERVED);
	close_all(n);
	atomic_store(&hold, false);
	wait_connections(0);
}

static void test_floods(void **state)
{
	(void)state;
	flood(NULL);
	flood("GET /");
	flood("GET /hold HTTP/1.1\r\n" HOST "\r\n");
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_busy),
		cmocka_unit_test(test_idle_make_way),
		cmocka_unit_test(test_floods),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
