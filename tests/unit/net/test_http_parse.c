/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "firmware/net/http.h"

#define H "Host: x\r\n"

static struct http_head head;
static struct err error;

static void test_request_plain(void **state)
{
	struct str in = STR("POST /v1.51/containers/create?name=a HTTP/1.1\r\n"
			    "Host: docker\r\nContent-Type:application/json\r\n"
			    "Content-Length: 12\r\nX-Empty:\r\nX-Blank: \t a b \t\r\n\r\nbody");

	(void)state;
	assert_int_equal(http_parse_request(in, &head, &error), (ssize_t)in.n - 4);
	assert_int_equal(head.method, HTTP_POST);
	assert_true(str_eqz(head.target, "/v1.51/containers/create?name=a"));
	assert_int_equal(head.minor, 1);
	assert_int_equal(head.n_headers, 5);
	assert_int_equal(head.content_length, 12);
	assert_true(head.keep_alive);
	assert_false(head.chunked || head.expect_continue || head.upgrade);
	assert_true(str_eqz(http_get_header(&head, "content-type"), "application/json"));
	assert_true(str_eqz(http_get_header(&head, "x-blank"), "a b"));
	assert_true(http_has_header(&head, "x-empty"));
	assert_false(http_has_header(&head, "x-none"));
	assert_int_equal(http_get_header(&head, "X-Empty").n, 0);
}

