/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "firmware/core/mem.h"
#include "firmware/fmt/json.h"

static struct arena arena;

static int open_arena(void **state)
{
	(void)state;
	arena_open_heap(&arena, 64 << 20);
	return 0;
}

static int close_arena(void **state)
{
	(void)state;
	arena_done(&arena);
	return 0;
}

static struct json_node parse(const char *text)
{
	struct json_node root = {0};
	struct err e = ERR_INIT;

	if (json_parse(str_from(text), &arena, &root, &e) < 0)
		fail_msg("%s: %s", text, e.msg);
	return root;
}

static void refuse(struct str text, int code, const char *message)
{
	struct json_node root = {0};
	struct err e = ERR_INIT;

	assert_int_equal(json_parse(text, &arena, &root, &e), code);
	assert_string_equal(e.msg, message);
	assert_null(root.doc);
}

static void refuses_with_the_words_of_go(void **state)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
		{"", "unexpected end of JSON input"},
		{"  \n", "unexpected end of JSON input"},
		{"{", "unexpected end of JSON input"},
		{"[1,", "unexpected end of JSON input"},
		{"{\"a\":", "unexpected end of JSON input"},
		{"{\"a\"", "unexpected end of JSON input"},
		{"\"abc", "unexpected end of JSON input"},
		{"\"abc\\", "unexpected end of JSON input"},
		{"\"\\u12", "unexpected end of JSON input"},
		{"-", "unexpected end of JSON input"},
		{"1.", "unexpected end of JSON input"},
		{"1e", "unexpected end of JSON input"},
		{"tru", "unexpected end of JSON input"},
		{"x", "invalid character 'x' looking for beginning of value"},
		{"'a'", "invalid character '\\'' looking for beginning of value"},
		{"\xc3\xa4", "invalid character '\xc3\x83' looking for beginning of value"},
		{"\x80", "invalid character '\\u0080' looking for beginning of value"},
		{"[\x01]", "invalid character '\\x01' looking for beginning of value"},
		{"[\x0b]", "invalid character '\\v' looking for beginning of value"},
		{"+1", "invalid character '+' looking for beginning of value"},
		{"[,1]", "invalid character ',' looking for beginning of value"},
		{"[1,]", "invalid character ']' looking for beginning of value"},
		{"]", "invalid character ']' looking for beginning of value"},
		{"{1:2}", "invalid character '1' looking for beginning of object key string"},
		{"{\"a\":1,}", "invalid character '}' looking for beginning of object key string"},
		{"{a:1}", "invalid character 'a' looking for beginning of object key string"},
		{"{\"a\" 1}", "invalid character '1' after object key"},
		{"{\"a\":1 \"b\"}", "invalid character '\"' after object key:value pair"},
		{"{\"a\":1]", "invalid character ']' after object key:value pair"},
		{"[1 2]", "invalid character '2' after array element"},
		{"[1}", "invalid character '}' after array element"},
		{"[01]", "invalid character '1' after array element"},
		{"[1a]", "invalid character 'a' after array element"},
		{"[-a]", "invalid character 'a' in numeric literal"},
		{"[1.a]", "invalid character 'a' after decimal point in numeric literal"},
		{"[1ea]", "invalid character 'a' in exponent of numeric literal"},
		{"[1e+]", "invalid character ']' in exponent of numeric literal"},
		{"trux", "invalid character 'x' in literal true (expecting 'e')"},
		{"nul ", "invalid character ' ' in literal null (expecting 'l')"},
		{"falsy", "invalid character 'y' in literal false (expecting 'e')"},
		{"\"a\nb\"", "invalid character '\\n' in string literal"},
		{"\"a\tb\"", "invalid character '\\t' in string literal"},
		{"\"\\x\"", "invalid character 'x' in string escape code"},
		{"\"\\u12g4\"", "invalid character 'g' in \\u hexadecimal character escape"},
		{"\"\\'\"", "invalid character '\\'' in string escape code"},
		{"1 2", "unexpected content after JSON"},
		{"{} {}", "unexpected content after JSON"},
		{"{}x", "unexpected content after JSON"},
		{"\"\xff\"", "invalid UTF-8 in string literal"},
		{"\"\xc0\x80\"", "invalid UTF-8 in string literal"},
		{"\"\xed\xa0\x80\"", "invalid UTF-8 in string literal"},
		{"\"\xe0\x9f\xbf\"", "invalid UTF-8 in string literal"},
		{"\"\xf0\x8f\xbf\xbf\"", "invalid UTF-8 in string literal"},
		{"\"\xf4\x90\x80\x80\"", "invalid UTF-8 in string literal"},
		{"\"\xe2\x82\"", "invalid UTF-8 in string literal"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		refuse(str_from(cases[i].text), -EINVAL, cases[i].message);
	refuse(str_span("[\0]", 3), -EINVAL,
	       "invalid character '\\x00' looking for beginning of value");
	refuse(str_span("\"\0\"", 3), -EINVAL, "invalid character '\\x00' in string literal");
	refuse(str_span("\"\\\0\"", 4), -EINVAL, "invalid character '\\x00' in string escape code");
	refuse(str_span("1\0", 2), -EINVAL, "unexpected content after JSON");
	refuse(str_span(NULL, 0), -EINVAL, "unexpected end of JSON input");
}

