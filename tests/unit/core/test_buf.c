/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "firmware/core/buf.h"
#include "firmware/core/mem.h"

static void fill(struct buf *b)
{
	for (int i = 0; i < 300; i++)
		buf_printf(b, "%03d,", i);
}

static void test_heap(void **state)
{
	struct buf b CLEANUP_BUF;

	(void)state;
	buf_init_heap(&b, 1200);
	assert_string_equal(buf_text(&b), "");
	fill(&b);
	assert_false(b.failed);
	assert_int_equal(b.n, 1200);
	assert_memory_equal(buf_text(&b) + 1192, "298,299,", 9);
	buf_putc(&b, 'x');
	assert_true(b.failed);
	assert_int_equal(b.n, 1200);
	buf_reset(&b);
	assert_false(b.failed);
	assert_string_equal(buf_text(&b), "");
	buf_puts(&b, "a");
	buf_put_str(&b, STR("bc"));
	buf_put(&b, "d", 1);
	assert_true(str_eqz(buf_str(&b), "abcd"));
}

static void test_sticky(void **state)
{
	struct buf b CLEANUP_BUF;

	(void)state;
	buf_init_heap(&b, 4);
	buf_puts(&b, "ab");
	buf_puts(&b, "cde");
	buf_puts(&b, "f"); /* would fit, but the text would have a hole */
	assert_true(b.failed);
	assert_string_equal(buf_text(&b), "ab");
	buf_reset(&b);
	buf_printf(&b, "%s", "abcde");
	assert_true(b.failed);
	assert_string_equal(buf_text(&b), "");
}

static void test_fixed(void **state)
{
	char array[8];
	struct buf b;

	(void)state;
	buf_init_fixed(&b, array, sizeof(array));
	buf_printf(&b, "%s", "1234567");
	assert_false(b.failed);
	assert_string_equal(buf_text(&b), "1234567");
	buf_putc(&b, '8');
	assert_true(b.failed);
	assert_string_equal(array, "1234567");
	buf_init_fixed(&b, array, 0);
	buf_putc(&b, 'x');
	assert_true(b.failed);
	buf_done(&b);
}

static void test_arena(void **state)
{
	struct arena a CLEANUP_ARENA = {.base = NULL};
	struct buf b;
	char *before;

	(void)state;
	arena_open_heap(&a, 100000);
	buf_init(&b, &a, 5000);
	fill(&b);
	assert_int_equal(b.n, 1200);
	before = b.p;
	assert_int_equal(buf_reserve(&b, 100), 0);
	assert_ptr_equal(before, b.p);
	assert_int_equal(buf_reserve(&b, 3801), -ENOMEM);
	assert_true(b.failed);
	buf_reset(&b);
	assert_int_equal(buf_reserve(&b, 5000), 0);
	buf_done(&b);
}

static void test_no_memory(void **state)
{
	struct buf b CLEANUP_BUF;
	struct mem_stats stats;

	(void)state;
	buf_init_heap(&b, SIZE_MAX);
	buf_puts(&b, "kept");
	mem_fail_after(0);
	fill(&b);
	mem_fail_after(-1);
	assert_true(b.failed);
	assert_memory_equal(buf_text(&b), "kept", 4);
	assert_int_equal(buf_reserve(&b, SIZE_MAX), -ENOMEM);
	buf_done(&b);
	mem_get_stats(&stats);
	assert_int_equal(stats.live, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_heap),	  cmocka_unit_test(test_sticky),
		cmocka_unit_test(test_fixed),	  cmocka_unit_test(test_arena),
		cmocka_unit_test(test_no_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
