/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "runtime/log/log_parse.h"

#define TIME "\"time\":\"2026-11-20T16:30:11.809080304Z\"}"

static struct log_parser lp;
static struct log_record rec;
static char line[4096];

static int fast(const char *text)
{
	strcpy(line, text);
	return log_parse_fast(&lp, line, strlen(line), &rec);
}

static void expect(const char *text)
{
	assert_int_equal(rec.line.n, strlen(text));
	assert_memory_equal(rec.line.p, text, rec.line.n);
}

static void test_plain(void **state)
{
	(void)state;
	assert_int_equal(fast("{\"log\":\"hello\\n\",\"stream\":\"stdout\"," TIME), 0);
	expect("hello\n");
	assert_int_equal(rec.stream, LOG_STDOUT);
	assert_true(rec.time_ns == 1795192211809080304);
	assert_int_equal(rec.time_text.n, 30);
	assert_int_equal(
		fast("{\"log\":\"\",\"stream\":\"stderr\",\"time\":\"2026-11-20T16:30:11Z\"}"), 0);
	expect("");
	assert_int_equal(rec.stream, LOG_STDERR);
	assert_true(rec.time_ns == 1795192211000000000);
	assert_int_equal(
		fast("{\"log\":\"\",\"stream\":\"stderr\",\"time\":\"2026-11-20T16:30:12.5Z\"}"),
		0);
	assert_true(rec.time_ns == 1795192212500000000);
}

static void test_escapes(void **state)
{
	(void)state;
	assert_int_equal(
		fast("{\"log\":\"a\\\"b\\\\c\\/\\t\\r\\n\\b\\f\",\"stream\":\"stdout\"," TIME), 0);
	expect("a\"b\\c/\t\r\n\b\f");
	assert_int_equal(fast("{\"log\":\"\\u003ca\\u003e \\u00fc \\u20ac "
			      "\\ud83d\\udc33\",\"stream\":\"stdout\"," TIME),
			 0);
	expect("<a> \xc3\xbc \xe2\x82\xac \xf0\x9f\x90\xb3");
	assert_int_equal(fast("{\"log\":\"\\ud83d \\udc33 \\ud83dx\",\"stream\":\"stdout\"," TIME),
			 0);
	expect("\xef\xbf\xbd \xef\xbf\xbd \xef\xbf\xbdx");
}

static void test_attrs(void **state)
{
	static const char attrs[] = "{\"tag\":\"x}\\\"{\",\"n\":{\"y\":\"z\"}}";
	char text[300] = "{\"log\":\"m\\n\",\"stream\":\"stdout\",\"attrs\":";

	(void)state;
	strcat(text, attrs);
	strcat(text, "," TIME);
	assert_int_equal(fast(text), 0);
	expect("m\n");
	assert_int_equal(rec.attrs.n, sizeof(attrs) - 1);
	assert_memory_equal(rec.attrs.p, attrs, rec.attrs.n);
}

/* Whatever is refused is left as it was, for the JSON parser. */
static void test_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"{",
		"{\"log\":\"",
		"{\"log\":\"x\\",
		"{\"log\":\"x\\n\",\"stream\":\"stdin\"," TIME,
		"{\"log\":\"x\\n\",\"stream\":\"stdout\"}",
		"{\"log\":\"x\\n\",\"stream\":\"stdout\",\"time\":\"never\"}",
		"{\"log\":\"x\\n\",\"stream\":\"stdout\",\"time\":\"2026-11-20T16:30:11.Z\"}",
		"{\"log\":\"x\\n\",\"stream\":\"stdout\",\"time\":\"2026-11-20T16:30:11."
		"12345678901Z\"}",
		"{\"log\":\"x\\n\",\"stream\":\"stdout\"," TIME "x",
		"{\"stream\":\"stdout\",\"log\":\"x\\n\"," TIME,
		"{\"log\":\"x\\n\",\"stream\":\"stdout\",\"attrs\":{\"a\":\"b," TIME,
		"{\"log\":\"x\\n\",\"stream\":\"stdout\",\"attrs\":[]," TIME,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(fast(bad[i]), -EBADMSG);
		assert_string_equal(line, bad[i]);
	}
}

/* Cut anywhere, it is no line, and nothing bad happens. */
static void test_cut(void **state)
{
	static const char whole[] =
		"{\"log\":\"a\\u20ac\\n\",\"stream\":\"stdout\",\"attrs\":{\"a\":\"b\"}," TIME;

	(void)state;
	for (size_t n = 0; n < sizeof(whole) - 1; n++) {
		memcpy(line, whole, n);
		assert_int_equal(log_parse_fast(&lp, line, n, &rec), -EBADMSG);
	}
}

static void test_json(void **state)
{
	struct arena a = {0};

	(void)state;
	arena_open_heap(&a, 65536);
	assert_int_equal(log_parse_json(str_from("{ \"time\" : \"2026-11-20T16:30:11.5+01:00\", "
						 "\"stream\":\"stderr\","
						 "\"attrs\":{\"k\":\"v\"}, \"log\":\"m\\n\" }"),
					&a, &rec),
			 0);
	expect("m\n");
	assert_int_equal(rec.stream, LOG_STDERR);
	assert_true(rec.time_ns == 1795188611500000000);
	assert_int_equal(rec.attrs.n, 9);
	assert_int_equal(log_parse_json(str_from("[]"), &a, &rec), -EBADMSG);
	assert_int_equal(log_parse_json(str_from("{\"log\":1}"), &a, &rec), -EBADMSG);
	arena_done(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain), cmocka_unit_test(test_escapes),
		cmocka_unit_test(test_attrs), cmocka_unit_test(test_refused),
		cmocka_unit_test(test_cut),   cmocka_unit_test(test_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
