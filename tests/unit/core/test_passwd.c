/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "firmware/core/passwd.h"

#define PASSWD                                                                                     \
	"# comment\n"                                                                              \
	"root:x:0:0:root:/root:/bin/sh\n"                                                          \
	"\n"                                                                                       \
	"web:x:33:34:web user:/var/www:/bin/false\r\n"                                             \
	"broken:x:abc:0:::\n"                                                                      \
	"short:x:77:78\n"                                                                          \
	"last:x:1000:1000::/home/last"
#define GROUP                                                                                      \
	"root:x:0:root\n"                                                                          \
	"www:x:34:\n"                                                                              \
	"audio:x:29:web,last\n"                                                                    \
	"video:x:44:last,web2\n"                                                                   \
	"bad:x:x:web\n"                                                                            \
	"staff:x:50:web"

static struct passwd_user resolve(const char *spec)
{
	struct passwd_user u = {.uid = 4711};
	struct err e = ERR_INIT;

	assert_int_equal(passwd_resolve(str_from(spec), STR(PASSWD), STR(GROUP), &u, &e), 0);
	return u;
}

static void test_users(void **state)
{
	struct passwd_user u = resolve("");

	(void)state;
	assert_int_equal(u.uid, 0);
	assert_string_equal(u.home, "/root");
	u = resolve("web");
	assert_int_equal(u.uid, 33);
	assert_int_equal(u.gid, 34);
	assert_string_equal(u.home, "/var/www");
	assert_int_equal(u.n_groups, 2);
	assert_int_equal(u.groups[0], 29);
	assert_int_equal(u.groups[1], 50);
	u = resolve("33");
	assert_int_equal(u.gid, 34);
	assert_int_equal(u.n_groups, 2);
	u = resolve("last");
	assert_int_equal(u.n_groups, 2);
	assert_string_equal(u.home, "/home/last");
	u = resolve("short");
	assert_int_equal(u.uid, 77);
	assert_string_equal(u.home, "/");
	u = resolve("5555");
	assert_int_equal(u.uid, 5555);
	assert_int_equal(u.gid, 0);
	assert_string_equal(u.home, "/");
}

static void test_groups(void **state)
{
	struct passwd_user u = resolve("web:audio");

	(void)state;
	assert_int_equal(u.gid, 29);
	assert_int_equal(u.n_groups, 0);
	u = resolve("web:7777");
	assert_int_equal(u.gid, 7777);
	u = resolve(":www");
	assert_int_equal(u.uid, 0);
	assert_int_equal(u.gid, 34);
	u = resolve("1:2");
	assert_int_equal(u.uid, 1);
	assert_int_equal(u.gid, 2);
}

static void test_refused(void **state)
{
	static const struct {
		const char *spec, *message;
	} cases[] = {
		{"nobody", "unable to find user nobody: no matching entries in passwd file"},
		{"broken", "unable to find user broken: no matching entries in passwd file"},
		{"web:nope", "unable to find group nope: no matching entries in group file"},
		{"-1", "uids and gids must be in range 0-2147483647"},
		{"-", "unable to find user -: no matching entries in passwd file"},
		{"web:-5", "uids and gids must be in range 0-2147483647"},
		{"2147483648", "uids and gids must be in range 0-2147483647"},
		{"0:99999999999999999999", "uids and gids must be in range 0-2147483647"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct passwd_user u = {.uid = 4711};
		struct err e = ERR_INIT;

		assert_int_equal(
			passwd_resolve(str_from(cases[i].spec), STR(PASSWD), STR(GROUP), &u, &e),
			-EINVAL);
		assert_string_equal(e.msg, cases[i].message);
		assert_int_equal(u.uid, 4711);
	}
}

static void test_empty_files(void **state)
{
	struct passwd_user u;
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(passwd_resolve(STR(""), STR(""), STR(""), &u, &e), 0);
	assert_int_equal(u.uid, 0);
	assert_string_equal(u.home, "/");
	assert_int_equal(passwd_resolve(STR("root"), STR(""), STR(""), &u, &e), -EINVAL);
}

static void test_group_alone(void **state)
{
	uint32_t gid = 5;
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(group_resolve(STR("audio"), STR(GROUP), &gid, &e), 0);
	assert_int_equal(gid, 29);
	assert_int_equal(group_resolve(STR("123"), STR(GROUP), &gid, &e), 0);
	assert_int_equal(gid, 123);
	assert_int_equal(group_resolve(STR("docker"), STR(GROUP), &gid, &e), -EINVAL);
	assert_int_equal(group_resolve(STR(""), STR(GROUP), &gid, &e), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_users),	    cmocka_unit_test(test_groups),
		cmocka_unit_test(test_refused),	    cmocka_unit_test(test_empty_files),
		cmocka_unit_test(test_group_alone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
