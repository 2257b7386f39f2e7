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
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

#include "firmware/core/config.h"
#include "runtime/shim/log_gzip.h"

static char folder[] = "/tmp/test_log_gzip.XXXXXX";
static int dirfd_;

static const char *path(const char *name)
{
	static char text[96];

	snprintf(text, sizeof(text), "%s/%s", folder, name);
	return text;
}

static int begin(void **state)
{
	(void)state;
	strcpy(folder + strlen(folder) - 6, "XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	dirfd_ = open(folder, O_RDONLY | O_DIRECTORY);
	return dirfd_ < 0;
}

static int finish(void **state)
{
	char name[16];

	(void)state;
	for (int i = 0; i < 10; i++) {
		snprintf(name, sizeof(name), i ? "log.%d" : "log", i);
		unlink(path(name));
		strcat(name, ".gz");
		unlink(path(name));
	}
	unlink(path("log.gz.tmp"));
	close(dirfd_);
	return rmdir(folder);
}

static void put(const char *name, const char *text)
{
	int fd = open(path(name), O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_int_equal(write(fd, text, strlen(text)), (int)strlen(text));
	close(fd);
}

static bool there(const char *name)
{
	return access(path(name), F_OK) == 0;
}

static void expect(const char *name, const char *want)
{
	char got[256];
	gzFile f = gzopen(path(name), "r"); /* reads plain files as well */
	int n;

	if (!f)
		fail_msg("%s is not there", name);
	n = gzread(f, got, sizeof(got) - 1);
	gzclose(f);
	assert_true(n >= 0);
	got[n] = 0;
	assert_string_equal(got, want);
}

static void shifting(void **state)
{
	(void)state;
	put("log", "c");
	put("log.1", "b");
	put("log.2.gz", "a");
	log_gzip_shift(dirfd_, "log", 5);
	expect("log.1", "c");
	expect("log.2", "b");
	expect("log.3.gz", "a");
	assert_false(there("log") || there("log.2.gz"));
	put("log", "d");
	log_gzip_shift(dirfd_, "log", 4); /* the oldest goes */
	expect("log.1", "d");
	expect("log.2", "c");
	expect("log.3", "b");
	assert_false(there("log.3.gz") || there("log.4"));
}

/* A number that nobody has, as a crash leaves it, is filled; nothing behind it moves. */
static void a_gap_is_filled(void **state)
{
	(void)state;
	put("log", "c");
	put("log.1", "b");
	put("log.3", "a");
	log_gzip_shift(dirfd_, "log", 4);
	expect("log.1", "c");
	expect("log.2", "b");
	expect("log.3", "a");
}

static void compressing(void **state)
{
	struct stat before, after;

	(void)state;
	if (!CONFIG(LOG_COMPRESS))
		skip();
	put("log", "c");
	put("log.1", "b");
	put("log.2", "a");
	assert_int_equal(stat(path("log.2"), &before), 0);
	assert_true(log_gzip_settle(dirfd_, "log", 5));
	assert_int_equal(log_gzip_all(dirfd_, "log", 5), 0);
	expect("log", "c");
	expect("log.1.gz", "b");
	expect("log.2.gz", "a");
	assert_false(there("log.1") || there("log.2") || there("log.gz.tmp"));
	assert_int_equal(stat(path("log.2.gz"), &after), 0);
	assert_true(before.st_mtim.tv_nsec == after.st_mtim.tv_nsec);
	assert_false(log_gzip_settle(dirfd_, "log", 5));
}

/* Both forms of one file are there when the compressor is killed between two calls. */
static void half_done_is_settled(void **state)
{
	(void)state;
	put("log.1", "b");
	put("log.2", "a");
	put("log.2.gz", "a");
	assert_true(log_gzip_settle(dirfd_, "log", 5));
	assert_false(there("log.2"));
	assert_true(there("log.2.gz") && there("log.1"));
}

/* The process, while the files move on under it. */
static void in_a_process(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	if (!CONFIG(LOG_COMPRESS))
		skip();
	for (int i = 0; i < 20; i++) {
		put("log", "x");
		log_gzip_shift(dirfd_, "log", 4);
		pid = log_gzip_start(dirfd_, "log", 4);
		assert_true(pid > 0);
		put("log", "y");
		log_gzip_shift(dirfd_, "log", 4);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(log_gzip_all(dirfd_, "log", 4), 0);
		expect("log.1.gz", "y");
		expect("log.2.gz", "x");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(shifting, begin, finish),
		cmocka_unit_test_setup_teardown(a_gap_is_filled, begin, finish),
		cmocka_unit_test_setup_teardown(compressing, begin, finish),
		cmocka_unit_test_setup_teardown(half_done_is_settled, begin, finish),
		cmocka_unit_test_setup_teardown(in_a_process, begin, finish),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