static void test_request_flags(void **state)
{
	static const struct {
		const char *text;
		bool keep, upgrade, expect, chunked;
	} cases[] = {
		{"GET / HTTP/1.0\r\n\r\n", false, false, false, false},
		{"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true, false, false, false},
		{"GET / HTTP/1.1\r\n" H "Connection: close\r\n\r\n", false, false, false, false},
		{"GET / HTTP/1.1\r\n" H "Connection: foo, CLOSE\r\n\r\n", false, false, false,
		 false},
		{"POST / HTTP/1.1\r\n" H "Connection: Upgrade\r\nUpgrade: tcp\r\n\r\n", true, true,
		 false, false},
		{"POST / HTTP/1.1\r\n" H "Upgrade: tcp\r\n\r\n", true, false, false, false},
		{"POST / HTTP/1.1\r\n" H "Expect: 100-Continue\r\n\r\n", true, false, true, false},
		{"POST / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n", false, false, false, false},
		{"POST / HTTP/1.1\r\n" H "Expect: tea\r\n\r\n", true, false, false, false},
		{"PUT / HTTP/1.1\r\n" H "Transfer-Encoding: Chunked\r\n\r\n", true, false, false,
		 true},
		{"\r\nGET / HTTP/1.1\r\n" H "\r\n", true, false, false, false},
		{"OPTIONS * HTTP/1.1\r\n" H "\r\n", true, false, false, false},
		{"GET http://docker/_ping HTTP/1.1\r\n" H "\r\n", true, false, false, false},
		{"POST / HTTP/1.1\r\n" H "Content-Length: 3\r\nContent-Length: 3\r\n\r\n", true,
		 false, false, false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		ssize_t n = http_parse_request(str_from(cases[i].text), &head, &error);

		if (n != (ssize_t)strlen(cases[i].text))
			fail_msg("case %zu: %zd %s", i, n, error.msg);
		assert_int_equal(head.keep_alive, cases[i].keep);
		assert_int_equal(head.upgrade, cases[i].upgrade);
		assert_int_equal(head.expect_continue, cases[i].expect);
		assert_int_equal(head.chunked, cases[i].chunked);
	}
}

static const struct {
	const char *text;
	int code;
} bad_requests[] = {
	/* framing that two readers could take differently */
	{"POST / HTTP/1.1\r\n" H "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
	 -EINVAL},
	{"POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n",
	 -EINVAL},
	{"POST / HTTP/1.1\r\n" H "Content-Length: 3\r\nContent-Length: 4\r\n\r\n", -EINVAL},
	{"POST / HTTP/1.1\r\n" H "Content-Length: 3, 3\r\n\r\n", -EINVAL},
	{"POST / HTTP/1.1\r\n" H "Content-Length: +3\r\n\r\n", -EINVAL},
	{"POST / HTTP/1.1\r\n" H "Content-Length: -3\r\n\r\n", -EINVAL},
	{"POST / HTTP/1.1\r\n" H "Content-Length: 0x3\r\n\r\n", -EINVAL},
	{"POST / HTTP/1.1\r\n" H "Content-Length: 3 4\r\n\r\n", -EINVAL},
	{"POST / HTTP/1.1\r\n" H "Content-Length:\r\n\r\n", -EINVAL},
	{"POST / HTTP/1.1\r\n" H "Content-Length: 9999999999999999999\r\n\r\n", -EINVAL},
	{"POST / HTTP/1.1\r\n" H "Content-Length : 3\r\n\r\n", -EINVAL},
	{"POST / HTTP/1.1\r\n" H "Transfer-Encoding: gzip, chunked\r\n\r\n", -ENOSYS},
	{"POST / HTTP/1.1\r\n" H "Transfer-Encoding: identity\r\n\r\n", -ENOSYS},
	{"POST / HTTP/1.1\r\n" H "Transfer-Encoding: xchunked\r\n\r\n", -ENOSYS},
	{"POST / HTTP/1.1\r\n" H "Transfer-Encoding:\r\n\r\n", -ENOSYS},
	{"POST / HTTP/1.1\r\n" H "Transfer-Encoding: \x0b"
	 "chunked\r\n\r\n",
	 -EINVAL},
	{"POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
	 -EINVAL},
	{"POST / HTTP/1.0\r\n" H "Transfer-Encoding: chunked\r\n\r\n", -EINVAL},
	{"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", -EINVAL},
	{"GET / HTTP/1.1\r\n\r\n", -EINVAL},
	/* lines */
	{"GET / HTTP/1.1\nHost: x\r\n\r\n", -EINVAL},
	{"GET / HTTP/1.1\r\nHost: x\n\r\n", -EINVAL},
	{"GET / HTTP/1.1\r\nHost: x\r\r\n\r\n", -EINVAL},
	{"GET / HTTP/1.1\r\nHost: x\r\n\n", -EINVAL},
	{"GET / HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n", -EINVAL},
	{"GET / HTTP/1.1\r\n Host: x\r\n\r\n", -EINVAL},
	{"GET / HTTP/1.1\r\n" H "\tX: y\r\n\r\n", -EINVAL},
	{"GET / HTTP/1.1\r\n" H "X: a\rb\r\n\r\n", -EINVAL},
	{"GET / HTTP/1.1\r\n" H "X: a\x01"
	 "b\r\n\r\n",
	 -EINVAL},
	{"GET / HTTP/1.1\r\n" H "X: a\x7f"
	 "b\r\n\r\n",
	 -EINVAL},
	{"GET / HTTP/1.1\r\n" H "no colon\r\n\r\n", -EINVAL},
	{"GET / HTTP/1.1\r\n" H ": x\r\n\r\n", -EINVAL},
	{"GET / HTTP/1.1\r\n" H "a b: x\r\n\r\n", -EINVAL},
	{"GET / HTTP/1.1\r\n" H "a\xc3: x\r\n\r\n", -EINVAL},
	/* request line */
	{"GET  / HTTP/1.1\r\n" H "\r\n", -EINVAL},
	{"GET /  HTTP/1.1\r\n" H "\r\n", -EINVAL},
	{"GET / HTTP/1.1 \r\n" H "\r\n", -EINVAL},
	{"GET\t/ HTTP/1.1\r\n" H "\r\n", -EINVAL},
	{"GET /a b HTTP/1.1\r\n" H "\r\n", -EINVAL},
	{"GET /\xc3\xa4 HTTP/1.1\r\n" H "\r\n", -EINVAL},
	{"GET /#x HTTP/1.1\r\n" H "\r\n", -EINVAL},
	{"GET /\r\n\r\n", -EINVAL},
	{"GET\r\n\r\n", -EINVAL},
	{"G(T / HTTP/1.1\r\n" H "\r\n", -EINVAL},
	{"GET / HTTP/1.1x\r\n" H "\r\n", -EINVAL},
	{"GET / http/1.1\r\n" H "\r\n", -EINVAL},
	{"GET / HTTP/1.10\r\n" H "\r\n", -EINVAL},
	{"GET / HTTP/1.2\r\n" H "\r\n", -EPROTONOSUPPORT},
	{"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", -EPROTONOSUPPORT},
	{"GET / HTTP/0.9\r\n" H "\r\n", -EPROTONOSUPPORT},
	{"\r\n\r\nGET / HTTP/1.1\r\n" H "\r\n", -EINVAL},
	{"\x16\x03\x01\x02", -EINVAL},
	{"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA / HTTP/1.1\r\n" H "\r\n", -EINVAL},
};

static void test_request_bad(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad_requests); i++) {
		struct str in = str_from(bad_requests[i].text);
		ssize_t n = http_parse_request(in, &head, &error);
		ssize_t part = 0;

		if (n != bad_requests[i].code)
			fail_msg("case %zu: %zd %s", i, n, error.msg);
		/* byte by byte the verdict is the same */
		for (size_t k = 1; k <= in.n && part == 0; k++)
			part = http_parse_request(str_span(in.p, k), &head, &error);
		if (part != bad_requests[i].code)
			fail_msg("case %zu in parts: %zd %s", i, part, error.msg);
	}
}

