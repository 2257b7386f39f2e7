/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "api/router/reply.h"

static struct arena arena;
static struct http_request request;
static struct call call = {.http = &request, .a = &arena, .api_minor = API_MINOR_NEWEST};

static int open_arena(void **state)
{
	(void)state;
	arena_open_heap(&arena, 4 << 20);
	return 0;
}

static int close_arena(void **state)
{
	(void)state;
	arena_done(&arena);
	return 0;
}

static struct call *with(const char *query)
{
	request.query = str_from(query);
	return &call;
}

static void booleans_are_the_engine_s(void **state)
{
	static const char *const no[] = {"a=", "a", "a=0", "a=no", "a=FALSE", "a=None", "a=%200"};
	static const char *const yes[] = {"a=1", "a=true", "a=yes", "a=anything", "b=0&a=t"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(no); i++)
		assert_false(query_bool(with(no[i]), "a", true));
	for (size_t i = 0; i < ARRAY_LEN(yes); i++)
		assert_true(query_bool(with(yes[i]), "a", false));
	assert_true(query_bool(with("b=0"), "a", true));
	assert_false(query_bool(with(""), "a", false));
}

static void texts_and_numbers(void **state)
{
	struct err e = ERR_INIT;
	int64_t n;

	(void)state;
	assert_string_equal(query_text(with("x=a%2Fb+c"), "x"), "a/b c");
	assert_string_equal(query_text(with("y=1"), "x"), "");
	assert_string_equal(query_text(with("x=1&x=2"), "x"), "1");
	assert_true(query_has(with("x"), "x"));
	assert_false(query_has(with("xy=1"), "x"));

	assert_int_equal(query_i64(with("t=-1"), "t", 7, &n, &e), 0);
	assert_int_equal(n, -1);
	assert_int_equal(query_i64(with("t="), "t", 7, &n, &e), 0);
	assert_int_equal(n, 7);
	assert_true(query_i64(with("t=5s"), "t", 7, &n, &e) < 0);
	assert_int_equal(e.kind, ERR_INVALID);
	assert_string_equal(e.msg, "strconv.Atoi: parsing \"5s\": invalid syntax");
}

static const char *const keys[] = {"name", "id", "label", "status", NULL};

static void read_filters(const char *query, struct filters *f)
{
	struct err e = ERR_INIT;

	if (filters_read(with(query), keys, f, &e) < 0)
		fail_msg("%s: %s", query, e.msg);
}

static void both_forms_of_filters_are_read(void **state)
{
	struct filters f;

	(void)state;
	read_filters("filters={\"name\":{\"a\":true,\"b\":false},\"label\":[\"x\",\"y=1\"]}", &f);
	assert_int_equal(f.n, 2);
	assert_int_equal(filters_get(&f, "name")->n, 1);
	assert_string_equal(filters_get(&f, "name")->items[0], "a");
	assert_int_equal(filters_get(&f, "label")->n, 2);
	assert_int_equal(filters_get(&f, "status")->n, 0);
	read_filters("filters=%7B%7D", &f);
	assert_int_equal(f.n, 0);
	read_filters("filters=", &f);
	assert_int_equal(f.n, 0);
	read_filters("all=1", &f);
	assert_int_equal(f.n, 0);
}

static void bad_filters_are_refused(void **state)
{
	static const struct {
		const char *query, *message;
	} examples[] = {
		{"filters=x", "invalid filter"},
		{"filters=[]", "invalid filter"},
		{"filters={\"name\":\"a\"}", "invalid filter"},
		{"filters={\"name\":{\"a\":1}}", "invalid filter"},
		{"filters={\"name\":[1]}", "invalid filter"},
		{"filters={\"name\":{\"a\":true}} x", "invalid filter"},
		{"filters={\"nme\":{\"a\":true}}", "invalid filter 'nme'"},
		{"filters={\"Name\":[\"a\"]}", "invalid filter 'Name'"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(examples); i++) {
		struct err e = ERR_INIT;
		struct filters f;

		assert_true(filters_read(with(examples[i].query), keys, &f, &e) < 0);
		assert_int_equal(e.kind, ERR_INVALID);
		assert_string_equal(e.msg, examples[i].message);
	}
}

static void values_of_a_key_are_alternatives(void **state)
{
	struct filters f;

	(void)state;
	read_filters("filters={\"status\":[\"exited\",\"created\"],\"name\":[\"^/?web$\",\"(\"]}",
		     &f);
	assert_true(filters_exact(&f, "status", "created"));
	assert_false(filters_exact(&f, "status", "running"));
	assert_true(filters_exact(&f, "id", "anything"));
	assert_true(filters_match(&f, "name", "/web"));
	assert_false(filters_match(&f, "name", "web1"));
	assert_true(filters_match(&f, "name", "(")); /* no expression: only itself */
	assert_false(filters_match(&f, "name", "(a"));
	assert_true(filters_match(&f, "id", "0123"));
	read_filters("filters={\"id\":[\"12\"],\"name\":{\"a\":false}}", &f);
	assert_true(filters_match(&f, "id", "0123"));
	assert_false(filters_match(&f, "id", "0132"));
	assert_true(filters_match(&f, "name", "b"));
}

static void labels_must_all_hold(void **state)
{
	struct text_pair pairs[] = {{"a", "1"}, {"b", ""}, {"c=d", "2"}};
	struct text_map labels = {pairs, ARRAY_LEN(pairs), true}, none = {0};
	static const struct {
		const char *query;
		bool hit;
	} examples[] = {
		{"", true},
		{"filters={\"label\":[\"a\"]}", true},
		{"filters={\"label\":[\"a=1\",\"b\"]}", true},
		{"filters={\"label\":[\"a=1\",\"x\"]}", false},
		{"filters={\"label\":[\"a=2\"]}", false},
		{"filters={\"label\":[\"b=\"]}", true},
		{"filters={\"label\":[\"a=\"]}", false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(examples); i++) {
		struct filters f;

		read_filters(examples[i].query, &f);
		assert_int_equal(filters_labels(&f, "label", &labels), examples[i].hit);
		assert_int_equal(filters_labels(&f, "label", &none), i == 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(booleans_are_the_engine_s),
		cmocka_unit_test(texts_and_numbers),
		cmocka_unit_test(both_forms_of_filters_are_read),
		cmocka_unit_test(bad_filters_are_refused),
		cmocka_unit_test(values_of_a_key_are_alternatives),
		cmocka_unit_test(labels_must_all_hold),
	};

	return cmocka_run_group_tests(tests, open_arena, close_arena);
}
