/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "firmware/fmt/pattern.h"

struct example {
	const char *pattern;
	const char *yes[4], *no[4];
};

static int compile(const char *text, struct arena *a, struct pattern **ret, bool glob)
{
	return glob ? pattern_compile_glob(str_from(text), a, ret)
		    : pattern_compile(str_from(text), a, ret);
}

static void check(const struct example *x, bool glob)
{
	CLEANUP_ARENA struct arena a = {0};
	struct pattern *p;

	arena_open_heap(&a, 1 << 20);
	if (compile(x->pattern, &a, &p, glob) < 0)
		fail_msg("%s does not compile", x->pattern);
	for (size_t i = 0; i < ARRAY_LEN(x->yes) && x->yes[i]; i++)
		if (!pattern_match(p, str_from(x->yes[i])))
			fail_msg("%s does not match %s", x->pattern, x->yes[i]);
	for (size_t i = 0; i < ARRAY_LEN(x->no) && x->no[i]; i++)
		if (pattern_match(p, str_from(x->no[i])))
			fail_msg("%s matches %s", x->pattern, x->no[i]);
}

static void expressions_match_as_in_go(void **state)
{
	static const struct example examples[] = {
		{"", {"", "x"}, {0}},
		{"web", {"web", "/my-web-1"}, {"we", "wb", ""}},
		{"^/?web$", {"web", "/web"}, {"/web1", "//web"}},
		{"\\Aweb\\z", {"web"}, {"web1", "1web"}},
		{"a.c", {"abc", "a.c"}, {"ac", "a\nc"}},
		{"ab*c", {"ac", "abc", "abbbc"}, {"adc"}},
		{"ab+c", {"abc", "abbbc"}, {"ac"}},
		{"^ab?c$", {"abc", "ac"}, {"abbc"}},
		{"^ab*?c$", {"abc", "ac"}, {"adc"}},
		{"^(a|bc|d)$", {"a", "bc", "d"}, {"b", "abc", ""}},
		{"^(a|b|)$", {"a", "b", ""}, {"c"}},
		{"^(?:a|b)+$", {"abba"}, {"", "abc"}},
		{"^(a*)*$", {"", "aaaa"}, {"b"}},
		{"^((a|b)*c)*d$", {"d", "abcd", "cacbcd"}, {"abd"}},
		{"[a-c]x", {"ax", "cx"}, {"dx"}},
		{"[^a-c]x", {"dx"}, {"ax", "x"}},
		{"[]a]", {"]", "a"}, {"b"}},
		{"^[a-]$", {"a", "-"}, {"b"}},
		{"^[\\d_]+$", {"12_"}, {"1a"}},
		{"^\\d+\\w\\s$", {"12a "}, {"12a", "a "}},
		{"^\\D\\W\\S$", {"a-b"}, {"1-b", "aab", "a- "}},
		{"\\bweb\\b", {"a web b", "my-web"}, {"my_web"}},
		{"web\\B", {"website"}, {"web"}},
		{"a\\.b\\-c\\/", {"a.b-c/"}, {"axb-c/"}},
		{"\\x41\\t", {"A\t"}, {"a\t"}},
		{"a{b}", {"a{b}"}, {"ab"}},
		{"x{,3}", {"x{,3}"}, {"xxx"}},
		{"a|b", {"xa", "xb"}, {"x"}},
		{"^a|b$", {"ax", "xb"}, {"xax"}},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(examples); i++)
		check(&examples[i], false);
}

static void globs_match_as_in_go(void **state)
{
	static const struct example examples[] = {
		{"", {""}, {"x"}},
		{"alpine", {"alpine"}, {"alpine:latest", "xalpine"}},
		{"alp*", {"alp", "alpine:latest"}, {"alp/x"}},
		{"*/a*", {"x/a", "x/abc"}, {"a", "x/y/a"}},
		{"a?c", {"abc"}, {"a/c", "ac", "abbc"}},
		{"[a-c]*[^z]", {"ab", "bxy"}, {"az", "dx"}},
		{"a\\*", {"a*"}, {"ab"}},
		{"*.(x)+|", {"a.(x)+|"}, {"axx"}},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(examples); i++)
		check(&examples[i], true);
}

