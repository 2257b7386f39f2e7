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

#include "runtime/log/log_chain.h"

static char folder[] = "/tmp/test_log_chain.XXXXXX";
static char path[64];
static struct log_chain c;

static const char *name(int i)
{
	static char text[2][80];
	static int turn;

	turn = !turn;
	if (i)
		snprintf(text[turn], sizeof(text[turn]), "%s.%d", path, i);
	else
		snprintf(text[turn], sizeof(text[turn]), "%s", path);
	return text[turn];
}

static void put(int i, const char *text)
{
	int fd = open(name(i), O_WRONLY | O_CREAT | O_APPEND, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (int)strlen(text));
	close(fd);
}

static void rotate(void)
{
	(void)rename(name(1), name(2));
	(void)rename(name(0), name(1));
}

static int begin(void **state)
{
	(void)state;
	strcpy(folder + strlen(folder) - 6, "XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/log", folder);
	return 0;
}

static int finish(void **state)
{
	(void)state;
	log_chain_close(&c);
	for (int i = 0; i < 5; i++)
		unlink(name(i));
	return rmdir(folder);
}

/* All that is left to read, from the present place to the newest end. */
static void expect(const char *want)
{
	static char got[8192];
	size_t n = 0;

	do {
		ssize_t r = pread(c.fd, got + n, sizeof(got) - n - 1, c.offset);

		assert_true(r >= 0);
		n += (size_t)r;
		c.offset += r;
	} while (log_chain_next(&c) == 1);
	got[n] = 0;
	assert_string_equal(got, want);
}

static void test_missing(void **state)
{
	char block[64];

	(void)state;
	assert_int_equal(log_chain_open_all(&c, path), -ENOENT);
	assert_int_equal(log_chain_open_tail(&c, path, 3, block, sizeof(block)), -ENOENT);
	assert_int_equal(log_chain_next(&c), -ENOENT);
	put(0, "late\n");
	assert_int_equal(log_chain_next(&c), 1);
	expect("late\n");
}

static void test_all(void **state)
{
	(void)state;
	put(2, "1\n2\n");
	put(1, "3\n4\n");
	put(0, "5\n");
	assert_int_equal(log_chain_open_all(&c, path), 0);
	expect("1\n2\n3\n4\n5\n");
}

static void test_tail(void **state)
{
	static const char *const want[] = {"",
					   "5\n",
					   "4\n5\n",
					   "3\n4\n5\n",
					   "2\n3\n4\n5\n",
					   "1\n2\n3\n4\n5\n",
					   "1\n2\n3\n4\n5\n"};
	static const size_t sizes[] = {1, 2, 3, 64};
	char block[64];

	(void)state;
	put(2, "1\n2\n");
	put(1, "3\n4\n");
	put(0, "5\n");
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		for (size_t k = 0; k < 4; k++) {
			assert_int_equal(log_chain_open_tail(&c, path, (int64_t)i, block, sizes[k]),
					 0);
			expect(want[i]);
			log_chain_close(&c);
		}
	}
}

/* A line that is being written does not count, and is read. */
static void test_tail_unfinished(void **state)
{
	char block[64];

	(void)state;
	put(0, "one\ntwo\nthr");
	assert_int_equal(log_chain_open_tail(&c, path, 1, block, sizeof(block)), 0);
	expect("two\nthr");
	log_chain_close(&c);
	assert_int_equal(log_chain_open_tail(&c, path, 0, block, sizeof(block)), 0);
	expect("thr");
}

static void test_rotated_meanwhile(void **state)
{
	(void)state;
	put(0, "1\n");
	assert_int_equal(log_chain_open_all(&c, path), 0);
	rotate();
	assert_int_equal(log_chain_next(&c), -ENOENT); /* between the two steps of the writer */
	put(0, "2\n");
	rotate();
	put(0, "3\n");
	expect("1\n2\n3\n");
	/* Its file is deleted under it: what is in it is still read, then the newest. */
	put(0, "4\n");
	rotate();
	put(0, "5\n");
	unlink(name(1));
	expect("4\n5\n");
}

static void test_truncated(void **state)
{
	(void)state;
	put(0, "some text\n");
	assert_int_equal(log_chain_open_all(&c, path), 0);
	expect("some text\n");
	assert_int_equal(truncate(path, 0), 0);
	put(0, "new\n");
	assert_int_equal(log_chain_next(&c), 1);
	expect("new\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_missing, begin, finish),
		cmocka_unit_test_setup_teardown(test_all, begin, finish),
		cmocka_unit_test_setup_teardown(test_tail, begin, finish),
		cmocka_unit_test_setup_teardown(test_tail_unfinished, begin, finish),
		cmocka_unit_test_setup_teardown(test_rotated_meanwhile, begin, finish),
		cmocka_unit_test_setup_teardown(test_truncated, begin, finish),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
