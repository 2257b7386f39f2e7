/* SPDX-License-Identifier: Apache-2.0 */
/* Our gmtime_r against a second opinion: timegm, which libc computes its own way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <time.h>

static void test_there_and_back(void **state)
{
	int weekday = -1;

	(void)state;
	for (time_t t = -9000000000; t < 9000000000; t += 86400 + 3607) {
		struct tm tm, same;

		assert_ptr_equal(gmtime_r(&t, &tm), &tm);
		same = tm;
		assert_true(timegm(&same) == t);
		assert_int_equal(same.tm_wday, tm.tm_wday);
		assert_int_equal(same.tm_yday, tm.tm_yday);
		assert_true(weekday != tm.tm_wday);
		weekday = tm.tm_wday;
	}
}

static void test_known(void **state)
{
	static const time_t leap_day = 951782400; /* 2000-02-29, a Tuesday */
	struct tm tm;

	(void)state;
	assert_non_null(gmtime_r(&leap_day, &tm));
	assert_int_equal(tm.tm_year, 100);
	assert_int_equal(tm.tm_mon, 1);
	assert_int_equal(tm.tm_mday, 29);
	assert_int_equal(tm.tm_wday, 2);
	assert_int_equal(tm.tm_yday, 59);
}

static void test_out_of_reach(void **state)
{
	time_t far = INT64_MAX / 2;
	struct tm tm;

	(void)state;
	errno = 0;
	assert_null(gmtime_r(&far, &tm));
	assert_int_equal(errno, EOVERFLOW);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_known),
		cmocka_unit_test(test_out_of_reach),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
