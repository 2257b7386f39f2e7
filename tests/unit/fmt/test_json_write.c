/* SPDX-License-Identifier: Apache-2.0 */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "firmware/fmt/json.h"

static struct buf out;

static struct json_writer begin(void)
{
	struct json_writer w;

	buf_done(&out);
	buf_init_heap(&out, 1 << 20);
	json_begin(&w, &out);
	return w;
}

static int end(void **state)
{
	(void)state;
	buf_done(&out);
	return 0;
}

static void fill(struct json_writer *w)
{
	json_object_open(w);
	json_kv_text(w, "text", "a\"b");
	json_kv_text(w, "null text", NULL);
	json_kv_str(w, "str", str_span("ab\0c", 4));
	json_kv_i64(w, "i", -5);
	json_kv_bool(w, "t", true);
	json_kv_null(w, "n");
	json_key(w, "list");
	json_array_open(w);
	json_put_i64(w, INT64_MIN);
	json_put_i64(w, INT64_MAX);
	json_put_u64(w, UINT64_MAX);
	json_put_i64(w, 0);
	json_array_open(w);
	json_array_close(w);
	json_object_open(w);
	json_object_close(w);
	json_put_raw(w, STR("{\"raw\":1}"));
	json_put_raw(w, STR(""));
	json_put_bool(w, false);
	json_array_close(w);
	json_key_str(w, STR("o"));
	json_object_open(w);
	json_key(w, "x");
	json_put_null(w);
	json_object_close(w);
	json_object_close(w);
}

static void writes_nested_values(void **state)
{
	struct json_writer w = begin();

	(void)state;
	fill(&w);
	assert_string_equal(buf_text(&out),
			    "{\"text\":\"a\\\"b\",\"null text\":\"\",\"str\":\"ab\\u0000c\","
			    "\"i\":-5,\"t\":true,\"n\":null,"
			    "\"list\":[-9223372036854775808,9223372036854775807,"
			    "18446744073709551615,0,[],{},{\"raw\":1},null,false],"
			    "\"o\":{\"x\":null}}");
	assert_int_equal(w.depth, 0);
	assert_false(out.failed);
}

static void writes_for_people(void **state)
{
	struct json_writer w = begin();

	(void)state;
	w.pretty = true;
	json_object_open(&w);
	json_kv_i64(&w, "a", 1);
	json_key(&w, "b");
	json_array_open(&w);
	json_put_i64(&w, -2);
	json_put_text(&w, "x");
	json_array_close(&w);
	json_key(&w, "c");
	json_object_open(&w);
	json_object_close(&w);
	json_object_close(&w);
	assert_string_equal(buf_text(&out), "{\n  \"a\": 1,\n  \"b\": [\n    -2,\n    \"x\"\n  ],\n"
					    "  \"c\": {}\n}");
}

static void escapes_as_go_does(void **state)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{"", "\"\""},
		{"plain <b>&'/ text", "\"plain <b>&'/ text\""},
		{"\"\\\b\f\n\r\t", "\"\\\"\\\\\\b\\f\\n\\r\\t\""},
		{"\x01\x1f\x7f", "\"\\u0001\\u001f\x7f\""},
		{"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80",
		 "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\""},
		{"\xe2\x80\xa8|\xe2\x80\xa9|\xe2\x80\xaa", "\"\\u2028|\\u2029|\xe2\x80\xaa\""},
		{"a\xff\xfe"
		 "b",
		 "\"a\\ufffd\\ufffdb\""},
		{"\xe2\x82", "\"\\ufffd\\ufffd\""},
		{"\xed\xa0\x80", "\"\\ufffd\\ufffd\\ufffd\""},
		{"0123456\"89abcdef\\hij\nlmnopq\xc3\xa4tuvwxyz",
		 "\"0123456\\\"89abcdef\\\\hij\\nlmnopq\xc3\xa4tuvwxyz\""},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		begin();
		json_escape(&out, str_from(cases[i].in));
		assert_string_equal(buf_text(&out), cases[i].out);
	}
}

static void any_bytes_come_back(void **state)
{
	struct arena a;
	char text[300];
	uint32_t seed = 1;

	(void)state;
	arena_open_heap(&a, 16 << 20);
	for (int round = 0; round < 2000; round++) {
		size_t n = (size_t)round % sizeof(text);
		struct json_node root;
		struct err e = ERR_INIT;
		struct str s;

		for (size_t i = 0; i < n; i++) {
			seed = seed * 1664525 + 1013904223;
			text[i] = (char)(seed >> 24 & 0x7f);
		}
		begin();
		json_escape(&out, str_span(text, n));
		assert_int_equal(json_parse(buf_str(&out), &a, &root, &e), 0);
		assert_int_equal(json_string(root, &a, &s), 0);
		assert_true(str_eq(s, str_span(text, n)));
		arena_reset(&a);
	}
	arena_done(&a);
}

static void writes_fractions_as_go_does(void **state)
{
	static const struct {
		double v;
		const char *text;
	} cases[] = {
		{0, "0"},
		{1, "1"},
		{-1.5, "-1.5"},
		{0.1, "0.1"},
		{100, "100"},
		{1234567.125, "1234567.125"},
		{0.000001, "0.000001"},
		{1e-7, "1e-7"},
		{1.5e-10, "1.5e-10"},
		{123456789012345680000.0, "123456789012345680000"},
		{1e21, "1e+21"},
		{1.25e100, "1.25e+100"},
		{1.0 / 3, "0.3333333333333333"},
		{DBL_MAX, "1.7976931348623157e+308"},
		{NAN, "null"},
		{INFINITY, "null"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct json_writer w = begin();

		json_put_f64(&w, cases[i].v);
		assert_string_equal(buf_text(&out), cases[i].text);
	}
}

static void too_deep_or_unbalanced_fails_the_buffer(void **state)
{
	struct json_writer w = begin();

	(void)state;
	for (int i = 0; i < 64; i++)
		json_array_open(&w);
	assert_false(out.failed);
	json_array_open(&w);
	assert_true(out.failed);
	w = begin();
	json_object_close(&w);
	assert_true(out.failed);
}

static void a_full_buffer_is_told_at_the_end(void **state)
{
	(void)state;
	for (size_t limit = 0; limit < 240; limit++) {
		struct json_writer w;
		char array[240];
		struct buf b;

		buf_init_fixed(&b, array, limit);
		json_begin(&w, &b);
		fill(&w);
		assert_int_equal(w.depth, 0);
		if (!b.failed)
			return;
	}
	fail();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_nested_values),
		cmocka_unit_test(writes_for_people),
		cmocka_unit_test(escapes_as_go_does),
		cmocka_unit_test(any_bytes_come_back),
		cmocka_unit_test(writes_fractions_as_go_does),
		cmocka_unit_test(too_deep_or_unbalanced_fails_the_buffer),
		cmocka_unit_test(a_full_buffer_is_told_at_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, end);
}
