/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "firmware/core/arena.h"
#include "firmware/core/mem.h"

static int setup(void **state)
{
	(void)state;
	return arena_system_init(NULL);
}

static int teardown(void **state)
{
	struct mem_stats stats;

	(void)state;
	arena_system_fini();
	mem_get_stats(&stats);
	return stats.live != 0;
}

static size_t charged(void)
{
	size_t now, budget;

	arena_get_budget(&now, &budget);
	return now;
}

static void assert_zero(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		assert_int_equal(p[i], 0);
}

static void test_zeroed_again(void **state)
{
	struct arena a;
	char *p;

	(void)state;
	assert_int_equal(arena_open(&a, POOL_NORMAL), 0);
	p = arena_alloc(&a, 100000);
	assert_zero(p, 100000);
	memset(p, 1, 100000);
	arena_reset(&a);
	p = arena_alloc(&a, 100);
	assert_zero(p, 100);
	assert_int_equal((uintptr_t)p % 16, 0);
	p = arena_alloc(&a, 50000);
	assert_zero(p, 50000);
	memset(p, 1, 50000);
	arena_done(&a);
	assert_int_equal(arena_open(&a, POOL_NORMAL), 0);
	p = arena_alloc(&a, 200000);
	assert_zero(p, 200000);
	arena_done(&a);
	arena_done(&a);
	assert_int_equal(charged(), 0);
}

/* What is given back at the tail and handed out again is zero, as ever. */
static void test_shrink_and_trim(void **state)
{
	struct arena a CLEANUP_ARENA = {.base = NULL};
	struct arena heap CLEANUP_ARENA = {.base = NULL};
	char *p, *q;

	(void)state;
	assert_int_equal(arena_open(&a, POOL_NORMAL), 0);
	arena_open_heap(&heap, 10000);
	for (struct arena *each = &a;; each = &heap) {
		p = arena_alloc(each, 5000);
		memset(p, 1, 5000);
		arena_shrink(each, p, 100);
		assert_int_equal(each->used, 100);
		arena_trim(each);
		q = arena_alloc(each, 4000);
		assert_ptr_equal(q, p + 112);
		assert_zero(q, 4000);
		assert_int_equal(p[99], 1);
		memset(q, 1, 4000);
		arena_shrink(each, p, 10); /* not the newest */
		arena_shrink(each, q, 4001);
		assert_int_equal(each->used, 4112);
		if (each == &heap)
			break;
	}
	/* An earlier use's bytes are dropped, ours are not. */
	arena_reset(&a);
	p = arena_alloc(&a, 16);
	p[0] = 7;
	arena_trim(&a);
	assert_int_equal(a.dirty, 4096);
	assert_int_equal(p[0], 7);
	assert_zero(arena_alloc(&a, 8192), 8192);
	p = arena_alloc(&a, 0);
	arena_shrink(&a, NULL, 0);
}

static void test_budget(void **state)
{
	static struct arena a[64];
	size_t n = 0, total = 0;

	(void)state;
	/* Full spans until the budget says no: then the sum is all but the budget. */
	for (; n < 64; n++) {
		assert_int_equal(arena_open(&a[n], POOL_NORMAL), 0);
		if (!arena_alloc(&a[n], CONFIG_ARENA_SPAN))
			break;
		total += CONFIG_ARENA_SPAN;
	}
	assert_true(n < 64);
	assert_int_equal(charged(), total);
	assert_true(total <= CONFIG_ARENA_BUDGET);
	assert_true(total + CONFIG_ARENA_SPAN > CONFIG_ARENA_BUDGET);
	arena_reset(&a[0]);
	assert_int_equal(charged(), total - CONFIG_ARENA_SPAN + 16384);
	assert_non_null(arena_alloc(&a[n], CONFIG_ARENA_SPAN / 2));
	for (size_t i = 0; i <= n; i++)
		arena_done(&a[i]);
	assert_int_equal(charged(), 0);
}

static void test_span_limit(void **state)
{
	struct arena a CLEANUP_ARENA = {.base = NULL};

	(void)state;
	assert_int_equal(arena_open(&a, POOL_NORMAL), 0);
	assert_null(arena_alloc(&a, CONFIG_ARENA_SPAN + 1));
	assert_null(arena_alloc(&a, SIZE_MAX));
	assert_null(arena_alloc_array(&a, SIZE_MAX / 2, 3));
	assert_non_null(arena_alloc(&a, CONFIG_ARENA_SPAN));
	assert_null(arena_alloc(&a, 1));
	arena_reset(&a);
	assert_non_null(arena_alloc(&a, 1));
}

