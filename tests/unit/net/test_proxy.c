/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "firmware/net/http_proxy.h"

static void test_excluded(void **state)
{
	static const struct {
		const char *list, *host;
		uint16_t port;
		bool want;
	} cases[] = {
		{"", "a.b", 80, false},
		{"*", "a.b", 80, true},
		{"a.b", "a.b", 80, true},
		{"A.B", "a.b", 80, true},
		{"b", "a.b", 80, true},
		{".b", "a.b", 80, true},
		{".a.b", "a.b", 80, false},
		{"*.b", "a.b", 80, true},
		{"b", "ab", 80, false},
		{"x, a.b:81 ,y", "a.b", 81, true},
		{"a.b:81", "a.b", 80, false},
		{"10.0.0.0/8", "10.1.2.3", 80, true},
		{"10.0.0.0/8", "11.1.2.3", 80, false},
		{"10.0.0.0/33", "10.1.2.3", 80, false},
		{"10.1.2.3", "10.1.2.3", 80, true},
		{"fd00::/8", "fd12::1", 80, true},
		{"fd00::/8", "fe80::1", 80, false},
		{"fd12::1", "fd12::1", 80, true},
		{",,", "a.b", 80, false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (http_proxy_excluded(str_from(cases[i].list), str_from(cases[i].host),
					cases[i].port) != cases[i].want)
			fail_msg("%s %s", cases[i].list, cases[i].host);
}

static void test_find(void **state)
{
	struct http_proxy p;
	struct http_url u;
	struct err e;

	(void)state;
	setenv("HTTPS_PROXY", "proxy:3128", 1);
	unsetenv("NO_PROXY");
	unsetenv("no_proxy");
	assert_int_equal(http_url_parse(STR("https://far/"), &u, &e), 0);
	assert_int_equal(http_proxy_find(&u, &p, &e), 0);
	assert_true(p.used);
	assert_string_equal(p.host, "proxy");
	assert_int_equal(p.port, 3128);
	assert_string_equal(p.authorization, "");
	assert_int_equal(http_url_parse(STR("https://127.0.0.1:5000/"), &u, &e), 0);
	assert_int_equal(http_proxy_find(&u, &p, &e), 0);
	assert_false(p.used);
	assert_int_equal(http_url_parse(STR("https://far/"), &u, &e), 0);
	setenv("HTTPS_PROXY", "socks5://proxy:1", 1);
	assert_true(http_proxy_find(&u, &p, &e) < 0);
	setenv("HTTPS_PROXY", "http://a%zz@proxy:1", 1);
	assert_true(http_proxy_find(&u, &p, &e) < 0);
	unsetenv("HTTPS_PROXY");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_excluded),
		cmocka_unit_test(test_find),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
