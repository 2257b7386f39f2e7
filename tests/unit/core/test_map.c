/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>

#include "firmware/core/map.h"
#include "firmware/core/mem.h"

struct item {
	struct map_node node;
	char name[16];
	bool seen;
};

static struct item items[1000];

static void test_many(void **state)
{
	struct map m;
	size_t seen = 0;

	(void)state;
	map_init(&m);
	assert_null(map_find(&m, STR("x")));
	assert_null(map_next(&m, NULL));
	for (size_t i = 0; i < 1000; i++) {
		snprintf(items[i].name, sizeof(items[i].name), "name-%zu", i);
		assert_int_equal(map_insert(&m, &items[i].node, str_from(items[i].name)), 0);
	}
	assert_int_equal(m.count, 1000);
	assert_true(m.n_buckets >= 1000);
	for (struct map_node *n = map_next(&m, NULL); n; n = map_next(&m, n)) {
		struct item *item = map_entry(n, struct item, node);

		assert_false(item->seen);
		item->seen = true;
		seen++;
	}
	assert_int_equal(seen, 1000);
	for (size_t i = 0; i < 1000; i += 2)
		map_remove(&m, &items[i].node);
	for (size_t i = 0; i < 1000; i++) {
		struct map_node *n = map_find(&m, str_from(items[i].name));

		assert_ptr_equal(n, i % 2 ? &items[i].node : NULL);
	}
	map_done(&m);
}

static void test_twice(void **state)
{
	struct map m = {.count = 0};
	struct item a, b;

	(void)state;
	assert_int_equal(map_insert(&m, &a.node, STR("same")), 0);
	assert_int_equal(map_insert(&m, &b.node, STR("same")), -EEXIST);
	assert_int_equal(map_insert(&m, &b.node, STR("sam")), 0);
	assert_ptr_equal(map_find(&m, STR("same")), &a.node);
	map_done(&m);
}

static void test_no_memory(void **state)
{
	struct map m;
	struct mem_stats stats;

	(void)state;
	map_init(&m);
	mem_fail_after(0);
	assert_int_equal(map_insert(&m, &items[0].node, STR("a")), -ENOMEM);
	assert_int_equal(m.count, 0);
	/* Once there is a table it goes on, only fuller. */
	mem_fail_after(1);
	for (size_t i = 0; i < 1000; i++)
		assert_int_equal(map_insert(&m, &items[i].node, str_from(items[i].name)), 0);
	mem_fail_after(-1);
	assert_int_equal(m.n_buckets, 16);
	for (size_t i = 0; i < 1000; i++)
		assert_non_null(map_find(&m, str_from(items[i].name)));
	map_done(&m);
	mem_get_stats(&stats);
	assert_int_equal(stats.live, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_twice),
		cmocka_unit_test(test_no_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
