/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "firmware/core/file.h"
#include "runtime/shim/private.h"

static char folder[] = "/tmp/test_exit_file.XXXXXX";
static int dir;

static int open_folder(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	dir = open(folder, O_RDONLY | O_DIRECTORY);
	return dir < 0;
}

static int remove_folder(void **state)
{
	(void)state;
	unlinkat(dir, "exit.json", 0);
	return rmdir(folder);
}

static void test_round_trip(void **state)
{
	struct shim_exit x = {.code = 137,
			      .signo = 9,
			      .oom_killed = true,
			      .started_ns = 1795192211807810232,
			      .finished_ns = 1795192212000000001};
	struct shim_exit got;

	(void)state;
	assert_int_equal(exit_file_write(dir, &x, 77), 0);
	assert_int_equal(shim_read_exit(folder, &got, NULL), 0);
	assert_int_equal(got.code, 137);
	assert_int_equal(got.signo, 9);
	assert_true(got.oom_killed);
	assert_true(got.started_ns == x.started_ns && got.finished_ns == x.finished_ns);
}

static void write_text(const char *text)
{
	assert_int_equal(file_replace_at(dir, "exit.json", str_from(text), 0600, false, NULL), 0);
}

static void test_bad(void **state)
{
	struct err e = ERR_INIT;
	struct shim_exit got;

	(void)state;
	unlinkat(dir, "exit.json", 0);
	assert_int_equal(shim_read_exit(folder, &got, &e), -ENOENT);
	write_text("{");
	assert_true(shim_read_exit(folder, &got, &e) < 0);
	write_text("{\"pid\":1}");
	assert_true(shim_read_exit(folder, &got, &e) < 0);
	write_text("{\"exitCode\":99999999999}");
	assert_true(shim_read_exit(folder, &got, &e) < 0);
	write_text("{\"exitCode\":3,\"startedAt\":\"nonsense\",\"signal\":\"x\"}");
	assert_int_equal(shim_read_exit(folder, &got, &e), 0);
	assert_int_equal(got.code, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_bad),
	};

	return cmocka_run_group_tests(tests, open_folder, remove_folder);
}
