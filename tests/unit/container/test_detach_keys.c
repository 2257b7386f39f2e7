/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/container/harness.h"

static int parse(const char *text, struct str *ret, struct err *e)
{
	*e = (struct err)ERR_INIT;
	return detach_keys_parse(str_from(text), "detach", &arena, ret, e);
}

static void keys_become_bytes(void **state)
{
	static const struct {
		const char *text, *bytes;
		size_t n;
	} examples[] = {
		{"ctrl-p,ctrl-q", "\x10\x11", 2},
		{"ctrl-a", "\x01", 1},
		{"ctrl-z", "\x1a", 1},
		{"ctrl-@", "\0", 1},
		{"ctrl-[", "\x1b", 1},
		{"ctrl-\\", "\x1c", 1},
		{"ctrl-]", "\x1d", 1},
		{"ctrl-^", "\x1e", 1},
		{"ctrl-_", "\x1f", 1},
		{"a", "a", 1},
		{"a,b,ctrl-c", "ab\x03", 3},
		{"~,.", "~.", 2},
		{"", "", 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(examples); i++) {
		struct str keys;
		struct err e;

		assert_int_equal(parse(examples[i].text, &keys, &e), 0);
		assert_int_equal(keys.n, examples[i].n);
		assert_memory_equal(keys.p, examples[i].bytes, keys.n);
	}
}

static void other_texts_are_refused(void **state)
{
	static const char *const bad[] = {"ctrl-",  "ctrl-A",	"ctrl-1",	"ctrl-ab",
					  "ab",	    "ctrl-p,",	",a",		"a,,b",
					  "Ctrl-a", "ctrl-p;q", "ctrl-p ctrl-q"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct str keys = {0};
		struct err e;

		if (parse(bad[i], &keys, &e) == 0)
			fail_msg("%s is taken", bad[i]);
		assert_int_equal(e.kind, ERR_INVALID);
		assert_string_equal(
			e.msg, arena_printf(&arena, "Invalid detach keys (%s) provided", bad[i]));
		assert_null(keys.p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_become_bytes),
		cmocka_unit_test(other_texts_are_refused),
	};

	return cmocka_run_group_tests(tests, open_arena, close_arena);
}
