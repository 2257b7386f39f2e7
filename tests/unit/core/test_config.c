/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "firmware/core/config.h"

static void test_config(void **state)
{
	(void)state;
	/* CONFIG() looks when it is used, so one symbol can be both. */
#undef CONFIG_STATIC_PIE
#define CONFIG_STATIC_PIE 1
	assert_int_equal(CONFIG(STATIC_PIE), 1);
#undef CONFIG_STATIC_PIE
	assert_int_equal(CONFIG(STATIC_PIE), 0);
	if (CONFIG(STATIC_PIE))
		fail();
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_config)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
