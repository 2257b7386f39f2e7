/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "runtime/spec/spec.h"

static struct err e;

static int parse(const char *text)
{
	int signo = -1;

	return signal_parse(text, &signo, &e) < 0 ? 0 : signo;
}

static void test_names(void **state)
{
	(void)state;
	assert_int_equal(parse("SIGTERM"), SIGTERM);
	assert_int_equal(parse("TERM"), SIGTERM);
	assert_int_equal(parse("sigkill"), SIGKILL);
	assert_int_equal(parse("Hup"), SIGHUP);
	assert_int_equal(parse("SIGWINCH"), SIGWINCH);
	assert_int_equal(parse("SIGRTMIN"), 34);
	assert_int_equal(parse("SIGRTMIN+3"), 37);
	assert_int_equal(parse("RTMAX-1"), 63);
}

static void test_numbers(void **state)
{
	(void)state;
	assert_int_equal(parse("9"), 9);
	assert_int_equal(parse("64"), 64);
}

static void test_bad(void **state)
{
	static const char *const bad[] = {"",	      "0",	  "65",	    "-1",     "SIG",
					  "SIGNOPE",  "9x",	  " 9",	    "9 ",     "SIGTERM ",
					  "RTMIN+31", "RTMAX-31", "RTMIN+", "RTMIN-1"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(parse(bad[i]), 0);
		assert_int_equal(e.kind, ERR_INVALID);
	}
	parse("SIGNOPE");
	assert_string_equal(e.msg, "invalid signal: SIGNOPE");
	assert_int_equal(parse(NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_bad),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