static void takes_every_kind(void **state)
{
	static const struct {
		const char *text;
		enum json_type type;
		size_t count;
	} cases[] = {
		{"null", JSON_NULL, 0},
		{"true", JSON_BOOL, 0},
		{" false ", JSON_BOOL, 0},
		{"0", JSON_NUMBER, 0},
		{"-0", JSON_NUMBER, 0},
		{"-1.5e+10", JSON_NUMBER, 0},
		{"1E5", JSON_NUMBER, 0},
		{"\"\"", JSON_STRING, 0},
		{"\"null\"", JSON_STRING, 0},
		{"[]", JSON_ARRAY, 0},
		{"{}", JSON_OBJECT, 0},
		{"[ ]", JSON_ARRAY, 0},
		{"[[],[1]]", JSON_ARRAY, 2},
		{"{\"\":{}}", JSON_OBJECT, 1},
		{"\t[1 , 2 ,\r\n3]", JSON_ARRAY, 3},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct json_node n = parse(cases[i].text);

		assert_int_equal(json_type(n), cases[i].type);
		assert_int_equal(json_count(n), cases[i].count);
	}
	assert_int_equal(json_type((struct json_node){0}), JSON_NONE);
	assert_int_equal(json_count((struct json_node){0}), 0);
	assert_int_equal(json_raw((struct json_node){0}).n, 0);
}

static void finds_members(void **state)
{
	struct json_node n = parse("{\"Aa\":1,\"deep\":{\"x\":[1,{\"y\":2},3]},\"aA\":2,"
				   "\"k\\u0065y\":3,\"B\":4,\"b\":5,\"B\":6,\"last\":\"z\"}");
	int64_t v;

	(void)state;
	assert_int_equal(json_i64(json_get(n, "Aa"), &v), 0);
	assert_int_equal(v, 1);
	assert_int_equal(json_i64(json_get(n, "aA"), &v), 0);
	assert_int_equal(v, 2);
	assert_int_equal(json_i64(json_get(n, "AA"), &v), 0);
	assert_int_equal(v, 2); /* neither is exact: the last */
	assert_int_equal(json_i64(json_get(n, "key"), &v), 0);
	assert_int_equal(v, 3);
	assert_int_equal(json_i64(json_get(n, "KEY"), &v), 0);
	assert_int_equal(v, 3);
	assert_int_equal(json_i64(json_get(n, "B"), &v), 0);
	assert_int_equal(v, 6);
	assert_int_equal(json_i64(json_get(n, "b"), &v), 0);
	assert_int_equal(v, 5);
	assert_int_equal(json_type(json_get(n, "last")), JSON_STRING);
	assert_int_equal(json_type(json_get(n, "las")), JSON_NONE);
	assert_int_equal(json_type(json_get(n, "lastt")), JSON_NONE);
	assert_int_equal(json_type(json_get(n, "")), JSON_NONE);
	assert_int_equal(json_type(json_get(json_get(n, "none"), "x")), JSON_NONE);
	assert_int_equal(json_type(json_get(json_get(n, "Aa"), "x")), JSON_NONE);
	assert_int_equal(json_count(json_get(json_get(n, "deep"), "x")), 3);
}

