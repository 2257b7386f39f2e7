/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an OCI runtime says of itself.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "runtime/oci_version.h"

static void runtimes_are_understood(void **state)
{
	static const struct {
		const char *said, *version, *commit;
	} examples[] = {
		{"runc version 1.1.5+ds1\ncommit: 1.1.5+ds1-1+deb12u1\nspec: 1.0.2-dev\n",
		 "1.1.5+ds1", "1.1.5+ds1-1+deb12u1"},
		{"crun version 1.8.1\ncommit: f8a096be\nrundir: /run/crun\nspec: 1.0.0\n+SYSTEMD\n",
		 "1.8.1", "f8a096be"},
		{"youki version 0.3.0\ncommit: 0.3.0-0-gd5", "0.3.0", "0.3.0-0-gd5"},
		{"commit: abc", "", "abc"},
		{"x version  1 \ncommit:\tc\n", "1", "c"},
		{"a version 1\nb version 2\ncommit: c\ncommit: d", "1", "c"},
		{"version version 3", "3", ""},
		{"runc version", "", ""},
		{"runc version 1\x01\ncommit: a b", "", ""},
		{"no such thing", "", ""},
		{"", "", ""},
		{"\n\n\n", "", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
		struct oci_version got = {"old", "old"};

		oci_version_parse(str_from(examples[i].said), &got);
		assert_string_equal(got.version, examples[i].version);
		assert_string_equal(got.commit, examples[i].commit);
	}
}

static void what_does_not_fit_is_left_out(void **state)
{
	char said[512], *p = said;
	struct oci_version got;

	(void)state;
	p += snprintf(p, sizeof(said), "runc version ");
	memset(p, '1', sizeof(got.version));
	p += sizeof(got.version);
	p += snprintf(p, 32, "\ncommit: ");
	memset(p, 'c', sizeof(got.commit) - 1);
	p += sizeof(got.commit) - 1;
	oci_version_parse(str_span(said, (size_t)(p - said)), &got);
	assert_string_equal(got.version, "");
	assert_int_equal(strlen(got.commit), sizeof(got.commit) - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(runtimes_are_understood),
		cmocka_unit_test(what_does_not_fit_is_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
