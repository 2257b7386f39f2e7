/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "runtime/shim/log_line.h"

static char out[4096];

static void check(const char *in, size_t n, const char *want)
{
	char *end = log_escape(out, (const uint8_t *)in, n);

	assert_true((size_t)(end - out) <= n * 6);
	*end = 0;
	assert_string_equal(out, want);
}
#define CHECK(in, want) check(in, sizeof(in) - 1, want)

static void test_plain(void **state)
{
	(void)state;
	CHECK("", "");
	CHECK("hello, world: 0123456789 ~^_`{|}[]", "hello, world: 0123456789 ~^_`{|}[]");
	CHECK("\x7f", "\x7f");
}

static void test_escapes(void **state)
{
	(void)state;
	CHECK("a\"b\\c", "a\\\"b\\\\c");
	CHECK("\r\n\t\x01\x1b[0m", "\\r\\n\\u0009\\u0001\\u001b[0m");
	CHECK("<a href='x'>&amp;</a>", "\\u003ca href='x'\\u003e\\u0026amp;\\u003c/a\\u003e");
	CHECK("\0x", "\\u0000x");
}

/* Every special byte at every place of a word. */
static void test_positions(void **state)
{
	static const char special[] = "\"\\<>&\n\x1f\x80";

	(void)state;
	for (size_t k = 0; k < sizeof(special) - 1; k++) {
		for (size_t i = 0; i < 20; i++) {
			char in[20], *end;

			memset(in, 'x', sizeof(in));
			in[i] = special[k];
			end = log_escape(out, (const uint8_t *)in, sizeof(in));
			*end = 0;
			assert_true(end > out + 20);
			for (size_t j = 0; j < i; j++)
				assert_int_equal(out[j], 'x');
			assert_int_equal(out[i], '\\');
		}
	}
}

static void test_utf8(void **state)
{
	(void)state;
	CHECK("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x90\xb3",
	      "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x90\xb3");
	CHECK("\xe2\x80\xa8\xe2\x80\xa9", "\\u2028\\u2029");
	CHECK("\xff", "\\ufffd");
	CHECK("a\xc3", "a\\ufffd");
	CHECK("\xc0\x80", "\\ufffd\\ufffd");
	CHECK("\xed\xa0\x80", "\\ufffd\\ufffd\\ufffd");
	CHECK("\xf4\x90\x80\x80", "\\ufffd\\ufffd\\ufffd\\ufffd");
	CHECK("\xe2\x82", "\\ufffd\\ufffd");
}

static void test_line(void **state)
{
	static const char time[] = "2026-01-02T03:04:05.6Z";
	struct log_entry e = {.p = (const uint8_t *)"hi",
			      .n = 2,
			      .newline = true,
			      .time = time,
			      .time_len = sizeof(time) - 1};
	char *end;

	(void)state;
	end = log_format_line(out, &e, STR(""));
	*end = 0;
	assert_string_equal(
		out,
		"{\"log\":\"hi\\n\",\"stream\":\"stdout\",\"time\":\"2026-01-02T03:04:05.6Z\"}\n");
	e.newline = false;
	e.is_stderr = true;
	end = log_format_line(out, &e, STR("{\"a\":\"b\"}"));
	*end = 0;
	assert_string_equal(out, "{\"log\":\"hi\",\"stream\":\"stderr\",\"attrs\":{\"a\":\"b\"},"
				 "\"time\":\"2026-01-02T03:04:05.6Z\"}\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),	  cmocka_unit_test(test_escapes),
		cmocka_unit_test(test_positions), cmocka_unit_test(test_utf8),
		cmocka_unit_test(test_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
