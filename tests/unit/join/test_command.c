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
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/join/private.h"

static char dir[64], path_env[256], out[4096];
static struct err e;

const char *task_reason(int error)
{
	return error == ENOENT	 ? "no such file or directory"
	       : error == EISDIR ? "is a directory"
	       : error == EACCES ? "permission denied"
				 : "?";
}

static void put(const char *name, mode_t mode)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	assert_true(fd >= 0 && fchmod(fd, mode) == 0);
	close(fd);
}

static int find(const char *name, const char *path)
{
	char *env[] = {(char *)(uintptr_t) "PATH=/nowhere", (char *)(uintptr_t) "A=b", path_env,
		       NULL};

	snprintf(path_env, sizeof(path_env), "PATH=%s", path);
	err_clear(&e);
	return command_find(name, env, out, sizeof(out), &e);
}

static void test_path(void **state)
{
	char path[200], want[128];

	(void)state;
	snprintf(path, sizeof(path), "/nonesuch:%s/sub:%s", dir, dir);
	snprintf(want, sizeof(want), "%s/prog", dir);
	assert_int_equal(find("prog", path), 0);
	assert_string_equal(out, want);
	/* A directory and a file that nobody may execute are passed by. */
	snprintf(want, sizeof(want), "%s/sub/plain", dir);
	assert_int_equal(find("sub", dir), -ENOENT);
	assert_string_equal(e.msg, "exec: \"sub\": executable file not found in $PATH");
	assert_int_equal(find("plain", dir), -ENOENT);
	assert_int_equal(find("prog", ""), -ENOENT);
	assert_int_equal(find("", dir), -ENOENT);
	assert_string_equal(e.msg, "exec: \"\": executable file not found in $PATH");
}

static void test_relative(void **state)
{
	(void)state;
	assert_int_equal(chdir(dir), 0);
	assert_int_equal(find("prog", "/nonesuch:"), -ENOENT);
	assert_int_equal(find("prog", ":/nonesuch"), -EPERM);
	assert_string_equal(e.msg,
			    "exec: \"prog\": cannot run executable found relative to current "
			    "directory");
	assert_int_equal(find("./prog", ""), 0);
	assert_string_equal(out, "./prog");
	assert_int_equal(chdir("/"), 0);
}

static void test_slash(void **state)
{
	char name[128], want[300];

	(void)state;
	snprintf(name, sizeof(name), "%s/none", dir);
	snprintf(want, sizeof(want), "exec: \"%s\": stat %s: no such file or directory", name,
		 name);
	assert_int_equal(find(name, ""), -ENOENT);
	assert_string_equal(e.msg, want);
	snprintf(want, sizeof(want), "exec: \"%s\": is a directory", dir);
	assert_int_equal(find(dir, ""), -EPERM);
	assert_string_equal(e.msg, want);
	snprintf(name, sizeof(name), "%s/plain", dir);
	snprintf(want, sizeof(want), "exec: \"%s\": permission denied", name);
	assert_int_equal(find(name, ""), -EPERM);
	assert_string_equal(e.msg, want);
	snprintf(name, sizeof(name), "%s/prog", dir);
	assert_int_equal(find(name, ""), 0);
	assert_string_equal(out, name);
}

static void test_too_long(void **state)
{
	static char name[5000];

	(void)state;
	memset(name, 'x', sizeof(name) - 1);
	assert_int_equal(find(name, dir), -ENOENT);
	name[0] = '/';
	assert_true(find(name, dir) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_path),
		cmocka_unit_test(test_relative),
		cmocka_unit_test(test_slash),
		cmocka_unit_test(test_too_long),
	};
	char command[128];
	int r;

	snprintf(dir, sizeof(dir), "/tmp/test-command-XXXXXX");
	if (!mkdtemp(dir))
		return 1;
	snprintf(command, sizeof(command), "%s/sub", dir);
	(void)mkdir(command, 0755);
	put("prog", 0755);
	put("plain", 0644);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command) || r;
}
