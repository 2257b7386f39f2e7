/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "firmware/core/pages.h"

static char *map;
static size_t page;

static int setup(void **state)
{
	(void)state;
	page = (size_t)sysconf(_SC_PAGESIZE);
	map = mmap(NULL, 8 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (map == MAP_FAILED)
		return -1;
	memset(map, 0x5a, 8 * page);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return munmap(map, 8 * page);
}

static void check(size_t from, size_t to)
{
	for (size_t i = 0; i < 8 * page; i++)
		assert_int_equal(map[i], i >= from && i < to ? 0 : 0x5a);
}

/* Whole pages only: what shares a page with a neighbour stays. */
static void test_inwards(void **state)
{
	char *low, *high;

	(void)state;
	assert_int_equal(pages_drop(map + 1, map + 4 * page - 1, &low, &high), 0);
	assert_ptr_equal(low, map + page);
	assert_ptr_equal(high, map + 3 * page);
	check(page, 3 * page);
}

static void test_exact(void **state)
{
	char *low, *high;

	(void)state;
	assert_int_equal(pages_drop(map + 2 * page, map + 7 * page, &low, &high), 0);
	assert_ptr_equal(low, map + 2 * page);
	assert_ptr_equal(high, map + 7 * page);
	check(2 * page, 7 * page);
}

static void test_none(void **state)
{
	char *low, *high, *to = map + 2 * page - 1;

	(void)state;
	assert_int_equal(pages_drop(map + 1, to, &low, &high), -1);
	assert_ptr_equal(low, to);
	assert_ptr_equal(high, to);
	assert_int_equal(pages_drop(map + 9, map + 9, &low, &high), -1);
	pages_release(map + 1, page);
	check(0, 0);
	pages_release(map, page);
	check(0, page);
}

#define PAGES_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PAGES_TEST(test_inwards),
		PAGES_TEST(test_exact),
		PAGES_TEST(test_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
