/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after the four above */
#include <cmocka.h>

#include "runtime/cgroup/parse.h"

static void numbers(void **state)
{
	(void)state;
	assert_int_equal(cgroup_parse_u64(STR("123\n")), 123);
	assert_int_equal(cgroup_parse_u64(STR("0")), 0);
	assert_true(cgroup_parse_u64(STR("max\n")) == CGROUP_NONE);
	assert_true(cgroup_parse_u64(STR("9223372036854771712\n")) == CGROUP_NONE);
	assert_true(cgroup_parse_u64(STR("")) == CGROUP_NONE);
	assert_true(cgroup_parse_u64(STR("-1\n")) == CGROUP_NONE);
}

static void lists(void **state)
{
	CLEANUP_ARENA struct arena a = {0};
	struct cgroup_number *list;
	size_t n;

	(void)state;
	arena_open_heap(&a, 1 << 20);
	assert_int_equal(
		cgroup_parse_numbers(STR("cache 1\nrss 22\n\nbad\nworse x\nlast 3"), &a, &list, &n),
		0);
	assert_int_equal(n, 3);
	assert_int_equal(cgroup_number(list, n, "rss"), 22);
	assert_int_equal(cgroup_number(list, n, "last"), 3);
	assert_int_equal(cgroup_number(list, n, "none"), 0);
}

static void blocks(void **state)
{
	CLEANUP_ARENA struct arena a = {0};
	struct cgroup_ios bytes, count;

	(void)state;
	arena_open_heap(&a, 1 << 20);
	assert_int_equal(
		cgroup_parse_io_v1(STR("8:0 Read 4096\n8:0 Write 1\n8:0 Total 4097\nTotal 4097\n"),
				   &a, &bytes),
		0);
	assert_int_equal(bytes.n, 3);
	assert_int_equal(bytes.items[0].major, 8);
	assert_string_equal(bytes.items[0].op, "Read");
	assert_int_equal(bytes.items[2].v, 4097);
	assert_int_equal(
		cgroup_parse_io_v2(STR("254:16 rbytes=10 wbytes=20 rios=3 wios=4 dbytes=0\n"
				       "bad line\n8:0 \n"),
				   &a, &bytes, &count),
		0);
	assert_int_equal(bytes.n, 4);
	assert_int_equal(bytes.items[1].minor, 16);
	assert_string_equal(bytes.items[1].op, "write");
	assert_int_equal(bytes.items[1].v, 20);
	assert_int_equal(count.items[0].v, 3);
	assert_int_equal(bytes.items[2].v, 0);
}

static void weights(void **state)
{
	(void)state;
	assert_int_equal(cgroup_weight(2), 1);
	assert_int_equal(cgroup_weight(1024), 39);
	assert_int_equal(cgroup_weight(262144), 10000);
	assert_int_equal(cgroup_weight(INT64_MAX), 10000);
	assert_int_equal(cgroup_weight(0), 1);
}

static void cpu_times(void **state)
{
	static const struct {
		const char *now;
		int64_t period, quota;
		const char *next;
	} cases[] = {
		{"20000 50000", 0, 30000, "30000 50000"},
		{"20000 50000", 80000, 0, "20000 80000"},
		{"20000 50000", 0, -1, "max 50000"},
		{"max 50000", 80000, 0, "max 80000"},
		{"max 100000", 10000, 5000, "5000 10000"},
		{"", 0, 5000, "5000 100000"},
		{"", 5000, 0, "max 5000"},
		{"odd -7", 0, 0, "max 100000"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char line[CGROUP_LINE_MAX];

		cgroup_cpu_max(str_from(cases[i].now), cases[i].period, cases[i].quota, line);
		assert_string_equal(line, cases[i].next);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers), cmocka_unit_test(lists),	cmocka_unit_test(blocks),
		cmocka_unit_test(weights), cmocka_unit_test(cpu_times),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
