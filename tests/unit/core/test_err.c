/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "firmware/core/err.h"

static void test_set(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(err_code(&e), 0);
	assert_int_equal(err_set(&e, ERR_NOT_FOUND, "No such container: %s", "x"), -ENOENT);
	assert_string_equal(e.msg, "No such container: x");
	assert_int_equal(e.kind, ERR_NOT_FOUND);
	assert_int_equal(err_code(&e), -ENOENT);
	assert_int_equal(err_set(NULL, ERR_CONFLICT, "x"), -EBUSY);
	err_clear(&e);
	assert_int_equal(err_code(&e), 0);
	assert_string_equal(e.msg, "");
}

static void test_sys(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(err_sys(&e, ENOSPC, "write %s", "f"), -ENOSPC);
	assert_string_equal(e.msg, "write f: no space left on device");
	assert_int_equal(e.kind, ERR_SYSTEM);
	assert_int_equal(err_code(&e), -ENOSPC);
	assert_int_equal(err_sys(&e, -EIO, "x"), -EIO);
	assert_int_equal(err_sys(&e, 0, "x"), -EIO);
	assert_int_equal(err_sys(&e, -ETIMEDOUT, "x"), -ETIMEDOUT);
	assert_int_equal(e.kind, ERR_TIMEOUT);
	assert_int_equal(err_code(&e), -ETIMEDOUT);
	assert_int_equal(err_sys(&e, ECANCELED, "x"), -ECANCELED);
	assert_int_equal(e.kind, ERR_CANCELLED);
	assert_int_equal(err_sys(&e, 4711, "x"), -4711);
	assert_string_equal(e.msg, "x: errno 4711");
}

static void test_wrap(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	err_set(&e, ERR_INVALID, "inner");
	assert_int_equal(err_wrap(&e, "outer %d", 1), -EINVAL);
	assert_string_equal(e.msg, "outer 1: inner");
	assert_int_equal(err_wrap(NULL, "x"), -EIO);
	/* A message may be part of its own successor. */
	err_set(&e, ERR_CONFLICT, "again: %s", e.msg);
	assert_string_equal(e.msg, "again: outer 1: inner");
}

static void test_too_long(void **state)
{
	struct err e = ERR_INIT;
	static char text[2 * ERR_MSG_MAX];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	err_set(&e, ERR_INVALID, "%s", text);
	assert_int_equal(strlen(e.msg), ERR_MSG_MAX - 1);
	err_wrap(&e, "outer");
	assert_int_equal(strlen(e.msg), ERR_MSG_MAX - 1);
	assert_memory_equal(e.msg, "outer: xxx", 10);
	err_wrap(&e, "%s", text);
	assert_int_equal(strlen(e.msg), ERR_MSG_MAX - 1);
	err_sys(&e, ENOENT, "%s", text);
	assert_int_equal(strlen(e.msg), ERR_MSG_MAX - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_set),
		cmocka_unit_test(test_sys),
		cmocka_unit_test(test_wrap),
		cmocka_unit_test(test_too_long),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
