/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "runtime/shim/detach_keys.h"

static struct detach_keys d;
static char out[256];
static size_t out_n;

static bool filter(const char *text)
{
	bool r =
		detach_keys_filter(&d, (const uint8_t *)text, strlen(text), (uint8_t *)out, &out_n);

	out[out_n] = 0;
	return r;
}

static void test_default(void **state)
{
	(void)state;
	detach_keys_init(&d, NULL, 0);
	assert_true(filter("ab\x10\x11rest"));
	assert_string_equal(out, "ab");
}

static void test_across_reads(void **state)
{
	(void)state;
	detach_keys_init(&d, NULL, 0);
	assert_false(filter("x\x10"));
	assert_string_equal(out, "x");
	assert_true(filter("\x11"));
	assert_string_equal(out, "");
}

/* What looked like the beginning is given on when it was not. */
static void test_replay(void **state)
{
	(void)state;
	detach_keys_init(&d, NULL, 0);
	assert_false(filter("\x10"));
	assert_string_equal(out, "");
	assert_false(filter("a"));
	assert_string_equal(out, "\x10"
				 "a");
	assert_false(filter("\x10\x10"));
	assert_string_equal(out, "\x10");
	assert_true(filter("\x11"));
}

static void test_overlapping(void **state)
{
	(void)state;
	detach_keys_init(&d, (const uint8_t *)"aabaac", 6);
	assert_true(filter("xaabaabaacy"));
	assert_string_equal(out, "xaab");
	assert_false(filter("aaaab"));
	assert_string_equal(out, "aa");
	assert_false(filter("z"));
	assert_string_equal(out, "aabz");
}

/* Whatever comes in pieces comes out as it would in one. */
static void test_pieces(void **state)
{
	static const char text[] = "aabaabaababacaabaxaabaabaabaaaaabab";
	char whole[sizeof(text) + 32], pieces[sizeof(text) + 64];
	size_t n = 0, whole_n;

	(void)state;
	detach_keys_init(&d, (const uint8_t *)"aabaac", 6);
	assert_false(filter(text));
	whole_n = out_n;
	memcpy(whole, out, out_n);
	detach_keys_init(&d, (const uint8_t *)"aabaac", 6);
	for (size_t i = 0; text[i]; i++) {
		char one[2] = {text[i], 0};

		assert_false(filter(one));
		memcpy(pieces + n, out, out_n);
		n += out_n;
	}
	assert_int_equal(n, whole_n);
	assert_memory_equal(pieces, whole, n);
}

static void test_one_key(void **state)
{
	(void)state;
	detach_keys_init(&d, (const uint8_t *)"q", 1);
	assert_false(filter("abc"));
	assert_string_equal(out, "abc");
	assert_true(filter("dq"));
	assert_string_equal(out, "d");
}

static void test_none(void **state)
{
	(void)state;
	memset(&d, 0, sizeof(d));
	assert_false(filter("\x10\x11"));
	assert_string_equal(out, "\x10\x11");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_default), cmocka_unit_test(test_across_reads),
		cmocka_unit_test(test_replay),	cmocka_unit_test(test_overlapping),
		cmocka_unit_test(test_pieces),	cmocka_unit_test(test_one_key),
		cmocka_unit_test(test_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