static void test_partial(void **state)
{
	struct str in = STR("GET /_ping HTTP/1.1\r\nHost: docker\r\nA: b\r\n\r\n");

	(void)state;
	for (size_t k = 0; k < in.n; k++)
		assert_int_equal(http_parse_request(str_span(in.p, k), &head, &error), 0);
	assert_int_equal(http_parse_request(in, &head, &error), (ssize_t)in.n);
}

static void test_floods(void **state)
{
	size_t size = 3 * CONFIG_HTTP_HEAD_MAX;
	char *text = malloc(size);
	size_t n;

	(void)state;
	/* too many headers */
	n = (size_t)sprintf(text, "GET / HTTP/1.1\r\n" H);
	for (int i = 0; i < HTTP_HEADERS_MAX - 1; i++)
		n += (size_t)sprintf(text + n, "A: b\r\n");
	memcpy(text + n, "\r\n", 3);
	assert_int_equal(http_parse_request(str_span(text, n + 2), &head, &error), (ssize_t)n + 2);
	memcpy(text + n, "A: b\r\n\r\n", 9);
	assert_int_equal(http_parse_request(str_span(text, n + 8), &head, &error), -E2BIG);

	/* one line without end, and a head that ends just behind the limit */
	memset(text, 'a', size);
	assert_int_equal(
		http_parse_request(str_span(text, CONFIG_HTTP_HEAD_MAX - 1), &head, &error), 0);
	assert_int_equal(http_parse_request(str_span(text, CONFIG_HTTP_HEAD_MAX), &head, &error),
			 -E2BIG);
	assert_int_equal(http_parse_request(str_span(text, size), &head, &error), -E2BIG);
	n = (size_t)sprintf(text, "GET / HTTP/1.1\r\n" H "A: ");
	text[n] = 'a';
	memcpy(text + CONFIG_HTTP_HEAD_MAX - 4, "\r\n\r\n", 4);
	assert_int_equal(http_parse_request(str_span(text, size), &head, &error),
			 CONFIG_HTTP_HEAD_MAX);
	memset(text + CONFIG_HTTP_HEAD_MAX - 4, 'a', 4);
	memcpy(text + CONFIG_HTTP_HEAD_MAX - 3, "\r\n\r\n", 4);
	assert_int_equal(http_parse_request(str_span(text, size), &head, &error), -E2BIG);
	free(text);
}

static void test_response(void **state)
{
	struct str in = STR("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");

	(void)state;
	assert_int_equal(http_parse_response(in, false, &head, &error), (ssize_t)in.n - 5);
	assert_int_equal(head.status, 200);
	assert_int_equal(head.content_length, 5);
	assert_true(head.keep_alive);

	in = STR("HTTP/1.1 200\r\n\r\n");
	assert_int_equal(http_parse_response(in, false, &head, &error), (ssize_t)in.n);
	assert_int_equal(head.content_length, -1);
	assert_false(head.keep_alive);
	assert_int_equal(http_parse_response(in, true, &head, &error), (ssize_t)in.n);
	assert_true(head.keep_alive);

	in = STR("HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n");
	assert_int_equal(http_parse_response(in, false, &head, &error), (ssize_t)in.n);
	assert_false(head.chunked);
	assert_true(head.keep_alive);

	in = STR("HTTP/1.1 401 Un authorized\r\nTransfer-Encoding: chunked\r\n\r\n");
	assert_int_equal(http_parse_response(in, false, &head, &error), (ssize_t)in.n);
	assert_true(head.chunked);
}

static void test_response_bad(void **state)
{
	static const struct {
		const char *text;
		int code;
	} cases[] = {
		{"HTTP/1.1 20 OK\r\n\r\n", -EINVAL},
		{"HTTP/1.1 099 OK\r\n\r\n", -EINVAL},
		{"HTTP/1.1 2x0 OK\r\n\r\n", -EINVAL},
		{"HTTP/1.1 2000 OK\r\n\r\n", -EINVAL},
		{"HTTP/2.0 200 OK\r\n\r\n", -EPROTONOSUPPORT},
		{"ICY 200 OK\r\n\r\n", -EINVAL},
		{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
		 -EINVAL},
		{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", -EINVAL},
		{"HTTP/1.1 200 OK\r\n folded: x\r\n\r\n", -EINVAL},
		{"HTTP/1.1 200 OK\nA: b\n\n", -EINVAL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		ssize_t n = http_parse_response(str_from(cases[i].text), false, &head, &error);

		if (n != cases[i].code)
			fail_msg("case %zu: %zd %s", i, n, error.msg);
	}
}

static void test_status_text(void **state)
{
	(void)state;
	assert_string_equal(http_status_text(404), "Not Found");
	assert_string_equal(http_status_text(599), "Unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_request_plain), cmocka_unit_test(test_request_flags),
		cmocka_unit_test(test_request_bad),   cmocka_unit_test(test_partial),
		cmocka_unit_test(test_floods),	      cmocka_unit_test(test_response),
		cmocka_unit_test(test_response_bad),  cmocka_unit_test(test_status_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
