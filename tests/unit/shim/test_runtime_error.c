/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "runtime/shim/runtime_error.h"

#define CREATE                                                                                     \
	"failed to create task for container: failed to create shim task: OCI runtime create "     \
	"failed: "

static struct runtime_error e;

static void from_log(const char *log, bool is_exec)
{
	runtime_error_from_log(str_from(log), STR(""), "/usr/bin/runc", is_exec, &e);
}

static void test_not_found(void **state)
{
	(void)state;
	from_log("{\"level\":\"warning\",\"msg\":\"odd\",\"time\":\"t\"}\n"
		 "{\"level\":\"error\",\"msg\":\"runc run failed: unable to start container "
		 "process: exec: "
		 "\\\"nosuch\\\": executable file not found in $PATH\",\"time\":\"t\"}\n",
		 false);
	assert_string_equal(e.text,
			    CREATE "runc create failed: unable to start container process: exec: "
				   "\"nosuch\": executable file not found in $PATH: unknown");
	assert_int_equal(e.code, 127);
	assert_true(runtime_error_is_invalid(&e));
}

static void test_codes(void **state)
{
	(void)state;
	from_log("{\"level\":\"error\",\"msg\":\"exec failed: exec: \\\"/x\\\": permission "
		 "denied\"}",
		 true);
	assert_int_equal(e.code, 126);
	from_log("{\"level\":\"error\",\"msg\":\"exec failed: exec: \\\"/x\\\": is a directory\"}",
		 true);
	assert_int_equal(e.code, 126);
	from_log("{\"level\":\"error\",\"msg\":\"exec failed: something else\"}", true);
	assert_int_equal(e.code, 126);
	assert_string_equal(e.text,
			    "OCI runtime exec failed: exec failed: something else: unknown");
	from_log("{\"level\":\"error\",\"msg\":\"runc run failed: cannot set memory limit\"}",
		 false);
	assert_int_equal(e.code, 128);
	assert_false(runtime_error_is_invalid(&e));
}

static void test_crun(void **state)
{
	(void)state;
	from_log("{\"msg\":\"executable file `nosuch` not found in $PATH: No such file or "
		 "directory\","
		 "\"level\":\"error\",\"time\":\"t\"}\n",
		 false);
	assert_int_equal(e.code, 127);
	assert_non_null(strstr(e.text, "exec: \"nosuch\": executable file not found in $PATH"));
	from_log("{\"msg\":\"open executable: Permission denied\",\"level\":\"error\"}", false);
	assert_int_equal(e.code, 126);
	assert_string_equal(e.text, CREATE "open executable: permission denied: unknown");
	from_log("{\"msg\":\"open executable: Operation not permitted\",\"level\":\"error\"}",
		 false);
	assert_int_equal(e.code, 126);
	from_log("{\"msg\":\"executable file `/no/such` not found in $PATH: No such file or "
		 "directory\",\"level\":\"error\"}",
		 false);
	assert_int_equal(e.code, 127);
	assert_non_null(
		strstr(e.text, "exec: \"/no/such\": stat /no/such: no such file or directory"));
}

static void test_nothing(void **state)
{
	(void)state;
	from_log("", false);
	assert_string_equal(e.text, CREATE "runc did not say why: unknown");
	from_log("panic: not json\n{\"level\":\"error\"", false);
	assert_int_equal(e.code, 128);
	from_log("\n\n[]\n1\n", true);
	assert_int_equal(e.code, 126);
}

static void test_long(void **state)
{
	static char log[8000];

	(void)state;
	strcpy(log, "{\"level\":\"error\",\"msg\":\"");
	memset(log + strlen(log), 'x', 7000);
	strcat(log, "\"}");
	from_log(log, false);
	assert_true(strlen(e.text) < sizeof(e.text));
}

static void test_leftover(void **state)
{
	(void)state;
	from_log("{\"level\":\"error\",\"msg\":\"runc run failed: container with given ID already "
		 "exists\"}",
		 false);
	assert_true(runtime_error_is_leftover(&e));
}

static void test_spawn(void **state)
{
	(void)state;
	runtime_error_from_spawn(ENOENT, "runc", false, &e);
	assert_string_equal(
		e.text, "failed to create task for container: failed to start shim: start failed: "
			"exec: \"runc\": executable file not found in $PATH: unknown");
	assert_false(runtime_error_is_invalid(&e));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_not_found), cmocka_unit_test(test_codes),
		cmocka_unit_test(test_crun),	  cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_long),	  cmocka_unit_test(test_leftover),
		cmocka_unit_test(test_spawn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
