/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "firmware/net/http.h"

static struct arena arena;

static int setup(void **state)
{
	(void)state;
	arena_open_heap(&arena, 1 << 20);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_done(&arena);
	return 0;
}

static void test_decode(void **state)
{
	struct str out = {NULL, 0};

	(void)state;
	assert_int_equal(http_percent_decode(STR("a%20b+c%2Fd%C3%a4"), false, &arena, &out), 0);
	assert_true(str_eqz(out, "a b+c/d\xc3\xa4"));
	assert_int_equal(http_percent_decode(STR("a+b"), true, &arena, &out), 0);
	assert_true(str_eqz(out, "a b"));
	assert_int_equal(http_percent_decode(STR(""), true, &arena, &out), 0);
	assert_int_equal(out.n, 0);
	assert_int_equal(http_percent_decode(STR("%"), false, &arena, &out), -EINVAL);
	assert_int_equal(http_percent_decode(STR("%4"), false, &arena, &out), -EINVAL);
	assert_int_equal(http_percent_decode(STR("%4g"), false, &arena, &out), -EINVAL);
	assert_int_equal(http_percent_decode(STR("a%00"), false, &arena, &out), -EINVAL);
}

static void test_query(void **state)
{
	struct str q = STR("a=1&b=x%26y&a=2&empty=&flag&%61=3&&=z&c=%zz");
	struct str out = STR("untouched");

	(void)state;
	assert_int_equal(http_query_get(q, "a", 0, &arena, &out), 0);
	assert_true(str_eqz(out, "1"));
	assert_int_equal(http_query_get(q, "a", 1, &arena, &out), 0);
	assert_true(str_eqz(out, "2"));
	assert_int_equal(http_query_get(q, "a", 2, &arena, &out), 0);
	assert_true(str_eqz(out, "3"));
	assert_int_equal(http_query_get(q, "a", 3, &arena, &out), 0);
	assert_null(out.p);
	assert_int_equal(http_query_get(q, "b", 0, &arena, &out), 0);
	assert_true(str_eqz(out, "x&y"));
	assert_int_equal(http_query_get(q, "empty", 0, &arena, &out), 0);
	assert_non_null(out.p);
	assert_int_equal(out.n, 0);
	assert_int_equal(http_query_get(q, "flag", 0, &arena, &out), 0);
	assert_non_null(out.p);
	assert_int_equal(http_query_get(q, "none", 0, &arena, &out), 0);
	assert_null(out.p);
	assert_int_equal(http_query_get(q, "c", 0, &arena, &out), -EINVAL);
	assert_int_equal(http_query_get(STR("%z=1"), "a", 0, &arena, &out), -EINVAL);
	assert_int_equal(http_query_get(STR(""), "a", 0, &arena, &out), 0);
	assert_null(out.p);
}

