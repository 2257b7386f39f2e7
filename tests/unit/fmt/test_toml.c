/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TOML: what is read, and that the rest is refused with the number of its line.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "firmware/fmt/toml.h"

static struct arena arena;
static struct toml_item *items;
static size_t n_items;

static void parsed(const char *text)
{
	struct err e = ERR_INIT;

	arena_reset(&arena);
	n_items = 0;
	if (toml_parse(str_from(text), &arena, &items, &n_items, &e) < 0)
		fail_msg("%s: %s", text, e.msg);
}

static void refused(const char *text, const char *message)
{
	struct err e = ERR_INIT;
	struct toml_item *untouched = NULL;
	size_t n = 77;

	arena_reset(&arena);
	if (toml_parse(str_from(text), &arena, &untouched, &n, &e) == 0)
		fail_msg("%s is taken", text);
	if (!strstr(e.msg, message))
		fail_msg("%s: \"%s\" does not say \"%s\"", text, e.msg, message);
	assert_int_equal(n, 77);
	assert_null(untouched);
}

static void values_of_every_kind(void **state)
{
	(void)state;
	parsed("debug = true\nother=false # why\n\n"
	       "n = -1_000\nname\t=\t\"a\\tb\\\"\\u00e9\\U0001F600\"\r\nraw = 'c:\\d'\n"
	       "list = [\n  \"x\", # one\n  'y',\n]\nempty = []");
	assert_int_equal(n_items, 7);
	assert_string_equal(items[0].key, "debug");
	assert_true(items[0].kind == TOML_BOOL && items[0].yes);
	assert_true(items[1].kind == TOML_BOOL && !items[1].yes);
	assert_true(items[2].kind == TOML_INTEGER && items[2].integer == -1000);
	assert_int_equal(items[2].line, 4);
	assert_true(items[3].kind == TOML_TEXT);
	assert_string_equal(items[3].text, "a\tb\"\xc3\xa9\xf0\x9f\x98\x80");
	assert_string_equal(items[4].text, "c:\\d");
	assert_true(items[5].kind == TOML_TEXTS && items[5].n_texts == 2);
	assert_string_equal(items[5].texts[1], "y");
	assert_true(items[6].kind == TOML_TEXTS && items[6].n_texts == 0);
}

static void tables_and_dotted_keys(void **state)
{
	(void)state;
	parsed("a.b = 1\n[ t . \"x y\" ] # c\nk = 2\n'q' = 3\n[u]\nk = 4\n");
	assert_int_equal(n_items, 4);
	assert_string_equal(items[0].key, "a.b");
	assert_string_equal(items[1].key, "t.x y.k");
	assert_string_equal(items[2].key, "t.x y.q");
	assert_string_equal(items[3].key, "u.k");
}

static void nothing_is_a_file_too(void **state)
{
	(void)state;
	parsed("");
	assert_int_equal(n_items, 0);
	parsed("# only this");
	assert_int_equal(n_items, 0);
	parsed(" \r\n\n\t");
	assert_int_equal(n_items, 0);
}

static void long_arrays(void **state)
{
	char *text = arena_alloc(&arena, 8192), *p = text;

	(void)state;
	p += sprintf(p, "k=[");
	for (int i = 0; i < 1000; i++)
		p += sprintf(p, "'%d',", i);
	strcpy(p, "]");
	text = strdup(text);
	parsed(text);
	assert_int_equal(items[0].n_texts, 1000);
	assert_string_equal(items[0].texts[0], "0");
	assert_string_equal(items[0].texts[999], "999");
	free(text);
}

static void wrong_texts_are_refused_with_their_line(void **state)
{
	static const struct {
		const char *text, *message;
	} examples[] = {
		{"a", "line 1: = is missing"},
		{"\n\n= 1", "line 3: a key is missing"},
		{"a =", "line 1: a value is missing"},
		{"a = 1 b = 2", "line 1: something follows the value"},
		{"a = 1\na = 2", "line 2: a key that was given before"},
		{"[t]\n[t]", "line 2: a table that was given before"},
		{"[t]\nk=1\n[u]\n[t]", "line 4: a table"},
		{"a = \"x", "line 1: a string that does not end"},
		{"a = \"x\ny\"", "line 1: a string that does not end"},
		{"a = \"\\q\"", "unknown escape"},
		{"a = \"\\", "a string that does not end"},
		{"a = \"\\u12\"", "hexadecimal digits"},
		{"a = \"\\ud800\"", "no character"},
		{"a = \"\\u0000\"", "no character"},
		{"a = \"\001\"", "control character"},
		{"a = \"\"\"x\"\"\"", "several lines"},
		{"a = 1.5", "whole decimal numbers"},
		{"a = 1979-05-27", "whole decimal numbers"},
		{"a = 0x10", "whole decimal numbers"},
		{"a = truely", "whole decimal numbers"},
		{"a = 99999999999999999999", "too large"},
		{"a = {b = 1}", "inline tables"},
		{"[[a]]", "arrays of tables"},
		{"a = [1]", "arrays of strings"},
		{"a = ['x' 'y']", "a comma or ]"},
		{"a = ['x'", "a comma or ]"},
		{"a = [", "arrays of strings"},
		{"[t", "] is missing"},
		{"a = 1\n\xff", "line 2: not UTF-8"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(examples); i++)
		refused(examples[i].text, examples[i].message);
}

static int set_up(void **state)
{
	(void)state;
	arena_open_heap(&arena, 16 << 20);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	arena_done(&arena);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_of_every_kind),
		cmocka_unit_test(tables_and_dotted_keys),
		cmocka_unit_test(nothing_is_a_file_too),
		cmocka_unit_test(long_arrays),
		cmocka_unit_test(wrong_texts_are_refused_with_their_line),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
