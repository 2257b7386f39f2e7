/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "firmware/fmt/sha256.h"

#define EMPTY "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define ABC "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define MILLION_A "sha256:cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"

static void known_hashes(void **state)
{
	struct digest d;
	struct sha256 s;

	(void)state;
	digest_of("", 0, &d);
	assert_string_equal(d.text, EMPTY);
	digest_of(NULL, 0, &d);
	assert_string_equal(d.text, EMPTY);
	digest_of("abc", 3, &d);
	assert_string_equal(d.text, ABC);
	assert_string_equal(digest_hex(&d), &ABC[7]);
	sha256_init(&s);
	for (int i = 0; i < 10000; i++) {
		static const char hundred[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
					      "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
		size_t cut = (size_t)i % 100;

		sha256_update(&s, hundred, cut);
		sha256_update(&s, hundred + cut, 100 - cut);
	}
	digest_from_sha256(&s, &d);
	assert_string_equal(d.text, MILLION_A);
}

static void parses_strictly(void **state)
{
	static const char *const bad[] = {
		"",
		"sha256:",
		"sha256:ba7816bf",
		"sha512:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
		"sha256:BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD",
		"sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015a",
		"sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad0",
		"sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ag",
		"sha256:../816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
		"sha256 ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
	};
	struct digest d = {""}, other;
	struct err e = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(digest_parse(str_from(bad[i]), &d, &e), -EINVAL);
		assert_string_equal(e.msg, "invalid checksum digest format");
		assert_string_equal(d.text, "");
	}
	assert_string_equal(digest_hex(&d), "");
	assert_int_equal(digest_parse(STR(ABC), &d, &e), 0);
	assert_string_equal(d.text, ABC);
	digest_of("abc", 3, &other);
	assert_true(digest_eq(&d, &other));
	digest_of("abd", 3, &other);
	assert_false(digest_eq(&d, &other));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_hashes),
		cmocka_unit_test(parses_strictly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
