/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "firmware/core/arena.h"
#include "firmware/core/config.h"
#include "firmware/sched/job.h"
#include "runtime/log/log_reader.h"
#include "runtime/shim/log_file.h"
#include "runtime/shim/log_gzip.h"
#include "tests/unit/sched/fixture.h"

static char folder[] = "/tmp/test_log_reader.XXXXXX";
static char path[64];
static char got[65536];
static size_t got_n, n_records, stop_after;
static bool more_comes;

static int sink_record(struct log_sink *sink, const struct log_record *r)
{
	(void)sink;
	if (r->line.n < sizeof(got) - got_n) {
		memcpy(got + got_n, r->line.p, r->line.n);
		got_n += r->line.n;
	}
	n_records++;
	return stop_after && n_records >= stop_after ? -ECONNRESET : 0;
}

static int sink_flush(struct log_sink *sink)
{
	(void)sink;
	return 0;
}

static struct log_sink sink = {.record = sink_record, .flush = sink_flush};
static struct log_query query;

static bool ask_more(void *arg)
{
	(void)arg;
	return more_comes;
}

static void put(const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);

	assert_int_equal(write(fd, text, strlen(text)), (int)strlen(text));
	close(fd);
}

static void put_line(const char *text, const char *stream, int second)
{
	char line[256];

	snprintf(line, sizeof(line),
		 "{\"log\":\"%s\\n\",\"stream\":\"%s\",\"time\":\"2026-01-01T00:00:%02dZ\"}\n",
		 text, stream, second);
	put(line);
}

static int begin(void **state)
{
	struct err e = ERR_INIT;

	if (fixture_setup(state) < 0 || arena_system_init(&e) < 0 || job_system_init(&e) < 0 ||
	    log_reader_init(&e) < 0)
		return -1;
	strcpy(folder + strlen(folder) - 6, "XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/log", folder);
	got_n = n_records = stop_after = 0;
	query = (struct log_query){
		.path = path, .want_stdout = true, .want_stderr = true, .tail = -1};
	query.more = ask_more;
	more_comes = true;
	return 0;
}

static int finish(void **state)
{
	char old[80];

	snprintf(old, sizeof(old), "%s.1", path);
	unlink(path);
	unlink(old);
	rmdir(folder);
	job_system_fini();
	arena_system_fini();
	return fixture_teardown(state);
}

static void read_log(void *arg)
{
	struct err e = ERR_INIT;
	int r = log_read(&query, &sink, &e);

	(void)arg;
	assert_int_equal(r, stop_after ? -ECONNRESET : 0);
}

static void expect(const char *want)
{
	got[got_n] = 0;
	assert_string_equal(got, want);
	got_n = n_records = 0;
}

static void test_filters(void **state)
{
	(void)state;
	run_fiber(read_log);
	expect("");
	put_line("a", "stdout", 1);
	put_line("b", "stderr", 2);
	put("nonsense\n\n{\"log\":3}\n");
	put_line("c", "stdout", 3);
	put("{\"log\":\"half");
	run_fiber(read_log);
	expect("a\nb\nc\n");
	query.want_stderr = false;
	run_fiber(read_log);
	expect("a\nc\n");
	query.want_stderr = true;
	query.since_ns = 1767225602000000000;
	run_fiber(read_log);
	expect("b\nc\n");
	query.until_ns = 1767225602000000000;
	run_fiber(read_log);
	expect("b\n");
	query.since_ns = query.until_ns = 0;
	query.tail = 1;
	run_fiber(read_log);
	expect("c\n");
	query.tail = 0;
	run_fiber(read_log);
	expect("");
}

