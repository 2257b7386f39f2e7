/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "firmware/core/pool.h"
#include "firmware/core/sanitize.h"

static void test_classes(void **state)
{
	struct pool p;
	void *slots[8];

	(void)state;
	assert_int_equal(pool_init(&p, "t", 100, 8, 3, NULL), 0);
	assert_int_equal(p.slot_size, 112);
	assert_int_equal(pool_bytes(&p), 8 * 112);
	for (int i = 0; i < 5; i++) {
		slots[i] = pool_get(&p, POOL_NORMAL);
		assert_non_null(slots[i]);
		memset(slots[i], i, 100);
		assert_int_equal(pool_index(&p, slots[i]), i);
	}
	assert_null(pool_get(&p, POOL_NORMAL));
	for (int i = 5; i < 8; i++) {
		slots[i] = pool_get(&p, POOL_RESERVED);
		assert_non_null(slots[i]);
	}
	assert_null(pool_get(&p, POOL_RESERVED));
	assert_int_equal(p.refused, 2);
	assert_int_equal(p.high_water, 8);
	/* One back is not enough for a normal caller: three stay reserved. */
	pool_put(&p, slots[2]);
	assert_null(pool_get(&p, POOL_NORMAL));
	assert_ptr_equal(pool_get(&p, POOL_RESERVED), slots[2]);
	for (int i = 0; i < 8; i++)
		pool_put(&p, slots[i]);
	pool_put(&p, NULL);
	assert_int_equal(p.in_use, 0);
	pool_fini(&p);
	pool_fini(&p);
}

static void test_list(void **state)
{
	struct pool a, b;

	(void)state;
	assert_null(pool_list());
	assert_int_equal(pool_init(&a, "a", 1, 1, 0, NULL), 0);
	assert_int_equal(pool_init(&b, "b", 1, 1, 0, NULL), 0);
	assert_ptr_equal(pool_list(), &b);
	assert_ptr_equal(b.next, &a);
	pool_fini(&b);
	assert_ptr_equal(pool_list(), &a);
	pool_fini(&a);
	assert_null(pool_list());
}

static void test_bad_numbers(void **state)
{
	struct pool p;
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(pool_init(&p, "t", 0, 1, 0, &e), -EINVAL);
	assert_int_equal(pool_init(&p, "t", 1, 0, 0, &e), -EINVAL);
	assert_int_equal(pool_init(&p, "t", 1, 2, 3, &e), -EINVAL);
	assert_int_equal(pool_init(&p, "t", SIZE_MAX / 2, 100, 0, &e), -EINVAL);
	assert_int_equal(pool_init(&p, "t", SIZE_MAX / 8, 4, 0, &e), -ENOMEM);
	assert_null(pool_list());
}

static struct pool shared;

static void *hammer(void *arg)
{
	for (int i = 0; i < 20000; i++) {
		unsigned char *p = pool_get(&shared, POOL_NORMAL);

		if (p) {
			memset(p, 7, 16);
			pool_put(&shared, p);
		}
	}
	return arg;
}

static void test_threads(void **state)
{
	pthread_t threads[3];

	(void)state;
	assert_int_equal(pool_init(&shared, "t", 16, 2, 0, NULL), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, hammer, NULL), 0);
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(shared.in_use, 0);
	assert_true(shared.high_water <= 2);
	pool_fini(&shared);
}

#ifdef HAS_ASAN
int __asan_address_is_poisoned(const volatile void *p);
#endif

static void test_poison(void **state)
{
	(void)state;
#ifdef HAS_ASAN
	struct pool p;
	char *slot;

	assert_int_equal(pool_init(&p, "t", 64, 2, 0, NULL), 0);
	slot = pool_get(&p, POOL_NORMAL);
	assert_false(__asan_address_is_poisoned(slot + 63));
	assert_true(__asan_address_is_poisoned(slot + 64));
	pool_put(&p, slot);
	assert_true(__asan_address_is_poisoned(slot));
	pool_fini(&p);
#else
	skip();
#endif
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_classes),	    cmocka_unit_test(test_list),
		cmocka_unit_test(test_bad_numbers), cmocka_unit_test(test_threads),
		cmocka_unit_test(test_poison),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