static void what_is_not_taken_is_refused(void **state)
{
	static const char *const expressions[] = {
		"(",	"(a", "a)",  "[a",   "[b-a]", "*a",	"a**",	    "+",
		"a{2}", "\\", "\\p", "[\\",  "\\1",   "(?i)a",	"(?P<n>a)", "[[:digit:]]",
		"\\x4", "[]", "[^]", "a\\Z", "[a-",   "[\\d-z",
	};
	static const char *const globs[] = {"[", "[a", "a\\", "[]", "[b-a]"};
	CLEANUP_ARENA struct arena a = {0};
	struct pattern *p = NULL;

	(void)state;
	arena_open_heap(&a, 1 << 20);
	for (size_t i = 0; i < ARRAY_LEN(expressions); i++)
		if (compile(expressions[i], &a, &p, false) != -EINVAL)
			fail_msg("%s compiles", expressions[i]);
	for (size_t i = 0; i < ARRAY_LEN(globs); i++)
		if (compile(globs[i], &a, &p, true) != -EINVAL)
			fail_msg("the glob %s compiles", globs[i]);
	assert_null(p);
}

static struct str repeated(char *out, size_t size, const char *unit, size_t times)
{
	size_t n = strlen(unit);

	assert_true(n * times < size);
	for (size_t i = 0; i < times; i++)
		memcpy(out + i * n, unit, n);
	return str_span(out, n * times);
}

static void hostile_patterns_cost_little(void **state)
{
	static char pattern[PATTERN_MAX + 8], text[20000];
	CLEANUP_ARENA struct arena a = {0};
	struct pattern *p;
	struct str long_text = repeated(text, sizeof(text), "a", 19999);

	(void)state;
	arena_open_heap(&a, 1 << 20);
	/* Each would take a backtracking matcher longer than anyone waits. */
	assert_int_equal(pattern_compile(repeated(pattern, sizeof(pattern), "(a*)*", 100), &a, &p),
			 0);
	assert_true(pattern_match(p, long_text));
	repeated(pattern, sizeof(pattern), "a*a?", 100);
	pattern[400] = 'b';
	assert_int_equal(pattern_compile(str_span(pattern, 401), &a, &p), 0);
	assert_false(pattern_match(p, long_text));
	memcpy(pattern, "*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b", 34);
	assert_int_equal(pattern_compile_glob(str_span(pattern, 34), &a, &p), 0);
	assert_false(pattern_match(p, long_text));

	assert_int_equal(pattern_compile(repeated(pattern, sizeof(pattern), "(", 100), &a, &p),
			 -EINVAL);
	assert_int_equal(
		pattern_compile(repeated(pattern, sizeof(pattern), "x", PATTERN_MAX + 1), &a, &p),
		-EINVAL);
	assert_int_equal(
		pattern_compile(repeated(pattern, sizeof(pattern), "x", PATTERN_MAX), &a, &p), 0);
	assert_int_equal(
		pattern_compile_glob(repeated(pattern, sizeof(pattern), "*", PATTERN_MAX), &a, &p),
		0);
}

static void a_full_arena_is_said(void **state)
{
	CLEANUP_ARENA struct arena a = {0};
	struct pattern *p;

	(void)state;
	arena_open_heap(&a, 256);
	assert_int_equal(pattern_compile(STR("a.*[bc]+d"), &a, &p), -ENOMEM);
	assert_int_equal(pattern_compile_glob(STR("a.*[bc]+d"), &a, &p), -ENOMEM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(expressions_match_as_in_go),
		cmocka_unit_test(globs_match_as_in_go),
		cmocka_unit_test(what_is_not_taken_is_refused),
		cmocka_unit_test(hostile_patterns_cost_little),
		cmocka_unit_test(a_full_arena_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