static void walks_containers(void **state)
{
	struct json_node n = parse("{\"a\":[1,[2,[3]],{}],\"b\\n\":null,\"c\":\"s\"}"), v, w;
	static const char *const keys[] = {"a", "b\n", "c"};
	static const char *const raws[] = {"[1,[2,[3]],{}]", "null", "\"s\""};
	static const char *const elements[] = {"1", "[2,[3]]", "{}"};
	struct json_iter it = {0}, inner = {0};
	struct str key;
	int i = 0;

	(void)state;
	while (json_next(n, &it, &arena, &key, &v)) {
		assert_true(str_eqz(key, keys[i]));
		assert_true(str_eqz(json_raw(v), raws[i]));
		i++;
	}
	assert_int_equal(i, 3);
	assert_false(it.failed);
	assert_false(json_next(n, &it, &arena, &key, &v));
	for (i = 0, v = json_get(n, "a"); json_next(v, &inner, &arena, NULL, &w); i++)
		assert_true(str_eqz(json_raw(w), elements[i]));
	assert_int_equal(i, 3);
	memset(&it, 0, sizeof(it));
	assert_false(json_next(json_get(n, "c"), &it, &arena, &key, &v));
	memset(&it, 0, sizeof(it));
	assert_false(json_next((struct json_node){0}, &it, &arena, &key, &v));
}

static void decodes_strings(void **state)
{
	static const struct {
		const char *text;
		const char *value;
	} cases[] = {
		{"\"\"", ""},
		{"\"plain text, longer than a word\"", "plain text, longer than a word"},
		{"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t"},
		{"\"\\u0041\\u00e4\\u20AC\"", "A\xc3\xa4\xe2\x82\xac"},
		{"\"\\ud83d\\ude00!\"", "\xf0\x9f\x98\x80!"},
		{"\"\\ud83d\"", "\xef\xbf\xbd"},
		{"\"\\ud83dx\"", "\xef\xbf\xbdx"},
		{"\"\\ud83d\\n\"", "\xef\xbf\xbd\n"},
		{"\"\\ud83d\\u0041\"", "\xef\xbf\xbd"
				       "A"},
		{"\"\\ude00\\ud83d\"", "\xef\xbf\xbd\xef\xbf\xbd"},
		{"\"\\ud83d\\ud83d\\ude00\"", "\xef\xbf\xbd\xf0\x9f\x98\x80"},
		{"\"\xf4\x8f\xbf\xbf\xe2\x82\xac\xc3\xa4\x7f\"",
		 "\xf4\x8f\xbf\xbf\xe2\x82\xac\xc3\xa4\x7f"},
		{"\"a\\\\\"", "a\\"},
	};
	struct str s;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(json_string(parse(cases[i].text), &arena, &s), 0);
		if (!str_eqz(s, cases[i].value))
			fail_msg("%s gave %.*s", cases[i].text, STR_ARG(s));
	}
	assert_int_equal(json_string(parse("\"a\\u0000b\""), &arena, &s), 0);
	assert_int_equal(s.n, 3);
	assert_memory_equal(s.p, "a\0b", 3);
	assert_int_equal(json_string(parse("1"), &arena, &s), -EINVAL);
	assert_int_equal(json_string((struct json_node){0}, &arena, &s), -EINVAL);
}

