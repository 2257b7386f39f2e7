/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "runtime/shim/log_journal.h"
#include "runtime/shim/log_syslog.h"

static char out[4096];
static struct log_entry entry;

static void line(const char *text)
{
	entry = (struct log_entry){.p = (const uint8_t *)text,
				   .n = strlen(text),
				   .newline = true,
				   .time = "2026-01-02T03:04:05.678901Z",
				   .time_len = 27,
				   .time_ns = 1767323045678901000,
				   .part_id = "feed"};
}

static void expect_syslog(struct log_syslog *l, const char *want)
{
	char *end = log_syslog_put(l, out, &entry);

	assert_true((size_t)(end - out) <= log_syslog_room(l, entry.n));
	*end = 0;
	assert_string_equal(out, want);
}

static void syslog_forms(void **state)
{
	struct log_syslog l = {.facility = 3, .tag = STR("web"), .host = STR("here"), .pid = 42};

	(void)state;
	setenv("TZ", "UTC", 1);
	tzset();
	line("hello");
	expect_syslog(&l, "<30>Jan  2 03:04:05 web[42]: hello\n");
	entry.is_stderr = true;
	l.format = SYSLOG_RFC3164;
	l.facility = 23;
	expect_syslog(&l, "<187>Jan  2 03:04:05 here web[42]: hello\n");
	l.format = SYSLOG_RFC5424;
	expect_syslog(&l, "<187>1 2026-01-02T03:04:05Z here web 42 web - hello\n");
	l.format = SYSLOG_RFC5424_MICRO;
	expect_syslog(&l, "<187>1 2026-01-02T03:04:05.678901Z here web 42 web - hello\n");
	line("ends\n");
	expect_syslog(&l, "<190>1 2026-01-02T03:04:05.678901Z here web 42 web - ends\n");
	l.counted = true;
	expect_syslog(&l, "58 <190>1 2026-01-02T03:04:05.678901Z here web 42 web - ends\n");
	l.host = STR("");
	expect_syslog(&l, "55 <190>1 2026-01-02T03:04:05.678901Z - web 42 web - ends\n");
}

static void syslog_local_times(void **state)
{
	struct log_syslog l = {.format = SYSLOG_RFC5424, .tag = STR("t"), .host = STR("h")};

	(void)state;
	setenv("TZ", "NST+03:30", 1);
	tzset();
	line("x");
	expect_syslog(&l, "<6>1 2026-01-01T23:34:05-03:30 h t 0 t - x\n");
	setenv("TZ", "UTC", 1);
	tzset();
}

static void names(void **state)
{
	(void)state;
	assert_int_equal(log_syslog_facility(NULL), 3);
	assert_int_equal(log_syslog_facility("kern"), 0);
	assert_int_equal(log_syslog_facility("local7"), 23);
	assert_int_equal(log_syslog_facility("authpriv"), 10);
	assert_int_equal(log_syslog_facility("17"), 17);
	assert_int_equal(log_syslog_facility("24"), -1);
	assert_int_equal(log_syslog_facility("-1"), -1);
	assert_int_equal(log_syslog_facility("x"), -1);
	assert_int_equal(log_syslog_format(""), SYSLOG_UNIX);
	assert_int_equal(log_syslog_format("rfc5424micro"), SYSLOG_RFC5424_MICRO);
	assert_int_equal(log_syslog_format("rfc"), -1);
}

static void journal_fields(void **state)
{
	char array[512];
	struct buf b;

	(void)state;
	buf_init_fixed(&b, array, sizeof(array));
	log_journal_put_field(&b, "A", STR("x=y"));
	log_journal_put_field(&b, "B", STR("1\n2"));
	assert_int_equal(b.n, 6 + 2 + 8 + 4);
	assert_memory_equal(b.p,
			    "A=x=y\nB\n\x03\0\0\0\0\0\0\0"
			    "1\n2\n",
			    b.n);
	buf_reset(&b);
	log_journal_put_name(&b, STR("__com.Example-1 \xc3\xa4"));
	assert_string_equal(buf_text(&b), "COM_EXAMPLE_1__");
}

static void journal_entries(void **state)
{
	struct log_journal l = {.fields = STR("CONTAINER_ID=1\n")};
	char *end;

	(void)state;
	line("hello");
	end = log_journal_put(&l, out, &entry);
	*end = 0;
	assert_string_equal(out, "CONTAINER_ID=1\nPRIORITY=6\n"
				 "SYSLOG_TIMESTAMP=2026-01-02T03:04:05.678901Z\n"
				 "CONTAINER_LOG_ORDINAL=1\nMESSAGE=hello\n");
	entry.is_stderr = true;
	entry.newline = false;
	entry.ordinal = 2;
	end = log_journal_put(&l, out, &entry);
	*end = 0;
	assert_true((size_t)(end - out) <= log_journal_room(&l, entry.n));
	assert_non_null(strstr(out, "PRIORITY=3\n"));
	assert_non_null(strstr(out, "CONTAINER_LOG_ORDINAL=2\n"));
	assert_non_null(strstr(out, "CONTAINER_PARTIAL_ID=feed\nCONTAINER_PARTIAL_ORDINAL=2\n"
				    "CONTAINER_PARTIAL_LAST=false\n"
				    "CONTAINER_PARTIAL_MESSAGE=true\nMESSAGE=hello\n"));
	entry.newline = true;
	end = log_journal_put(&l, out, &entry);
	*end = 0;
	assert_non_null(strstr(out, "CONTAINER_PARTIAL_LAST=true\nMESSAGE"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(syslog_forms),	   cmocka_unit_test(syslog_local_times),
		cmocka_unit_test(names),	   cmocka_unit_test(journal_fields),
		cmocka_unit_test(journal_entries),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