static void test_query_check(void **state)
{
	static const struct {
		const char *query, *message; /* NULL: it is right */
	} examples[] = {
		{"", NULL},
		{"a=1&&b=x%26y&=&c", NULL},
		{"a=%zz", "invalid URL escape \"%zz\""},
		{"%zz1=1", "invalid URL escape \"%zz\""},
		{"a=1&b=%", "invalid URL escape \"%\""},
		{"%4=1", "invalid URL escape \"%4\""},
		{"a=%4&b=1", "invalid URL escape \"%4\""},
		{"a=%\x01\"", "invalid URL escape \"%\\x01\\\"\""},
		{"a=b%00c", "invalid URL escape \"%00\""},
		{"a=1;b=2", "invalid semicolon separator in query"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(examples); i++) {
		struct err e = ERR_INIT;
		int r = http_query_check(str_from(examples[i].query), &e);

		assert_int_equal(r < 0, examples[i].message != NULL);
		if (r < 0) {
			assert_int_equal(e.kind, ERR_INVALID);
			assert_string_equal(e.msg, examples[i].message);
		}
	}
}

static void test_parse(void **state)
{
	static const struct {
		const char *text, *host, *target;
		int port;
		bool tls;
	} cases[] = {
		{"http://a", "a", "/", 80, false},
		{"HTTPS://Docker.IO/v2/?n=1#frag", "Docker.IO", "/v2/?n=1", 443, true},
		{"http://127.0.0.1:5000/x", "127.0.0.1", "/x", 5000, false},
		{"https://[::1]:5001", "::1", "/", 5001, true},
		{"https://[fe80::1]/a", "fe80::1", "/a", 443, true},
		{"http://h?x=1", "h", "?x=1", 80, false},
		{"http://my_reg.local:80/", "my_reg.local", "/", 80, false},
	};
	static const char *const bad[] = {
		"ftp://x/",
		"http:/x",
		"http://",
		"http://:80/",
		"http://a:0/",
		"http://a:65536/",
		"http://a:/",
		"http://a:8x/",
		"http://u:p@h/",
		"http://[::1",
		"http://[::1]x/",
		"http://[g]/",
		"http://a b/",
		"http://a/b c",
		"http://a/\r\nX: y",
		"http://a\xc3/",
		"",
	};
	struct http_url u;
	struct err e = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		if (http_url_parse(str_from(cases[i].text), &u, &e) != 0)
			fail_msg("%s: %s", cases[i].text, e.msg);
		assert_true(str_eqz(u.host, cases[i].host));
		assert_true(str_eqz(u.target, cases[i].target));
		assert_int_equal(u.port, cases[i].port);
		assert_int_equal(u.tls, cases[i].tls);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (http_url_parse(str_from(bad[i]), &u, &e) != -EINVAL)
			fail_msg("%s was taken", bad[i]);
}

static void test_resolve(void **state)
{
	static const struct {
		const char *base, *location, *want;
	} cases[] = {
		{"http://a/b/c?q", "http://z/y", "http://z/y"},
		{"https://a:5/b/c?q", "//z/y?w", "https://z/y?w"},
		{"http://a/b/c?q", "/x?y=z", "http://a/x?y=z"},
		{"http://a/b/c?q", "d", "http://a/b/d"},
		{"http://a/b/c?q", "d?e/f", "http://a/b/d?e/f"},
		{"http://a/b/c?q", "../d", "http://a/d"},
		{"http://a/b/c", "../../../d", "http://a/d"},
		{"http://a/b/c", "/x/./y/../z", "http://a/x/z"},
		{"http://a/b/c", "..", "http://a/"},
		{"http://a/b/c", ".", "http://a/b/"},
		{"http://a/b/c?q", "?r", "http://a/b/c?r"},
		{"http://a/b/c?q", "", "http://a/b/c?q"},
		{"http://a", "d", "http://a/d"},
		{"http://a?q", "d", "http://a/d"},
		{"http://a/b#f", "/x#frag", "http://a/x"},
		{"http://a/v2/n/blobs/uploads/", "/v2/n/blobs/uploads/1-2?_state=a/b%3D",
		 "http://a/v2/n/blobs/uploads/1-2?_state=a/b%3D"},
	};
	struct err e = ERR_INIT;
	struct str out;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		if (http_url_resolve(str_from(cases[i].base), str_from(cases[i].location), &arena,
				     &out, &e) != 0)
			fail_msg("%s: %s", cases[i].location, e.msg);
		assert_string_equal(out.p, cases[i].want);
	}
	assert_int_equal(http_url_resolve(STR("x"), STR("/"), &arena, &out, &e), -EINVAL);
	assert_int_equal(http_url_resolve(STR("http://a"), STR("/a b"), &arena, &out, &e), -EINVAL);
	assert_int_equal(http_url_resolve(STR("http://a"), STR("//"), &arena, &out, &e), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_decode),	    cmocka_unit_test(test_query),
		cmocka_unit_test(test_query_check), cmocka_unit_test(test_parse),
		cmocka_unit_test(test_resolve),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
