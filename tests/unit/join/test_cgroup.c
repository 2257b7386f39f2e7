/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>

#include "runtime/join/private.h"

/* Not reached here: they belong to the child. */
void task_fail(struct join_task *t, const char *fmt, ...)
{
	(void)t;
	(void)fmt;
	abort();
}

void task_fail_errno(struct join_task *t, int error, const char *what)
{
	(void)t;
	(void)error;
	(void)what;
	abort();
}

void task_unsupported(struct join_task *t, const char *what)
{
	(void)t;
	(void)what;
	abort();
}

#define V1                                                                                         \
	"31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n"                      \
	"32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct\n"     \
	"35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"               \
	"40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,name=systemd\n"        \
	"41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n"
#define V2 "26 23 0:22 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n"

static struct cgroup_texts texts;
static struct cgroup_target target;

static void given(const char *init, const char *own, const char *mounts)
{
	texts = (struct cgroup_texts){str_from(init), str_from(own), str_from(mounts),
				      "/docker/abc"};
}

static void gives(bool v2, const char *path)
{
	assert_int_equal(cgroup_next(&texts, &target), 1);
	assert_int_equal(target.v2, v2);
	assert_string_equal(target.path, path);
}

static void test_v1(void **state)
{
	(void)state;
	given("9:name=systemd:/docker/abc\n8:memory:/docker/abc\n3:cpuset:/\n"
	      "2:cpu,cpuacct:/docker/abc/sub\n0::/docker/abc\n",
	      "9:name=systemd:/\n8:memory:/our/own\n3:cpuset:/\n2:cpu,cpuacct:/\n0::/\n", V1);
	gives(false, "/sys/fs/cgroup/systemd/docker/abc");
	gives(false, "/sys/fs/cgroup/memory/docker/abc");
	gives(false, "/sys/fs/cgroup/cpu,cpuacct/docker/abc"); /* not where process 1 went */
	gives(true, "/sys/fs/cgroup/unified/docker/abc");
	assert_string_equal(target.init_path, "");
	assert_int_equal(cgroup_next(&texts, &target), 0);
}

static void test_v2(void **state)
{
	(void)state;
	given("0::/docker/abc/init.scope\n", "0::/system.slice/serin.service\n", V2);
	gives(true, "/sys/fs/cgroup/docker/abc");
	assert_string_equal(target.init_path, "/sys/fs/cgroup/docker/abc/init.scope");
	assert_int_equal(cgroup_next(&texts, &target), 0);
}

/* The hierarchy is mounted from one of its groups on: we are in a container ourselves. */
static void test_nested(void **state)
{
	(void)state;
	given("0::/outer/docker/abc\n", "0::/outer\n",
	      "26 23 0:22 /outer /sys/fs/cgroup rw - cgroup2 cgroup rw\n");
	gives(true, "/sys/fs/cgroup/docker/abc");
	given("0::/elsewhere/docker/abc\n", "0::/outer\n",
	      "26 23 0:22 /outer /sys/fs/cgroup rw - cgroup2 cgroup rw\n");
	assert_int_equal(cgroup_next(&texts, &target), -ENOTSUP);
}

static void test_not_understood(void **state)
{
	(void)state;
	given("8:memory:/other\n", "8:memory:/\n", V1);
	assert_int_equal(cgroup_next(&texts, &target), -ENOTSUP);
	given("8:memory:/docker/abcd\n", "8:memory:/\n", V1);
	assert_int_equal(cgroup_next(&texts, &target), -ENOTSUP);
	given("7:pids:/docker/abc\n", "7:pids:/\n", V1);
	assert_int_equal(cgroup_next(&texts, &target), -ENOTSUP);
	given("8:memory:/docker/abc/../../x\n", "8:memory:/\n", V1);
	assert_int_equal(cgroup_next(&texts, &target), -ENOTSUP);
	given("8:memory:/docker/abc\n", "8:memory:/\n",
	      "35 31 0:32 / /sys/fs/c\\040group rw - cgroup cgroup rw,memory\n");
	assert_int_equal(cgroup_next(&texts, &target), -ENOTSUP);
	given("", "", "");
	assert_int_equal(cgroup_next(&texts, &target), 0);
	given("\n::\nx", "", "\n - \n-");
	assert_int_equal(cgroup_next(&texts, &target), -ENOTSUP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_v1),
		cmocka_unit_test(test_v2),
		cmocka_unit_test(test_nested),
		cmocka_unit_test(test_not_understood),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
