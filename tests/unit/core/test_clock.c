/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <time.h>

#include "firmware/core/clock.h"

static void test_against_libc(void **state)
{
	(void)state;
	for (int64_t t = -9000000000; t < 9000000000; t += 86400 * 13 + 3607) {
		char ours[CLOCK_RFC3339_MAX], theirs[CLOCK_RFC3339_MAX];
		time_t sec = t;
		struct tm tm;
		int64_t back;

		gmtime_r(&sec, &tm);
		strftime(theirs, sizeof(theirs), "%Y-%m-%dT%H:%M:%SZ", &tm);
		assert_int_equal(clock_format_rfc3339nano(t * NSEC_PER_SEC, ours), 20);
		assert_string_equal(ours, theirs);
		assert_int_equal(clock_parse_rfc3339(str_from(ours), &back), 0);
		assert_true(back == t * NSEC_PER_SEC);
		if (t < 0)
			continue;
		clock_format_http(t * NSEC_PER_SEC, ours);
		strftime(theirs, sizeof(theirs), "%a, %d %b %Y %H:%M:%S GMT", &tm);
		assert_string_equal(ours, theirs);
	}
}

static void test_fractions(void **state)
{
	static const struct {
		int64_t ns;
		const char *nano, *fixed;
	} cases[] = {
		{0, "1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000000000Z"},
		{1, "1970-01-01T00:00:00.000000001Z", "1970-01-01T00:00:00.000000001Z"},
		{120000000, "1970-01-01T00:00:00.12Z", "1970-01-01T00:00:00.120000000Z"},
		{-1, "1969-12-31T23:59:59.999999999Z", "1969-12-31T23:59:59.999999999Z"},
		{CLOCK_GO_ZERO, "0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000000000Z"},
		{INT64_MAX, "2262-04-11T23:47:16.854775807Z", "2262-04-11T23:47:16.854775807Z"},
		{INT64_MIN + 1, "1677-09-21T00:12:43.145224193Z", "1677-09-21T00:12:43.145224193Z"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char out[CLOCK_RFC3339_MAX];
		int64_t back = 5;

		clock_format_rfc3339nano(cases[i].ns, out);
		assert_string_equal(out, cases[i].nano);
		if (cases[i].ns != INT64_MIN + 1 && cases[i].ns != INT64_MAX) {
			assert_int_equal(clock_parse_rfc3339(str_from(out), &back), 0);
			assert_true(back == cases[i].ns);
		}
		assert_int_equal(clock_format_rfc3339fixed(cases[i].ns, out), 30);
		assert_string_equal(out, cases[i].fixed);
	}
}

static void test_parse(void **state)
{
	static const char *const bad[] = {
		"",
		"2023-02-29T00:00:00Z",
		"2023-13-01T00:00:00Z",
		"2023-00-01T00:00:00Z",
		"2023-01-01T24:00:00Z",
		"2023-01-01T00:60:00Z",
		"2023-01-01T00:00:60Z",
		"2023-01-01T00:00:00",
		"2023-01-01T00:00:00.Z",
		"2023-01-01T00:00:00+24:00",
		"2023-01-01T00:00:00Zx",
		"2023-01-01 00:00:00Z",
		"2023-01-01",
		"9999-01-01T00:00:00Z",
		"1000-01-01T00:00:00Z",
		"-023-01-01T00:00:00Z",
	};
	int64_t ns = 5;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(clock_parse_rfc3339(str_from(bad[i]), &ns), -EINVAL);
	assert_int_equal(ns, 5);
	assert_int_equal(clock_parse_rfc3339(STR("2024-02-29T01:02:03.5+05:30"), &ns), 0);
	assert_true(ns == 1709148723500000000);
	assert_int_equal(clock_parse_rfc3339(STR("2024-02-28t19:32:03.500000000999z"), &ns), 0);
	assert_true(ns == 1709148723500000000);
}

static void test_query(void **state)
{
	static const struct {
		const char *text;
		int64_t ns;
	} good[] = {
		{"0", 0},
		{"1700000000", 1700000000000000000},
		{"1700000000.000000005", 1700000000000000005},
		{"1700000000.5", 1700000000500000000},
		{"-1", -1000000000},
		{"99999999999999999999", INT64_MAX},
		{"10m", 5000000000000 - 600000000000},
		{"1h1m1.5s", 5000000000000 - 3661500000000},
		{"-2ms", 5000000000000 + 2000000},
		{"3us", 5000000000000 - 3000},
		{"3\xc2\xb5s", 5000000000000 - 3000},
		{"2024-02-29T01:02:03.5+05:30", 1709148723500000000},
		{"2024-02-29", 1709164800000000000},
		{"2024-02-29T01", 1709168400000000000},
		{"2024-02-29T01:02", 1709168520000000000},
		{"2024-02-29T01:02:03", 1709168523000000000},
	};
	static const char *const bad[] = {"",	     "x",    "1d",	    "m",  ".",
					  "1.5.5",   "10m5", "--1",	    "1 ", " 1",
					  "2024-02", "1e5",  "99999999999h"};
	int64_t ns = 5;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		assert_int_equal(clock_parse_query(str_from(good[i].text), 5000000000000, &ns), 0);
		assert_true(ns == good[i].ns);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(clock_parse_query(str_from(bad[i]), 0, &ns), -EINVAL);
}

static void test_duration(void **state)
{
	int64_t ns = 5;

	(void)state;
	assert_int_equal(clock_parse_duration(STR("1h30m"), &ns), 0);
	assert_true(ns == 5400 * NSEC_PER_SEC);
	assert_int_equal(clock_parse_duration(STR("0"), &ns), 0);
	assert_int_equal(ns, 0);
	assert_int_equal(clock_parse_duration(STR("+1.25s"), &ns), 0);
	assert_int_equal(ns, 1250000000);
	assert_int_equal(clock_parse_duration(STR("5"), &ns), -EINVAL);
	assert_int_equal(clock_parse_duration(STR("9999999999999999999s"), &ns), -EINVAL);
}

static void test_now(void **state)
{
	int64_t a = clock_mono(), b = clock_mono();

	(void)state;
	assert_true(b >= a);
	assert_true(clock_wall() > 1600000000 * NSEC_PER_SEC);
	assert_true(clock_in_ms(1000) - b >= NSEC_PER_SEC);
	assert_true(clock_in_ms(INT64_MAX) == DEADLINE_NEVER);
	assert_true(clock_in_ms(-5) < clock_mono());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_against_libc), cmocka_unit_test(test_fractions),
		cmocka_unit_test(test_parse),	     cmocka_unit_test(test_query),
		cmocka_unit_test(test_duration),     cmocka_unit_test(test_now),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
