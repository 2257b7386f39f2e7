/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/shim/log_plan.h"

static void round_trip(void **state)
{
	struct buf plan;
	struct str mapped, value;
	int fd;

	(void)state;
	buf_init_heap(&plan, 65536);
	log_plan_put(&plan, "file", STR("a.log"));
	log_plan_put(&plan, "bytes", str_span("a\0b", 3));
	log_plan_put(&plan, "empty", STR(""));
	log_plan_put_i64(&plan, "size", -7);
	fd = log_plan_write(buf_str(&plan));
	assert_true(fd >= 0);
	assert_int_equal(log_plan_map(fd, &mapped), 0);
	close(fd);
	assert_true(str_eq(mapped, buf_str(&plan)));
	assert_true(log_plan_get(mapped, "bytes", &value));
	assert_int_equal(value.n, 3);
	assert_true(log_plan_get(mapped, "empty", &value));
	assert_int_equal(value.n, 0);
	assert_false(log_plan_get(mapped, "nothing", &value));
	assert_int_equal(log_plan_get_i64(mapped, "size", 1), -7);
	assert_int_equal(log_plan_get_i64(mapped, "file", 1), 1);
	assert_int_equal(log_plan_get_i64(mapped, "none", 9), 9);
	buf_done(&plan);
}

/* Whatever is cut off: nothing beyond it is read. */
static void cut_off(void **state)
{
	struct buf plan;
	struct str name, value;

	(void)state;
	buf_init_heap(&plan, 65536);
	log_plan_put(&plan, "one", STR("1"));
	log_plan_put(&plan, "two", STR("22"));
	for (size_t n = 0; n < plan.n; n++) {
		char *copy = malloc(n ? n : 1);
		size_t at = 0, count = 0;

		memcpy(copy, plan.p, n);
		while (log_plan_next(str_span(copy, n), &at, &name, &value))
			count++;
		assert_int_equal(count, n >= 12);
		free(copy);
	}
	buf_done(&plan);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(round_trip), cmocka_unit_test(cut_off)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
