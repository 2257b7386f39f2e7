/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "runtime/log/log_local_parse.h"
#include "runtime/shim/log_local.h"

static char bytes[LOG_LOCAL_MAX(LOG_RECORD_MAX, 4096)];

static size_t make(const char *line, bool is_stderr, bool newline, uint32_t ordinal,
		   struct str extra)
{
	const struct log_entry e = {
		.p = (const uint8_t *)line,
		.n = strlen(line),
		.is_stderr = is_stderr,
		.newline = newline,
		.time_ns = 1767323045600000000,
		.ordinal = ordinal,
		.part_id = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"};

	return (size_t)(log_local_put(bytes, &e, extra) - bytes);
}

static void expect(size_t n, const char *line, enum log_stream stream)
{
	struct log_record r;

	assert_int_equal(log_local_length(bytes, n), n);
	assert_int_equal(log_local_length(bytes, sizeof(bytes)), n);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(log_local_length(bytes, i), 0);
	assert_int_equal(log_local_parse(bytes, n, &r), 0);
	assert_int_equal(r.line.n, strlen(line));
	assert_memory_equal(r.line.p, line, r.line.n);
	assert_int_equal(r.stream, stream);
	assert_true(r.time_ns == 1767323045600000000);
}

static void round_trip(void **state)
{
	(void)state;
	expect(make("hello", false, true, 0, STR("")), "hello\n", LOG_STDOUT);
	expect(make("hello", true, true, 0, STR("")), "hello\n", LOG_STDERR);
	expect(make("", false, true, 0, STR("")), "\n", LOG_STDOUT);
	expect(make("part", false, false, 1, STR("")), "part", LOG_STDOUT);
	expect(make("last", false, true, 2, STR("")), "last\n", LOG_STDOUT);
	expect(make("", false, true, 2, STR("")), "\n", LOG_STDOUT);
}

static void the_bytes_are_the_engine_s(void **state)
{
	static const char want[] =
		"\0\0\0\x16\x0a\x06stdout\x10\x80\xf8\xe1\xf0\xc4\x87\xb4\xc3\x18"
		"\x1a\x02hi\0\0\0\x16";

	(void)state;
	assert_int_equal(make("hi", false, true, 0, STR("")), sizeof(want) - 1);
	assert_memory_equal(bytes, want, 13);
	assert_memory_equal(bytes + sizeof(want) - 9, want + sizeof(want) - 9, 8);
}

static void attributes(void **state)
{
	char array[256], text[256];
	struct buf extra, json;
	struct log_record r;
	size_t n;

	(void)state;
	buf_init_fixed(&extra, array, sizeof(array));
	buf_init_fixed(&json, text, sizeof(text));
	log_local_put_attr(&extra, STR("color"), STR("\"red\""));
	log_local_put_attr(&extra, STR("size"), STR(""));
	n = make("line", false, true, 0, buf_str(&extra));
	assert_int_equal(log_local_parse(bytes, n, &r), 0);
	log_local_attrs(r.attrs, &json);
	assert_string_equal(buf_text(&json), "{\"color\":\"\\\"red\\\"\",\"size\":\"\"}");
	assert_memory_equal(r.line.p, "line\n", 5);
}

static void what_is_broken_is_told(void **state)
{
	struct log_record r;
	size_t n = make("hello", false, true, 0, STR(""));

	(void)state;
	bytes[n - 1] ^= 1;
	assert_int_equal(log_local_length(bytes, n), -EBADMSG);
	assert_int_equal(log_local_length("\x7f\0\0\0", 4), -EBADMSG);
	n = make("hello", false, true, 0, STR(""));
	bytes[4] = (char)0xff; /* a field that does not end */
	assert_true(log_local_parse(bytes, n, &r) < 0);
	n = make("hello", false, true, 0, STR(""));
	bytes[7] = 'x'; /* neither stream */
	assert_true(log_local_parse(bytes, n, &r) < 0);
	memset(bytes, 0, 8);
	assert_int_equal(log_local_length(bytes, 8), 8);
	assert_true(log_local_parse(bytes, 8, &r) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip),
		cmocka_unit_test(the_bytes_are_the_engine_s),
		cmocka_unit_test(attributes),
		cmocka_unit_test(what_is_broken_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
