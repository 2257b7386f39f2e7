/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "firmware/core/mem.h"
#include "firmware/fmt/base64.h"

static struct arena arena;

static int open_arena(void **state)
{
	(void)state;
	arena_open_heap(&arena, 1 << 20);
	return 0;
}

static int close_arena(void **state)
{
	(void)state;
	arena_done(&arena);
	return 0;
}

static void known_texts(void **state)
{
	static const struct {
		const char *plain, *coded;
	} cases[] = {
		{"", ""},
		{"f", "Zg=="},
		{"fo", "Zm8="},
		{"foo", "Zm9v"},
		{"foob", "Zm9vYg=="},
		{"fooba", "Zm9vYmE="},
		{"foobar", "Zm9vYmFy"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf b;
		struct str s;

		buf_init(&b, &arena, 100);
		base64_encode(&b, cases[i].plain, strlen(cases[i].plain));
		assert_string_equal(buf_text(&b), cases[i].coded);
		assert_int_equal(base64_decode(str_from(cases[i].coded), &arena, &s), 0);
		assert_true(str_eqz(s, cases[i].plain));
		assert_int_equal(s.p[s.n], 0);
	}
}

static void both_alphabets_and_missing_padding(void **state)
{
	static const char *const texts[] = {"+/+/", "-_-_", "+_-/"};
	struct buf b;
	struct str s;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		assert_int_equal(base64_decode(str_from(texts[i]), &arena, &s), 0);
		assert_int_equal(s.n, 3);
		assert_memory_equal(s.p, "\xfb\xff\xbf", 3);
	}
	buf_init(&b, &arena, 100);
	base64_encode_url(&b, "\xfb\xff\xbf\xfb", 4);
	assert_string_equal(buf_text(&b), "-_-_-w==");
	assert_int_equal(base64_decode(STR("Zg"), &arena, &s), 0);
	assert_true(str_eqz(s, "f"));
	assert_int_equal(base64_decode(STR("Zm9vYmE"), &arena, &s), 0);
	assert_true(str_eqz(s, "fooba"));
}

static void refuses_what_is_not(void **state)
{
	static const char *const texts[] = {"Z",     "Zg=",  "Zg===", "Zm9v=",
					    "=",     "====", "Zm9vZ", "Zm 9",
					    "Zm\n9", "Z=g=", "Zg=a",  "\xc3\xa4zz"};
	struct str s = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		assert_int_equal(base64_decode(str_from(texts[i]), &arena, &s), -EINVAL);
		assert_null(s.p);
	}
	assert_int_equal(base64_decode(str_span("Zm\0v", 4), &arena, &s), -EINVAL);
}

static void every_length_comes_back(void **state)
{
	uint8_t bytes[256];

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7 + 3);
	for (size_t n = 0; n <= sizeof(bytes); n++) {
		struct buf b;
		struct str s;

		buf_init(&b, &arena, 1000);
		if (n & 1)
			base64_encode(&b, bytes, n);
		else
			base64_encode_url(&b, bytes, n);
		assert_int_equal(base64_decode(buf_str(&b), &arena, &s), 0);
		assert_int_equal(s.n, n);
		assert_memory_equal(s.p, bytes, n);
		arena_reset(&arena);
	}
}

static void no_memory(void **state)
{
	struct str s = {0};

	(void)state;
	arena_reset(&arena);
	mem_fail_after(0);
	assert_int_equal(base64_decode(STR("Zm9v"), &arena, &s), -ENOMEM);
	mem_fail_after(-1);
	assert_null(s.p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_texts),
		cmocka_unit_test(both_alphabets_and_missing_padding),
		cmocka_unit_test(refuses_what_is_not),
		cmocka_unit_test(every_length_comes_back),
		cmocka_unit_test(no_memory),
	};

	return cmocka_run_group_tests(tests, open_arena, close_arena);
}