static void test_many(void **state)
{
	static char block[200000];
	size_t n = 0;

	(void)state;
	for (int i = 0; n < sizeof(block) - 100; i++)
		n += (size_t)snprintf(block + n, 100,
				      "{\"log\":\"%d\\n\",\"stream\":\"stdout\",\"time\":\"2026-01-"
				      "01T00:00:00Z\"}\n",
				      i);
	put(block);
	run_fiber(read_log);
	assert_true(n_records > 2500);
	n = n_records;
	n_records = got_n = 0;
	stop_after = 10;
	run_fiber(read_log);
	assert_int_equal(n_records, 10);
	stop_after = 0;
	n_records = 0;
	query.tail = 1000;
	run_fiber(read_log);
	assert_int_equal(n_records, 1000);
}

/* Longer than the block, longer than we take, and one after it. */
static void test_long_lines(void **state)
{
	char *line = malloc(3 << 20);

	(void)state;
	strcpy(line, "{\"log\":\"");
	memset(line + 8, 'x', 200000);
	strcpy(line + 200008, "\",\"stream\":\"stdout\",\"time\":\"2026-01-01T00:00:00Z\"}\n");
	put(line);
	memset(line + 8, 'x', 2 << 20);
	strcpy(line + 8 + (2 << 20),
	       "\",\"stream\":\"stdout\",\"time\":\"2026-01-01T00:00:00Z\"}\n");
	put(line);
	put_line("after", "stdout", 1);
	free(line);
	run_fiber(read_log);
	assert_int_equal(n_records, 2);
	expect("after\n");
}

static void writer(void *arg)
{
	char old[80];

	(void)arg;
	assert_int_equal(fiber_sleep_ms(20), 0);
	put_line("one", "stdout", 1);
	put("{\"log\":\"two\\n\",\"stream\":");
	assert_int_equal(fiber_sleep_ms(20), 0);
	put("\"stdout\",\"time\":\"2026-01-01T00:00:02Z\"}\n");
	assert_int_equal(fiber_sleep_ms(20), 0);
	snprintf(old, sizeof(old), "%s.1", path);
	assert_int_equal(rename(path, old), 0);
	assert_int_equal(fiber_sleep_ms(20), 0);
	put_line("three", "stdout", 3);
	assert_int_equal(fiber_sleep_ms(20), 0);
	more_comes = false;
	put_line("four", "stdout", 4);
	log_reader_wake(path);
}

static void test_follow(void **state)
{
	(void)state;
	query.follow = true;
	put_line("zero", "stdout", 0);
	spawn(read_log, NULL);
	spawn(writer, NULL);
	run_loop();
	expect("zero\none\ntwo\nthree\nfour\n");
}

static void test_follow_nothing_yet(void **state)
{
	(void)state;
	query.follow = true;
	query.tail = 5;
	spawn(read_log, NULL);
	spawn(writer, NULL);
	run_loop();
	expect("one\ntwo\nthree\nfour\n");
}

static void test_follow_until(void **state)
{
	(void)state;
	put_line("zero", "stdout", 0);
	query.follow = true;
	query.until_ns = clock_wall() + 30 * NSEC_PER_MSEC;
	run_fiber(read_log);
	expect("zero\n");
}

static struct fiber *reader;

static void follower(void *arg)
{
	struct err e = ERR_INIT;

	(void)arg;
	assert_int_equal(log_read(&query, &sink, &e), -ECONNRESET);
}

static void canceller(void *arg)
{
	(void)arg;
	assert_int_equal(fiber_sleep_ms(10), 0);
	fiber_cancel(reader, -ECONNRESET);
}

static void test_cancel(void **state)
{
	(void)state;
	put_line("zero", "stdout", 0);
	query.follow = true;
	assert_int_equal(fiber_spawn("follower", follower, NULL, POOL_NORMAL, &reader), 0);
	spawn(canceller, NULL);
	run_loop();
	expect("zero\n");
}

