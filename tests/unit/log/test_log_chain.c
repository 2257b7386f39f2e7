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
	(void)state;
	assert_int_equal(log_chain_open_all(&c, path), -ENOENT);
	assert_int_equal(log_chain_open_newest(&c, path), -ENOENT);
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

static void put_gz(int i, const char *text, ino_t origin)
{
	char file[96];
	uint8_t head[28] = {0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 3, 12, 0, 'S', 'I', 8, 0};
	int fd;

	for (int k = 0; k < 8; k++)
		head[16 + k] = (uint8_t)(origin >> (8 * k));
	snprintf(file, sizeof(file), "%s.gz", name(i));
	fd = open(file, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_int_equal(write(fd, head, 24), 24);
	assert_int_equal(write(fd, text, strlen(text)), (int)strlen(text));
	close(fd);
}

static void drop_gz(int i)
{
	char file[96];

	snprintf(file, sizeof(file), "%s.gz", name(i));
	unlink(file);
}

/* A file that was compressed under its reader is found again, by the inode in the header. */
static void test_compressed_meanwhile(void **state)
{
	ino_t inode;

	(void)state;
	put(0, "old\n");
	assert_int_equal(log_chain_open_all(&c, path), 0);
	inode = c.inode;
	rotate();
	put(0, "middle\n");
	rotate();
	put(0, "new\n");
	put_gz(2, "", inode);
	unlink(name(2));
	expect("old\nmiddle\nnew\n");
	log_chain_close(&c);
	/* The other way: a compressed file moves on, then the reader goes to the next. */
	assert_int_equal(log_chain_open_all(&c, path), 0);
	assert_true(c.gz);
	put_gz(3, "", 0);
	assert_int_equal(log_chain_next(&c), 1);
	assert_false(c.gz);
	expect("middle\nnew\n");
	drop_gz(2);
	drop_gz(3);
}

/* One number that nobody has, as a rotation that was cut off leaves it. */
static void test_gap(void **state)
{
	(void)state;
	put(3, "1\n");
	put(1, "2\n");
	put(0, "3\n");
	assert_int_equal(log_chain_open_all(&c, path), 0);
	expect("1\n2\n3\n");
	log_chain_close(&c);
	assert_int_equal(log_chain_open_newest(&c, path), 0);
	assert_int_equal(log_chain_open_older(&c), 0);
	assert_int_equal(log_chain_open_older(&c), 0);
	assert_int_equal(log_chain_open_older(&c), -ENOENT);
	expect("1\n2\n3\n");
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
		cmocka_unit_test_setup_teardown(test_compressed_meanwhile, begin, finish),
		cmocka_unit_test_setup_teardown(test_gap, begin, finish),
		cmocka_unit_test_setup_teardown(test_rotated_meanwhile, begin, finish),
		cmocka_unit_test_setup_teardown(test_truncated, begin, finish),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
