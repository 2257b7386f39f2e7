/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "firmware/core/config.h"

#define CONFIG_TEST_ON 1

static void test_config(void **state)
{
	(void)state;
	assert_int_equal(CONFIG(TEST_ON), 1);
	assert_int_equal(CONFIG(TEST_ABSENT), 0);
	if (CONFIG(TEST_ABSENT))
		fail();
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_config)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
