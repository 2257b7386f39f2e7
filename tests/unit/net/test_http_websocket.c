/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "firmware/net/http_websocket.h"

#define UPGRADE "Connection: Upgrade\r\nUpgrade: websocket\r\n"
#define VERSION "Sec-WebSocket-Version: 13\r\n"
#define KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

static int ask(const char *line, const char *headers, struct websocket_offer *offer, struct err *e)
{
	static struct http_head head;
	static char text[2048];

	memset(offer, 0, sizeof(*offer));
	err_clear(e);
	snprintf(text, sizeof(text), "%s\r\nHost: x\r\n%s\r\n", line, headers);
	assert_true(http_parse_request(str_from(text), &head, e) > 0);
	return websocket_handshake(&head, offer, e);
}

static void good(void **state)
{
	static const char *const cases[] = {
		UPGRADE VERSION KEY,
		"connection: keep-alive, UPGRADE\r\nupgrade: h2c, WebSocket\r\n" VERSION KEY,
		"Connection: keep-alive\r\n" UPGRADE VERSION KEY "Content-Length: 0\r\n",
		UPGRADE VERSION KEY "Sec-WebSocket-Extensions: permessage-deflate\r\n",
	};
	struct websocket_offer offer;
	struct err e = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(ask("GET /x HTTP/1.1", cases[i], &offer, &e), 0);
		assert_string_equal(offer.accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
		assert_int_equal(offer.protocol.n, 0);
	}
	assert_int_equal(ask("GET /x HTTP/1.1",
			     UPGRADE VERSION KEY "Sec-WebSocket-Protocol: one.a , two\r\n", &offer,
			     &e),
			 0);
	assert_true(str_eqz(offer.protocol, "one.a"));
}

static void bad(void **state)
{
	static const struct {
		const char *line, *headers;
		int status;
	} cases[] = {
		{"POST /x HTTP/1.1", UPGRADE VERSION KEY, 400},
		{"GET /x HTTP/1.0", UPGRADE VERSION KEY, 400},
		{"GET /x HTTP/1.1", VERSION KEY, 400},
		{"GET /x HTTP/1.1", "Upgrade: websocket\r\n" VERSION KEY, 400},
		{"GET /x HTTP/1.1", "Connection: Upgrade\r\nUpgrade: tcp\r\n" VERSION KEY, 400},
		{"GET /x HTTP/1.1", "Connection: Upgraded\r\nUpgrade: websocket\r\n" VERSION KEY,
		 400},
		{"GET /x HTTP/1.1", UPGRADE VERSION, 400},
		{"GET /x HTTP/1.1", UPGRADE VERSION KEY KEY, 400},
		{"GET /x HTTP/1.1", UPGRADE VERSION "Sec-WebSocket-Key: short\r\n", 400},
		{"GET /x HTTP/1.1", UPGRADE KEY, 426},
		{"GET /x HTTP/1.1", UPGRADE KEY "Sec-WebSocket-Version: 8\r\n", 426},
		{"GET /x HTTP/1.1", UPGRADE KEY VERSION VERSION, 426},
		{"GET /x HTTP/1.1", UPGRADE VERSION KEY "Content-Length: 5\r\n", 400},
		{"GET /x HTTP/1.1", UPGRADE VERSION KEY "Transfer-Encoding: chunked\r\n", 400},
		{"GET /x HTTP/1.1", UPGRADE VERSION KEY "Sec-WebSocket-Protocol: a b\r\n", 400},
	};
	struct websocket_offer offer;
	struct err e = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(ask(cases[i].line, cases[i].headers, &offer, &e), cases[i].status);
		assert_int_equal(e.kind, ERR_INVALID);
		assert_true(e.msg[0]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good),
		cmocka_unit_test(bad),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
