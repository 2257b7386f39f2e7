/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/shim/log_file.h"
#include "runtime/shim/log_line.h"
#include "runtime/shim/log_split.h"

static char folder[] = "/tmp/test_log_file.XXXXXX";
static int dirfd_;
static struct log_file l;
static struct log_split split;
static char out[131072];
static char text[400000];

static int open_folder(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	dirfd_ = open(folder, O_RDONLY | O_DIRECTORY);
	return dirfd_ < 0;
}

static int remove_folder(void **state)
{
	static const char *const names[] = {"log", "log.1", "log.2"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		unlinkat(dirfd_, names[i], 0);
	return rmdir(folder);
}

static void record(void *arg, const struct log_entry *e)
{
	log_file_record(arg, e);
}

static int open_log(int64_t max_size, int64_t max_file)
{
	const struct log_file_options o = {
		.dirfd = dirfd_, .name = "log", .max_size = max_size, .max_file = max_file};

	log_split_init(&split, record, &l);
	return log_file_open(&l, &o, out, sizeof(out));
}

static int begin(void **state)
{
	(void)state;
	unlinkat(dirfd_, "log", 0);
	return open_log(0, 1);
}

static int finish(void **state)
{
	(void)state;
	log_split_done(&split);
	log_file_close(&l);
	return 0;
}

static void put(bool is_stderr, const uint8_t *p, size_t n)
{
	log_split_write(&split, is_stderr, p, n);
	log_file_flush(&l);
}

static void end(bool is_stderr)
{
	log_split_finish(&split, is_stderr);
	log_file_flush(&l);
}

static size_t read_back(const char *name)
{
	int fd = openat(dirfd_, name, O_RDONLY);
	ssize_t n;

	assert_true(fd >= 0);
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	assert_true(n >= 0);
	text[n] = 0;
	return (size_t)n;
}

static void write_text(const char *s)
{
	put(false, (const uint8_t *)s, strlen(s));
}

static size_t count(const char *part)
{
	size_t n = 0;

	for (const char *p = text; (p = strstr(p, part)); p++)
		n++;
	return n;
}

static void test_lines(void **state)
{
	(void)state;
	write_text("one\ntwo\n");
	write_text("thr");
	read_back("log");
	assert_int_equal(count("\n"), 2);
	write_text("ee\n\n");
	put(true, (const uint8_t *)"err\n", 4);
	read_back("log");
	assert_int_equal(count("\n"), 5);
	assert_non_null(strstr(text, "{\"log\":\"three\\n\",\"stream\":\"stdout\",\"time\":\"20"));
	assert_non_null(strstr(text, "{\"log\":\"\\n\","));
	assert_non_null(strstr(text, "{\"log\":\"err\\n\",\"stream\":\"stderr\""));
}

static void test_streams_apart(void **state)
{
	(void)state;
	write_text("out-");
	put(true, (const uint8_t *)"err-", 4);
	write_text("out\n");
	put(true, (const uint8_t *)"err\n", 4);
	read_back("log");
	assert_int_equal(count("out-out\\n"), 1);
	assert_int_equal(count("err-err\\n"), 1);
}

static void test_unfinished(void **state)
{
	(void)state;
	write_text("no end");
	end(false);
	end(true);
	read_back("log");
	assert_int_equal(count("{\"log\":\"no end\",\"stream\""), 1);
}

/* A line of n bytes, in pieces of step, gives records of 16 KiB, only the last one with a newline.
 */
static void long_line(size_t n, size_t step, size_t records)
{
	static uint8_t line[100000];

	memset(line, 'x', n);
	line[n] = '\n';
	for (size_t at = 0; at < n + 1; at += step)
		put(false, line + at, at + step > n + 1 ? n + 1 - at : step);
	read_back("log");
	assert_int_equal(count("{\"log\":\""), records);
	assert_int_equal(count("\\n\",\"stream\""), 1);
	assert_int_equal(count("x"), n);
	assert_true(strstr(text, "\\n\",\"stream\"") > text + strlen(text) - 100);
}

static void test_split(void **state)
{
	static const size_t sizes[][2] = {{16383, 1}, {16384, 2}, {16385, 2}, {40000, 3}};
	static const size_t steps[] = {100001, 16384, 5000, 777};

	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		for (size_t k = 0; k < ARRAY_LEN(steps); k++) {
			finish(state);
			assert_int_equal(begin(state), 0);
			long_line(sizes[i][0], steps[k], sizes[i][1]);
		}
	}
}

static void test_all_escaped(void **state)
{
	static uint8_t line[65536];

	(void)state;
	memset(line, 1, sizeof(line));
	put(false, line, sizeof(line));
	end(false);
	read_back("log");
	assert_int_equal(count("\\u0001"), sizeof(line));
	assert_int_equal(count("\n"), 4);
}

static void test_rotation(void **state)
{
	char line[32];

	log_file_close(&l);
	unlinkat(dirfd_, "log", 0);
	assert_int_equal(open_log(1000, 3), 0);
	for (int i = 0; i < 100; i++) {
		snprintf(line, sizeof(line), "line %d\n", i);
		write_text(line);
	}
	assert_true(read_back("log") < 1200);
	assert_non_null(strstr(text, "line 99\\n"));
	assert_true(read_back("log.1") >= 1000);
	assert_int_equal(text[strlen(text) - 1], '\n');
	assert_true(read_back("log.2") >= 1000);
	assert_int_equal(faccessat(dirfd_, "log.3", F_OK, 0), -1);
	(void)state;
}

static void test_one_file(void **state)
{
	log_file_close(&l);
	unlinkat(dirfd_, "log", 0);
	unlinkat(dirfd_, "log.1", 0);
	assert_int_equal(open_log(500, 1), 0);
	for (int i = 0; i < 100; i++)
		write_text("something\n");
	assert_true(read_back("log") < 700);
	assert_int_equal(faccessat(dirfd_, "log.1", F_OK, 0), -1);
	(void)state;
}

/* What a crash cut off does not swallow the next line. */
static void test_repair(void **state)
{
	int fd;

	log_file_close(&l);
	fd = openat(dirfd_, "log", O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_int_equal(write(fd, "{\"log\":\"torn", 12), 12);
	close(fd);
	assert_int_equal(open_log(0, 1), 0);
	write_text("whole\n");
	read_back("log");
	assert_non_null(strstr(text, "torn\n{\"log\":\"whole\\n\""));
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_lines, begin, finish),
		cmocka_unit_test_setup_teardown(test_streams_apart, begin, finish),
		cmocka_unit_test_setup_teardown(test_unfinished, begin, finish),
		cmocka_unit_test_setup_teardown(test_split, begin, finish),
		cmocka_unit_test_setup_teardown(test_all_escaped, begin, finish),
		cmocka_unit_test_setup_teardown(test_rotation, begin, finish),
		cmocka_unit_test_setup_teardown(test_one_file, begin, finish),
		cmocka_unit_test_setup_teardown(test_repair, begin, finish),
	};

	return cmocka_run_group_tests(tests, open_folder, remove_folder);
}
