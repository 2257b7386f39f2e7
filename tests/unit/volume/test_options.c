/* SPDX-License-Identifier: Apache-2.0 */
/* What the local driver's options may say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

#include "runtime/volume/private.h"

static struct volume_mount_plan plan;

static void parse(const char *o, unsigned long flags, unsigned long propagation, const char *data)
{
	struct err e = ERR_INIT;

	assert_int_equal(volume_parse_mount(o, &plan, &e), 0);
	assert_int_equal(plan.flags, flags);
	assert_int_equal(plan.propagation, propagation);
	assert_string_equal(plan.data, data);
}

static void test_mount_options(void **state)
{
	(void)state;
	parse(NULL, 0, 0, "");
	parse("", 0, 0, "");
	parse("defaults", 0, 0, "");
	parse("bind", MS_BIND, 0, "");
	parse("rbind,ro", MS_BIND | MS_REC | MS_RDONLY, 0, "");
	parse("ro,rw", 0, 0, "");
	parse("bind,rshared", MS_BIND, MS_SHARED | MS_REC, "");
	parse("nosuid,nodev,noexec,size=10m,uid=1000", MS_NOSUID | MS_NODEV | MS_NOEXEC, 0,
	      "size=10m,uid=1000");
	parse("addr=10.0.0.1,,vers=4,soft", 0, 0, "addr=10.0.0.1,vers=4,soft");
	parse("noatime,atime,sync,async,dirsync", MS_DIRSYNC, 0, "");
}

static void test_long_mount_options(void **state)
{
	struct err e = ERR_INIT;
	char text[VOLUME_OPTIONS_MAX + 8];

	(void)state;
	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(volume_parse_mount(text, &plan, &e), -EINVAL);
	text[VOLUME_OPTIONS_MAX - 1] = '\0';
	assert_int_equal(volume_parse_mount(text, &plan, &e), 0);
	assert_string_equal(plan.data, text);
}

static void refused(struct text_pair *pairs, size_t n, const char *message)
{
	struct text_map map = {pairs, n, true};
	struct err e = ERR_INIT;

	assert_int_equal(volume_check_options(&map, &e), -EINVAL);
	assert_string_equal(e.msg, message);
}

static void test_driver_options(void **state)
{
	struct text_pair whole[] = {{"type", "nfs"}, {"o", "addr=x"}, {"device", ":/x"}};
	struct text_map map = {whole, 3, true}, none = {0};
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(volume_check_options(&none, &e), 0);
	assert_int_equal(volume_check_options(&map, &e), 0);
	refused((struct text_pair[]){{"x", ""}}, 1, "invalid option: \"x\"");
	refused((struct text_pair[]){{"type", "nfs"}}, 1, "missing required option: \"device\"");
	refused((struct text_pair[]){{"device", "d"}}, 1, "missing required option: \"type\"");
	refused((struct text_pair[]){{"o", "ro"}}, 1, "missing required option: \"device\"");
	refused((struct text_pair[]){{"o", "ro"}, {"type", ""}}, 2,
		"missing required option: \"device\"");
	refused((struct text_pair[]){{"size", "1g"}}, 1,
		"quota size requested but no quota support");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mount_options),
		cmocka_unit_test(test_long_mount_options),
		cmocka_unit_test(test_driver_options),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