static void test_grow(void **state)
{
	struct arena a CLEANUP_ARENA = {.base = NULL};
	char *p, *q;

	(void)state;
	assert_int_equal(arena_open(&a, POOL_NORMAL), 0);
	p = arena_grow(&a, NULL, 0, 10);
	memset(p, 'a', 10);
	q = arena_grow(&a, p, 10, 100000);
	assert_ptr_equal(p, q);
	assert_zero(q + 10, 100000 - 10);
	assert_non_null(arena_alloc(&a, 1));
	q = arena_grow(&a, p, 100000, 100001);
	assert_ptr_not_equal(p, q);
	assert_memory_equal(q, "aaaaaaaaaa", 10);
	assert_ptr_equal(arena_grow(&a, q, 100001, 5), q);
}

static void test_count(void **state)
{
	static struct arena a[CONFIG_ARENA_COUNT];
	struct arena extra;
	size_t normal = CONFIG_ARENA_COUNT - CONFIG_ARENA_RESERVED;

	(void)state;
	for (size_t i = 0; i < normal; i++)
		assert_int_equal(arena_open(&a[i], POOL_NORMAL), 0);
	assert_int_equal(arena_open(&extra, POOL_NORMAL), -EAGAIN);
	for (size_t i = normal; i < CONFIG_ARENA_COUNT; i++)
		assert_int_equal(arena_open(&a[i], POOL_RESERVED), 0);
	assert_int_equal(arena_open(&extra, POOL_RESERVED), -EAGAIN);
	for (size_t i = 0; i < CONFIG_ARENA_COUNT; i++)
		arena_done(&a[i]);
}

/* Spans given back hold memory only for a few; counted by mincore. */
static void test_idle_memory(void **state)
{
	static struct arena a[64];
	static unsigned char resident[CONFIG_ARENA_SPAN / 4096];
	char *bases[64];
	size_t pages = 0;

	(void)state;
	for (int i = 0; i < 64; i++) {
		char *p;

		assert_int_equal(arena_open(&a[i], POOL_NORMAL), 0);
		p = arena_alloc(&a[i], 60000);
		memset(p, 1, 60000);
		bases[i] = a[i].base;
	}
	for (int i = 0; i < 64; i++)
		arena_done(&a[i]);
	for (int i = 0; i < 64; i++) {
		assert_int_equal(mincore(bases[i], CONFIG_ARENA_SPAN, resident), 0);
		for (size_t k = 0; k < sizeof(resident); k++)
			pages += resident[k] & 1;
	}
	assert_true(pages <= 8 * 4);
}

static void test_heap(void **state)
{
	struct arena a CLEANUP_ARENA = {.base = NULL};
	char *p, *big;

	(void)state;
	arena_open_heap(&a, 10000);
	p = arena_strdup(&a, "one");
	assert_string_equal(p, "one");
	assert_string_equal(arena_strndup(&a, "three", 2), "th");
	assert_string_equal(arena_printf(&a, "%d-%s", 5, "x"), "5-x");
	big = arena_printf(&a, "%0400d", 7);
	assert_int_equal(strlen(big), 400);
	for (int i = 0; i < 5; i++)
		assert_zero(arena_alloc(&a, 1000), 1000);
	assert_null(arena_alloc(&a, 9000));
	assert_true(a.total <= 10000);
	assert_string_equal(p, "one");
	p = arena_alloc(&a, 3);
	memcpy(p, "ab", 3);
	p = arena_grow(&a, p, 3, 600);
	assert_string_equal(p, "ab");
	arena_reset(&a);
	assert_non_null(arena_alloc(&a, 9000));
	mem_fail_after(0);
	arena_reset(&a);
	assert_null(arena_alloc(&a, 1));
	mem_fail_after(-1);
	assert_non_null(arena_alloc(&a, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_zeroed_again, setup, teardown),
		cmocka_unit_test_setup_teardown(test_shrink_and_trim, setup, teardown),
		cmocka_unit_test_setup_teardown(test_budget, setup, teardown),
		cmocka_unit_test_setup_teardown(test_span_limit, setup, teardown),
		cmocka_unit_test_setup_teardown(test_grow, setup, teardown),
		cmocka_unit_test_setup_teardown(test_count, setup, teardown),
		cmocka_unit_test_setup_teardown(test_idle_memory, setup, teardown),
		cmocka_unit_test_setup_teardown(test_heap, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
