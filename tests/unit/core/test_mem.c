/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "firmware/core/mem.h"

static void test_counts(void **state)
{
	struct mem_stats before, now;
	char *p, *q;

	(void)state;
	mem_get_stats(&before);
	p = mem_alloc(100);
	for (int i = 0; i < 100; i++)
		assert_int_equal(p[i], 0);
	assert_int_equal((uintptr_t)p % 16, 0);
	q = mem_alloc(0);
	assert_non_null(q);
	p = mem_realloc(p, 5000);
	mem_get_stats(&now);
	assert_int_equal(now.live - before.live, 2);
	assert_int_equal(now.allocations - before.allocations, 3);
	mem_free(p);
	mem_free(q);
	mem_free(NULL);
	mem_trim();
	mem_get_stats(&now);
	assert_int_equal(now.live, before.live);
}

static void test_text(void **state)
{
	char *p CLEANUP_MEM = mem_strdup("hello");
	char *q CLEANUP_MEM = mem_strndup("hello", 2);
	char *r CLEANUP_MEM = mem_strndup(NULL, 0);

	(void)state;
	assert_string_equal(p, "hello");
	assert_string_equal(q, "he");
	assert_string_equal(r, "");
	assert_null(mem_strndup("x", SIZE_MAX));
}

static void test_overflow(void **state)
{
	(void)state;
	assert_null(mem_alloc_array(SIZE_MAX / 2, 3));
}

static void test_fail_after(void **state)
{
	char *p, *q;

	(void)state;
	mem_fail_after(1);
	p = mem_alloc(1);
	assert_non_null(p);
	assert_null(mem_alloc(1));
	assert_null(mem_strdup("x"));
	assert_null(mem_realloc(p, 100));
	mem_fail_after(-1);
	q = mem_alloc(1);
	assert_non_null(q);
	mem_free(p);
	mem_free(q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_overflow),
		cmocka_unit_test(test_fail_after),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
