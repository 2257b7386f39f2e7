/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "api/shape/text.h"
#include "firmware/core/clock.h"

#define S NSEC_PER_SEC
#define MINUTE (60 * S)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

static void durations_are_the_engine_s(void **state)
{
	static const struct {
		int64_t ns;
		const char *text;
	} examples[] = {
		{-5 * S, "Less than a second"},
		{0, "Less than a second"},
		{S - 1, "Less than a second"},
		{S, "1 second"},
		{2 * S - 1, "1 second"},
		{2 * S, "2 seconds"},
		{59 * S, "59 seconds"},
		{MINUTE, "About a minute"},
		{2 * MINUTE - 1, "About a minute"},
		{2 * MINUTE, "2 minutes"},
		{45 * MINUTE, "45 minutes"},
		{59 * MINUTE + 59 * S, "59 minutes"},
		{HOUR, "About an hour"},
		{HOUR + 29 * MINUTE + 59 * S, "About an hour"},
		{HOUR + 30 * MINUTE, "2 hours"},
		{23 * HOUR + 30 * MINUTE, "24 hours"},
		{47 * HOUR + 29 * MINUTE, "47 hours"},
		{47 * HOUR + 30 * MINUTE, "2 days"},
		{3 * DAY + 12 * HOUR, "3 days"},
		{14 * DAY - HOUR, "13 days"},
		{14 * DAY, "2 weeks"},
		{60 * DAY - HOUR, "8 weeks"},
		{60 * DAY, "2 months"},
		{90 * DAY, "3 months"},
		{729 * DAY, "24 months"},
		{730 * DAY, "2 years"},
		{3660 * DAY, "10 years"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(examples); i++) {
		char text[64];
		struct buf out;

		buf_init_fixed(&out, text, sizeof(text));
		text_human_duration(examples[i].ns, &out);
		assert_string_equal(buf_text(&out), examples[i].text);
	}
}

static void words_with_blanks_are_quoted(void **state)
{
	const char *args[] = {"-c", "echo hi", "", "it's"};
	char text[128];
	struct buf out;

	(void)state;
	buf_init_fixed(&out, text, sizeof(text));
	text_command("/bin/my sh", &(struct texts){args, ARRAY_LEN(args), true}, &out);
	assert_string_equal(buf_text(&out), "/bin/my sh -c 'echo hi'  it's");
	buf_reset(&out);
	text_command("sh", &(struct texts){0}, &out);
	assert_string_equal(buf_text(&out), "sh");
}

static void times_are_go_s(void **state)
{
	struct json_writer w;
	char text[128];
	struct buf out;

	(void)state;
	buf_init_fixed(&out, text, sizeof(text));
	json_begin(&w, &out);
	json_object_open(&w);
	text_kv_time(&w, "never", 0);
	text_kv_time(&w, "then", 1700000000 * S + 120000000);
	json_object_close(&w);
	assert_string_equal(buf_text(&out),
			    "{\"never\":\"0001-01-01T00:00:00Z\",\"then\":\"2023-11-14T22:13:20."
			    "12Z\"}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(durations_are_the_engine_s),
		cmocka_unit_test(words_with_blanks_are_quoted),
		cmocka_unit_test(times_are_go_s),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
