/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "firmware/core/list.h"

struct item {
	int n;
	struct list link;
};

static void test_order(void **state)
{
	struct list head = LIST_INIT(head);
	struct item items[4], *pos, *tmp;
	int expect = 3;

	(void)state;
	assert_true(list_empty(&head));
	for (int i = 0; i < 4; i++)
		items[i].n = i;
	list_push_back(&head, &items[1].link);
	list_push_back(&head, &items[0].link);
	list_push_front(&head, &items[2].link);
	list_push_front(&head, &items[3].link);
	assert_int_equal(list_first(&head, struct item, link)->n, 3);
	list_remove(&items[2].link);
	list_remove(&items[2].link);
	assert_true(list_empty(&items[2].link));
	list_for_each (pos, &head, link) {
		assert_int_equal(pos->n, expect);
		expect = expect == 3 ? 1 : expect - 1;
	}
	list_for_each_safe (pos, tmp, &head, link)
		list_remove(&pos->link);
	assert_true(list_empty(&head));
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_order)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
