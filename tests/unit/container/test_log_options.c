/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "firmware/core/config.h"
#include "runtime/container/log_options.h"

static int read_json(const char *size, const char *file, struct log_limits *ret, struct err *e)
{
	struct text_pair pairs[2];
	struct text_map map = {pairs, 0, true};

	if (size)
		pairs[map.n++] = (struct text_pair){"max-size", size};
	if (file)
		pairs[map.n++] = (struct text_pair){"max-file", file};
	return log_options_read("json-file", &map, ret, e);
}

static void sizes_are_powers_of_1024(void **state)
{
	static const struct {
		const char *text;
		int64_t bytes;
	} examples[] = {
		{"1", 1},	 {"10b", 10},	     {"10k", 10240},
		{"10K", 10240},	 {"10kb", 10240},    {"10KiB", 10240},
		{"3m", 3145728}, {"2g", 2147483648}, {"1t", 1LL << 40},
	};
	static const char *const bad[] = {"",	 "0",	"-1",	  "m",	 "1x",
					  "1 k", "1mm", "1k ibx", "1bb", "9999999999999999t"};
	struct log_limits l;
	struct err e = ERR_INIT;

	(void)state;
	if (!CONFIG(LOG_JSON))
		skip();
	for (size_t i = 0; i < ARRAY_LEN(examples); i++) {
		assert_int_equal(read_json(examples[i].text, NULL, &l, &e), 0);
		assert_true(l.max_size == examples[i].bytes);
		assert_int_equal(l.max_file, 1);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		if (read_json(bad[i], NULL, &l, &e) == 0)
			fail_msg("%s is taken for a size", bad[i]);
		assert_int_equal(e.kind, ERR_INVALID);
	}
}

static void files_need_a_size(void **state)
{
	struct log_limits l = {5, 5};
	struct err e = ERR_INIT;

	(void)state;
	if (!CONFIG(LOG_JSON))
		skip();
	assert_int_equal(read_json("10m", "3", &l, &e), 0);
	assert_int_equal(l.max_file, 3);
	assert_int_equal(read_json(NULL, "1", &l, &e), 0);
	assert_int_equal(l.max_size, 0);
	assert_true(read_json(NULL, "2", &l, &e) < 0);
	assert_string_equal(e.msg, "max-file needs max-size to be set");
	assert_true(read_json("1m", "0", &l, &e) < 0);
	assert_true(read_json("1m", "many", &l, &e) < 0);
	assert_string_equal(e.msg, "max-file must be a positive number: many");
	assert_int_equal(l.max_file, 1); /* untouched since the last success */
}

static void what_is_unknown_is_refused(void **state)
{
	struct text_pair pair = {"tag", "x"};
	struct text_map map = {&pair, 1, true};
	struct err e = ERR_INIT;

	(void)state;
	assert_true(log_options_read("journald", &map, NULL, &e) < 0);
	assert_int_equal(e.kind, ERR_NOT_IMPLEMENTED);
	assert_string_equal(e.msg, "logger: no log driver named 'journald' is registered");
	assert_true(log_options_read("json-file", &map, NULL, &e) < 0);
	assert_string_equal(e.msg, CONFIG(LOG_JSON)
					   ? "unknown log opt 'tag' for json-file log driver"
					   : "the log driver json-file is not built in "
					     "(CONFIG_LOG_JSON)");
	assert_int_equal(log_options_read("none", &map, NULL, &e), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_are_powers_of_1024),
		cmocka_unit_test(files_need_a_size),
		cmocka_unit_test(what_is_unknown_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
