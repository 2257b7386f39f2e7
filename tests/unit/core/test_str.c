/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "firmware/core/str.h"

static void test_compare(void **state)
{
	(void)state;
	assert_true(str_eq(STR("ab"), str_from("ab")));
	assert_false(str_eq(STR("ab"), STR("abc")));
	assert_true(str_eq(str_from(NULL), STR("")));
	assert_true(str_eqz(STR("ab"), "ab"));
	assert_true(str_ieq(STR("Content-Length"), STR("cOnTeNt-lEnGtH")));
	assert_false(str_ieqz(STR("a["), "a{"));
	assert_true(str_starts(STR("sha256:ab"), "sha256:"));
	assert_false(str_starts(STR("sha"), "sha256:"));
	assert_true(str_ends(STR("a.json"), ".json"));
	assert_false(str_ends(STR("json"), ".json"));
	assert_true(strz_starts("abc", "ab"));
	assert_true(strz_eq(NULL, NULL));
	assert_false(strz_eq("", NULL));
	assert_true(strz_eq("a", "a"));
}

static void test_cut(void **state)
{
	struct str s = STR("a:b:"), part;

	(void)state;
	part = str_cut(s, ':', &s);
	assert_true(str_eqz(part, "a") && str_eqz(s, "b:"));
	part = str_cut(s, ':', &s);
	assert_true(str_eqz(part, "b") && s.n == 0);
	part = str_cut(STR("none"), ':', &s);
	assert_true(str_eqz(part, "none") && s.n == 0);
	part = str_cut(str_from(NULL), ':', &s);
	assert_true(part.n == 0 && s.n == 0);
	assert_int_equal(str_find(STR("abcb"), 'b'), 1);
	assert_int_equal(str_rfind(STR("abcb"), 'b'), 3);
	assert_int_equal(str_find(str_from(NULL), 'b'), -1);
	assert_int_equal(str_rfind(STR("a"), 'b'), -1);
	assert_true(str_eqz(str_trim(STR(" \t a b\t ")), "a b"));
	assert_int_equal(str_trim(STR("  ")).n, 0);
}

static void test_copy(void **state)
{
	char out[4];

	(void)state;
	assert_true(str_copy(out, sizeof(out), STR("abc")));
	assert_string_equal(out, "abc");
	assert_false(str_copy(out, sizeof(out), STR("abcd")));
	assert_string_equal(out, "");
	assert_true(str_copy(out, sizeof(out), str_from(NULL)));
	assert_false(str_copy(out, 0, STR("")));
}

static void test_numbers(void **state)
{
	uint64_t u = 5;
	int64_t i = 5;

	(void)state;
	assert_int_equal(str_to_u64(STR("18446744073709551615"), &u), 0);
	assert_true(u == UINT64_MAX);
	assert_int_equal(str_to_u64(STR("18446744073709551616"), &u), -ERANGE);
	assert_int_equal(str_to_u64(STR(""), &u), -EINVAL);
	assert_int_equal(str_to_u64(STR("-1"), &u), -EINVAL);
	assert_int_equal(str_to_u64(STR("1 "), &u), -EINVAL);
	assert_int_equal(str_to_u64(STR("0x1"), &u), -EINVAL);
	assert_true(u == UINT64_MAX);
	assert_int_equal(str_to_i64(STR("-9223372036854775808"), &i), 0);
	assert_true(i == INT64_MIN);
	assert_int_equal(str_to_i64(STR("-9223372036854775809"), &i), -ERANGE);
	assert_int_equal(str_to_i64(STR("9223372036854775807"), &i), 0);
	assert_int_equal(str_to_i64(STR("9223372036854775808"), &i), -ERANGE);
	assert_int_equal(str_to_i64(STR("-"), &i), -EINVAL);
	assert_int_equal(str_to_i64(STR("--1"), &i), -EINVAL);
	assert_int_equal(str_to_i64(STR("+12"), &i), 0);
	assert_int_equal(i, 12);
}

static void test_hex(void **state)
{
	uint8_t bytes[2] = {0xab, 0x09}, back[2];
	char out[5];

	(void)state;
	hex_encode(bytes, 2, out);
	assert_string_equal(out, "ab09");
	assert_int_equal(hex_decode(STR("aB09"), back, 2), 0);
	assert_memory_equal(bytes, back, 2);
	assert_int_equal(hex_decode(STR("ab0"), back, 2), -EINVAL);
	assert_int_equal(hex_decode(STR("ab0900"), back, 2), -EINVAL);
	assert_int_equal(hex_decode(STR("ab0g"), back, 2), -EINVAL);
	assert_true(str_is_hex(STR("09afAF")));
	assert_false(str_is_hex(STR("xyz")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_compare), cmocka_unit_test(test_cut),
		cmocka_unit_test(test_copy),	cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_hex),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
