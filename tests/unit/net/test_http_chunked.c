/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "firmware/net/http.h"

/* Decode in, at most step bytes at a time; the payload goes to out. Returns used bytes or negative.
 */
static ssize_t decode(struct str in, size_t step, char *out, size_t *ret_n)
{
	struct http_chunked c;
	size_t at = 0, n = 0;
	int r = 0;

	http_chunked_init(&c);
	while (r == 0 && at < in.n) {
		struct str payload;
		size_t used = 0, left = in.n - at;

		r = http_chunked_step(&c, str_span(in.p + at, left < step ? left : step), &used,
				      &payload);
		if (payload.n > 0)
			memcpy(out + n, payload.p, payload.n);
		n += payload.n;
		at += used;
	}
	out[n] = '\0';
	*ret_n = n;
	return r < 0 ? r : r == 0 ? 0 : (ssize_t)at;
}

static void test_good(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{"5\r\nhello\r\n0\r\n\r\n", "hello"},
		{"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", "hello world"},
		{"0\r\n\r\n", ""},
		{"000a\r\n0123456789\r\n0\r\n\r\n", "0123456789"},
		{"A;name=value;x=\"y\"\r\n0123456789\r\n0;end\r\n\r\n", "0123456789"},
		{"1\r\nx\r\n0\r\nTrailer: yes\r\nOther: no\r\n\r\n", "x"},
	};
	char out[64];
	size_t n;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		for (size_t step = 1; step < 40; step++) {
			struct str in = str_from(cases[i].text);

			assert_int_equal(decode(in, step, out, &n), (ssize_t)in.n);
			assert_string_equal(out, cases[i].want);
		}
}

static void test_leftover(void **state)
{
	struct str in = STR("1\r\nx\r\n0\r\n\r\nGET / HTTP/1.1");
	char out[64];
	size_t n;

	(void)state;
	assert_int_equal(decode(in, 1000, out, &n), (ssize_t)in.n - 14);
}

static void test_bad(void **state)
{
	static const char *const cases[] = {
		"\r\n",
		"x\r\n",
		" 5\r\nhello\r\n",
		"5 \r\nhello\r\n",
		"-5\r\n",
		"+5\r\n",
		"0x5\r\n",
		"5\nhello\r\n",
		"5\rhello",
		"5\r\nhelloX\r\n",
		"5\r\nhello\n",
		"5\r\nhello\rX",
		"0\r\n folded\r",
		"0\r\n\n",
		"0\n",
		"0\r\nA: b\n",
		"0\r\n\rX",
		"5;a\nb\r\n",
		"5;\x01\r\n",
		"1234567890abcdef\r\n",
		"0000000000000005\r\nhello\r\n",
	};
	char out[64];
	size_t n;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		for (size_t step = 1; step < 20; step += 18)
			if (decode(str_from(cases[i]), step, out, &n) != -EINVAL)
				fail_msg("case %zu step %zu", i, step);
}

static void test_bounds(void **state)
{
	static char text[8192];
	char out[64];
	size_t n;

	(void)state;
	memset(text, 'a', sizeof(text));
	memcpy(text, "5;", 2);
	assert_int_equal(decode(str_span(text, 200), 1, out, &n), 0);
	assert_int_equal(decode(str_span(text, 400), 1, out, &n), -EINVAL);
	memset(text, 'a', sizeof(text));
	memcpy(text, "0\r\nA:", 5);
	assert_int_equal(decode(str_span(text, 4000), 7, out, &n), 0);
	assert_int_equal(decode(str_span(text, sizeof(text)), 7, out, &n), -EINVAL);
	for (size_t i = 3; i + 6 < sizeof(text); i += 6)
		memcpy(text + i, "A: b\r\n", 6);
	assert_int_equal(decode(str_span(text, sizeof(text)), 7, out, &n), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_leftover),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
