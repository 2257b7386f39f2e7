/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "api/router/coding.h"

static void chooses(void **state)
{
	static const struct {
		const char *accept;
		enum coding want;
	} cases[] = {
		{"", CODING_IDENTITY},
		{"gzip", CODING_GZIP},
		{"GZip", CODING_GZIP},
		{"gzip, deflate, br", CODING_GZIP},
		{"deflate, gzip", CODING_GZIP},
		{"deflate", CODING_DEFLATE},
		{"deflate;q=0.9, gzip;q=0.5", CODING_DEFLATE},
		{"gzip;q=0", CODING_IDENTITY},
		{"gzip;q=0.000", CODING_IDENTITY},
		{"gzip;q=0.001", CODING_GZIP},
		{"identity, gzip", CODING_IDENTITY},
		{"identity;q=0.5, gzip", CODING_GZIP},
		{"*", CODING_IDENTITY},
		{"br, zstd", CODING_IDENTITY},
		{",,;;=,q=1", CODING_IDENTITY},
		{"gzip;q=", CODING_IDENTITY},
		{"gzipp", CODING_IDENTITY},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(coding_choose(str_from(cases[i].accept)), cases[i].want);
	assert_string_equal(coding_name(CODING_GZIP), "gzip");
	assert_string_equal(coding_name(CODING_DEFLATE), "deflate");
	assert_null(coding_name(CODING_IDENTITY));
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(chooses)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