static void string_without_escape_points_into_the_text(void **state)
{
	const char *text = "[\"abc\"]";
	struct json_iter it = {0};
	struct json_node v;
	struct str s;

	(void)state;
	assert_true(json_next(parse(text), &it, &arena, NULL, &v));
	assert_int_equal(json_string(v, &arena, &s), 0);
	assert_ptr_equal(s.p, text + 2);
}

static void reads_integers(void **state)
{
	static const struct {
		const char *text;
		int r;
		int64_t v;
	} cases[] = {
		{"0", 0, 0},
		{"-0", 0, 0},
		{"0e999999999999", 0, 0},
		{"0.000", 0, 0},
		{"42", 0, 42},
		{"-42", 0, -42},
		{"1e3", 0, 1000},
		{"1.5e1", 0, 15},
		{"1500e-2", 0, 15},
		{"100.00", 0, 100},
		{"10203040506070809", 0, 10203040506070809},
		{"9223372036854775807", 0, INT64_MAX},
		{"-9223372036854775808", 0, INT64_MIN},
		{"9223372036854775807.0", 0, INT64_MAX},
		{"0.9223372036854775807e19", 0, INT64_MAX},
		{"9223372036854775808", -ERANGE, 0},
		{"-9223372036854775809", -ERANGE, 0},
		{"18446744073709551616", -ERANGE, 0},
		{"99999999999999999999999", -ERANGE, 0},
		{"1e19", -ERANGE, 0},
		{"1e99", -ERANGE, 0},
		{"1e99999999999999999999", -ERANGE, 0},
		{"1.5", -EINVAL, 0},
		{"1e-1", -EINVAL, 0},
		{"1e-99999999999999999999", -EINVAL, 0},
		{"0.12345678901234567890123", -EINVAL, 0},
		{"\"1\"", -EINVAL, 0},
		{"true", -EINVAL, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int64_t v = 0;
		int r = json_i64(parse(cases[i].text), &v);

		if (r != cases[i].r || v != cases[i].v)
			fail_msg("%s gave %d, %lld", cases[i].text, r, (long long)v);
	}
}

static void reads_fractions_and_booleans(void **state)
{
	char zeros[700] = "0.";
	double v = 0;
	bool b = false;

	(void)state;
	assert_int_equal(json_f64(parse("1.5e2"), &v), 0);
	assert_true(v == 150.0);
	assert_int_equal(json_f64(parse("-0.1"), &v), 0);
	assert_true(v == -0.1);
	assert_int_equal(json_f64(parse("1e400"), &v), -ERANGE);
	assert_int_equal(json_f64(parse("null"), &v), -EINVAL);
	memset(zeros + 2, '0', sizeof(zeros) - 3);
	assert_int_equal(json_f64(parse(zeros), &v), -ERANGE);
	assert_int_equal(json_bool(parse("true"), &b), 0);
	assert_true(b);
	assert_int_equal(json_bool(parse("false"), &b), 0);
	assert_false(b);
	assert_int_equal(json_bool(parse("null"), &b), -EINVAL);
	assert_int_equal(json_bool(parse("\"true\""), &b), -EINVAL);
}

/* n times open, and as many times close. */
static struct str nest(char *text, size_t n, const char *open, const char *close)
{
	size_t at = 0;

	for (size_t i = 0; i < n; i++, at += strlen(open))
		memcpy(text + at, open, strlen(open));
	for (size_t i = 0; i < n; i++, at += strlen(close))
		memcpy(text + at, close, strlen(close));
	return str_span(text, at);
}

static void bounds_depth(void **state)
{
	static char text[2000000];
	struct json_node root;
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(json_parse(nest(text, CONFIG_JSON_DEPTH, "[", "]"), &arena, &root, &e), 0);
	assert_int_equal(json_parse(nest(text, CONFIG_JSON_DEPTH + 1, "[", "]"), &arena, &root, &e),
			 -E2BIG);
	assert_int_equal(e.kind, ERR_TOO_LARGE);
	memset(text, '[', sizeof(text));
	assert_int_equal(json_parse(str_span(text, sizeof(text)), &arena, &root, &e), -E2BIG);
	for (size_t i = 0; i + 5 <= sizeof(text); i += 5)
		memcpy(text + i, "{\"a\":", 5);
	assert_int_equal(json_parse(str_span(text, sizeof(text)), &arena, &root, &e), -E2BIG);
	/* Mixed levels are told apart on the way back. */
	assert_int_equal(json_parse(STR("{\"a\":[{\"b\":[[{}]]}]}"), &arena, &root, &e), 0);
	assert_int_equal(json_parse(STR("{\"a\":[{\"b\":[[{}]}]}"), &arena, &root, &e), -EINVAL);
}

static void bounds_count(void **state)
{
	static char text[2 * CONFIG_JSON_TOKENS + 8];
	struct json_node root;
	struct err e = ERR_INIT;
	size_t n = 0;

	(void)state;
	/* The array itself is one value. */
	for (n = 0; n < CONFIG_JSON_TOKENS - 1; n++)
		memcpy(text + 2 * n, n ? ",1" : "[1", 2);
	text[2 * n] = ']';
	assert_int_equal(json_parse(str_span(text, 2 * n + 1), &arena, &root, &e), 0);
	assert_int_equal(json_count(root), CONFIG_JSON_TOKENS - 1);
	memcpy(text + 2 * n, ",1]", 3);
	assert_int_equal(json_parse(str_span(text, 2 * n + 3), &arena, &root, &e), -E2BIG);
}

static void a_large_body_fits_an_arena_span(void **state)
{
	/* 1 MiB of text beside its document in 4 MiB. */
	struct arena span;
	struct json_node root;
	struct err e = ERR_INIT;
	char *text;
	size_t n = 1;

	(void)state;
	arena_open_heap(&span, 4 << 20);
	text = arena_alloc(&span, 1 << 20);
	assert_non_null(text);
	text[0] = '[';
	while (n < (1 << 20) - 40 && n < 16 * CONFIG_JSON_TOKENS - 64) {
		memcpy(text + n, "\"0123456789abc\",", 16);
		n += 16;
	}
	text[n - 1] = ']';
	assert_int_equal(json_parse(str_span(text, n), &span, &root, &e), 0);
	arena_done(&span);
}

static void survives_a_full_arena(void **state)
{
	static const char text[] = "{\"a\\n\":[1,2,3],\"b\":\"x\\ty\"}";
	bool done = false;

	(void)state;
	for (int64_t fail_at = 0; !done; fail_at++) {
		struct arena small;
		struct json_node root = {0}, v;
		struct json_iter it = {0};
		struct err e = ERR_INIT;
		struct str key, s;
		int r;

		arena_open_heap(&small, (size_t)fail_at * 16);
		r = json_parse(str_from(text), &small, &root, &e);
		if (r < 0) {
			assert_int_equal(e.kind, ERR_UNAVAILABLE);
			assert_null(root.doc);
		} else {
			while (json_next(root, &it, &small, &key, &v)) {
			}
			r = it.failed ? -ENOMEM : json_string(json_get(root, "b"), &small, &s);
			done = r == 0;
		}
		arena_done(&small);
		assert_in_range(fail_at, 0, 200);
	}
	mem_fail_after(0);
	arena_reset(&arena);
	refuse(STR("{}"), -EAGAIN, "no memory left to read JSON");
	mem_fail_after(-1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_with_the_words_of_go),
		cmocka_unit_test(takes_every_kind),
		cmocka_unit_test(finds_members),
		cmocka_unit_test(walks_containers),
		cmocka_unit_test(decodes_strings),
		cmocka_unit_test(string_without_escape_points_into_the_text),
		cmocka_unit_test(reads_integers),
		cmocka_unit_test(reads_fractions_and_booleans),
		cmocka_unit_test(bounds_depth),
		cmocka_unit_test(bounds_count),
		cmocka_unit_test(a_large_body_fits_an_arena_span),
		cmocka_unit_test(survives_a_full_arena),
	};

	return cmocka_run_group_tests(tests, open_arena, close_arena);
}