/* A log as the shim writes it: rotated files, compressed where that is built in. */
static void write_log(enum log_format format, int from, int to, bool compress)
{
	static char out[262144];
	struct log_file_options o = {
		.name = "log", .format = format, .max_size = 4000, .max_file = 8};
	struct log_file l;
	char text[16];

	o.compress = compress && CONFIG(LOG_COMPRESS);
	o.dirfd = open(folder, O_RDONLY | O_DIRECTORY);
	assert_int_equal(log_file_open(&l, &o, out, sizeof(out)), 0);
	for (int i = from; i < to; i++) {
		struct log_entry e = {
			.newline = true, .time = "2026-01-01T00:00:00Z", .time_len = 20};

		e.time_ns = 1767225600000000000 + i * NSEC_PER_SEC;
		e.n = (size_t)snprintf(text, sizeof(text), "%d", i);
		e.p = (const uint8_t *)text;
		log_file_record(&l, &e);
		log_file_flush(&l);
	}
	log_file_close(&l);
	if (o.compress)
		assert_int_equal(log_gzip_all(o.dirfd, "log", 8), 0);
	close(o.dirfd);
}

static void remove_log(void)
{
	char name[96];

	for (int i = 0; i < 10; i++) {
		snprintf(name, sizeof(name), i ? "%s.%d" : "%s", path, i);
		unlink(name);
		strcat(name, ".gz");
		unlink(name);
	}
}

/* The lines from one to another, and no others. */
static void expect_range(int from, int to)
{
	char *p = got;

	got[got_n] = 0;
	for (int i = from; i < to; i++) {
		assert_int_equal(strtol(p, &p, 10), i);
		assert_int_equal(*p++, '\n');
	}
	assert_int_equal(*p, 0);
	got_n = n_records = 0;
}

static void test_rotated_files(void **state)
{
	static const int tails[] = {0, 1, 7, 60, 150, 300};

	(void)state;
	for (int k = 0; k < 4; k++) {
		query.local = k & 1;
		query.tail = -1;
		write_log(query.local ? LOG_FORMAT_LOCAL : LOG_FORMAT_JSON, 1000, 1320, k & 2);
		run_fiber(read_log);
		expect_range(1000, 1320);
		for (size_t i = 0; i < ARRAY_LEN(tails); i++) {
			query.tail = tails[i];
			run_fiber(read_log);
			expect_range(1320 - tails[i], 1320);
		}
		remove_log();
	}
}

/* Torn at the end, or in the middle after somebody went on behind it. */
static void test_torn_local(void **state)
{
	static const char torn[] = "\0\0\0\x30\x0a\x06stdout\x10\x01";
	int fd;

	(void)state;
	query.local = true;
	for (int round = 0; round < 2; round++) {
		write_log(LOG_FORMAT_LOCAL, 10, 13, false);
		fd = open(path, O_WRONLY | O_APPEND);
		assert_int_equal(write(fd, torn, sizeof(torn) - 1), sizeof(torn) - 1);
		close(fd);
		run_fiber(read_log);
		expect_range(10, 13);
		query.tail = 2;
		run_fiber(read_log);
		expect_range(11, 13);
		query.tail = -1;
		write_log(LOG_FORMAT_LOCAL, 13, 15, false); /* cuts it off */
		run_fiber(read_log);
		expect_range(10, 15);
		remove_log();
	}
}

static void test_local_since(void **state)
{
	(void)state;
	query.local = true;
	write_log(LOG_FORMAT_LOCAL, 100, 200, true);
	query.since_ns = 1767225600000000000 + 120 * NSEC_PER_SEC;
	query.until_ns = 1767225600000000000 + 129 * NSEC_PER_SEC;
	run_fiber(read_log);
	expect_range(120, 130);
	remove_log();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, finish)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_filters),
		TEST(test_many),
		TEST(test_long_lines),
		TEST(test_follow),
		TEST(test_follow_nothing_yet),
		TEST(test_follow_until),
		TEST(test_cancel),
		TEST(test_rotated_files),
		TEST(test_torn_local),
		TEST(test_local_since),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
