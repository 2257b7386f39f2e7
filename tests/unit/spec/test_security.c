/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>

#include "tests/unit/spec/document.h"

static const char *items[8];

static void options(const char *a, const char *b)
{
	items[0] = a;
	items[1] = b;
	host.security_opt = (struct texts){items, b ? 2 : 1, true};
}

static void test_caps(void **state)
{
	static const char *add[] = {"net_admin", "CAP_SYS_TIME"}, *drop[] = {"MKNOD"},
			  *all[] = {"all"};

	(void)state;
	make();
	expect("process.capabilities.bounding",
	       "[\"CAP_CHOWN\",\"CAP_DAC_OVERRIDE\",\"CAP_FOWNER\",\"CAP_FSETID\",\"CAP_KILL\","
	       "\"CAP_SETGID\","
	       "\"CAP_SETUID\",\"CAP_SETPCAP\",\"CAP_NET_BIND_SERVICE\",\"CAP_NET_RAW\",\"CAP_SYS_"
	       "CHROOT\","
	       "\"CAP_MKNOD\",\"CAP_AUDIT_WRITE\",\"CAP_SETFCAP\"]");
	assert_false(holds("\"settimeofday\""));
	host.cap_add = (struct texts){add, 2, true};
	host.cap_drop = (struct texts){drop, 1, true};
	make();
	assert_true(holds("\"CAP_NET_ADMIN\""));
	assert_true(holds("\"settimeofday\""));
	assert_false(holds("\"CAP_MKNOD\""));
	host.cap_drop = (struct texts){all, 1, true};
	make();
	expect("process.capabilities.bounding", "[\"CAP_NET_ADMIN\",\"CAP_SYS_TIME\"]");
	host.cap_add = (struct texts){0};
	make();
	expect("process.capabilities.bounding", "[]");
}

static void test_unknown_cap(void **state)
{
	static const char *bad[] = {"x"};

	(void)state;
	host.cap_add = (struct texts){bad, 1, true};
	assert_int_equal(spec_check(&host, &e), -EINVAL);
	assert_string_equal(e.msg, "invalid CapAdd: unknown capability: \"CAP_X\"");
	bad[0] = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
	assert_int_equal(spec_check(&host, &e), -EINVAL);
}

static void test_privileged(void **state)
{
	struct texts masked, readonly;

	(void)state;
	host.privileged = true;
	make();
	assert_false(has("linux.seccomp"));
	expect("linux.maskedPaths", "[]");
	expect("linux.readonlyPaths", "[]");
	expect("linux.resources.devices", "[{\"allow\":true,\"access\":\"rwm\"}]");
	assert_false(holds("\"ro\""));
	spec_effective_paths(&host, &arena, &masked, &readonly);
	assert_int_equal(masked.n + readonly.n, 0);
}

static void test_options(void **state)
{
	(void)state;
	options("no-new-privileges", "seccomp=unconfined");
	make();
	expect("process.noNewPrivileges", "true");
	assert_false(has("linux.seccomp"));
	options("no-new-privileges=false", "systempaths=unconfined");
	make();
	expect("process.noNewPrivileges", "false");
	expect("linux.maskedPaths", "[]");
	options("label=disable", "apparmor:unconfined");
	assert_int_equal(spec_check(&host, &e), 0);
	options("label:type:x", NULL);
	assert_int_equal(spec_check(&host, &e), 0);
}

static void test_bad_options(void **state)
{
	static const char *const bad[] = {"nonsense", "nonsense=1", "no-new-privileges=maybe",
					  "systempaths=x", "seccomp"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		options(bad[i], NULL);
		assert_int_equal(spec_check(&host, &e), -EINVAL);
		assert_non_null(strstr(e.msg, "invalid --security-opt"));
	}
	options("apparmor=mine", NULL);
	assert_int_equal(spec_check(&host, &e), 0);
}

/* clone must not make namespaces, clone3 must not exist, but for who may do as it likes anyway. */
static void test_clone(void **state)
{
	static const char *add[] = {"SYS_ADMIN"};

	(void)state;
	make();
	assert_true(
		holds("{\"names\":[\"clone\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":[{\"index\":0,"
		      "\"value\":2114060288,\"valueTwo\":0,\"op\":\"SCMP_CMP_MASKED_EQ\"}]}"));
	assert_true(
		holds("{\"names\":[\"clone3\"],\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":38}"));
	assert_false(holds("\"mount\","));
	host.cap_add = (struct texts){add, 1, true};
	make();
	assert_false(holds("SCMP_CMP_MASKED_EQ"));
	assert_true(holds("\"mount\","));
}

static const char profile[] = "seccomp={\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":1,"
			      "\"archMap\":[],\"syscalls\":["
			      "{\"names\":[\"read\",\"write\"],\"action\":\"SCMP_ACT_ALLOW\","
			      "\"args\":null,\"comment\":\"c\"},"
			      "{\"name\":\"old\",\"action\":\"SCMP_ACT_ALLOW\"},"
			      "{\"names\":[\"timed\"],\"action\":\"SCMP_ACT_ALLOW\",\"includes\":{"
			      "\"caps\":[\"CAP_SYS_TIME\"]}},"
			      "{\"names\":[\"untimed\"],\"action\":\"SCMP_ACT_ALLOW\",\"excludes\":"
			      "{\"caps\":[\"CAP_SYS_TIME\"]}},"
			      "{\"names\":[\"future\"],\"action\":\"SCMP_ACT_ALLOW\",\"includes\":{"
			      "\"minKernel\":\"99.1\"}},"
			      "{\"names\":[\"present\"],\"action\":\"SCMP_ACT_ALLOW\",\"includes\":"
			      "{\"minKernel\":\"3.1\"}},"
			      "{\"names\":[\"alien\"],\"action\":\"SCMP_ACT_ALLOW\",\"includes\":{"
			      "\"arches\":[\"vax\"]}}]}";

static void test_profile(void **state)
{
	(void)state;
	options(profile, NULL);
	assert_int_equal(spec_check(&host, &e), 0);
	make();
	expect("linux.seccomp.syscalls",
	       "[{\"names\":[\"read\",\"write\"],\"action\":\"SCMP_ACT_ALLOW\"},"
	       "{\"names\":[\"old\"],\"action\":\"SCMP_ACT_ALLOW\"},"
	       "{\"names\":[\"untimed\"],\"action\":\"SCMP_ACT_ALLOW\"},"
	       "{\"names\":[\"present\"],\"action\":\"SCMP_ACT_ALLOW\"}]");
	expect("linux.seccomp.defaultErrnoRet", "1");
	options("seccomp={\"defaultAction\":", NULL);
	assert_int_equal(spec_check(&host, &e), -EINVAL);
	options("seccomp=[]", NULL);
	assert_int_equal(spec_check(&host, &e), -EINVAL);
}

static void test_own_paths(void **state)
{
	static const char *paths[] = {"/only"};

	(void)state;
	host.masked_paths = (struct texts){paths, 1, true};
	host.readonly_paths = (struct texts){NULL, 0, true};
	make();
	expect("linux.maskedPaths", "[\"/only\"]");
	expect("linux.readonlyPaths", "[]");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_caps),    TEST(test_unknown_cap), TEST(test_privileged),
		TEST(test_options), TEST(test_bad_options), TEST(test_clone),
		TEST(test_profile), TEST(test_own_paths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
