/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include <stdlib.h>
#include <unistd.h>

#include "rootfs/init/disk_look.h"

#define MIB (1 << 20)
#define SIZE (160LL * MIB)

static int fd;

static int fresh(void **state)
{
	char path[] = "/tmp/test-disk-XXXXXX";

	(void)state;
	fd = mkstemp(path);
	return fd < 0 || unlink(path) < 0 || ftruncate(fd, SIZE) < 0;
}

static int gone(void **state)
{
	(void)state;
	return close(fd);
}

static void put(int64_t at, const void *p, size_t n)
{
	assert_int_equal(pwrite(fd, p, n, at), n);
}

static struct disk_look look(void)
{
	struct disk_look l;

	assert_int_equal(disk_look(fd, SIZE, &l), 0);
	assert_true(l.disk_bytes == SIZE);
	return l;
}

/* A superblock of 4 KiB blocks. */
static void put_super(int64_t at, const char *label, unsigned state, unsigned incompat)
{
	uint8_t s[1024] = {0};

	s[4] = 0;
	s[5] = 0x80; /* 32768 blocks */
	s[0x18] = 2;
	s[0x38] = 0x53;
	s[0x39] = 0xef;
	s[0x3a] = (uint8_t)state;
	s[0x60] = (uint8_t)incompat;
	strncpy((char *)s + 0x78, label, 16);
	put(at, s, sizeof(s));
}

static void test_empty(void **state)
{
	static const int64_t places[] = {0, 511, 1024, MIB - 1, SIZE - MIB, SIZE - 1};

	(void)state;
	assert_int_equal(look().kind, DISK_EMPTY);
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		put(places[i], "x", 1);
		assert_int_equal(look().kind, DISK_FOREIGN);
		put(places[i], "", 1);
	}
	assert_int_equal(look().kind, DISK_EMPTY);
}

static void test_too_small(void **state)
{
	struct disk_look l;

	(void)state;
	assert_int_equal(disk_look(fd, MIB, &l), 0);
	assert_int_equal(l.kind, DISK_FOREIGN);
	/* A disk that says it is larger than it can be read. */
	assert_true(disk_look(fd, SIZE + 64 * MIB, &l) < 0);
}

static void test_ours(void **state)
{
	(void)state;
	put_super(1024, DISK_LABEL, 1, 0);
	assert_int_equal(look().kind, DISK_OURS);
	assert_true(look().clean);
	assert_true(look().fs_bytes == 128LL * MIB);
	assert_int_equal(look().block_size, 4096);
	put_super(1024, DISK_LABEL, 1, 4);
	assert_false(look().clean);
	put_super(1024, DISK_LABEL, 0, 0);
	assert_false(look().clean);
	put_super(1024, DISK_LABEL, 3, 0);
	assert_false(look().clean);
	put_super(1024, DISK_LABEL "2", 1, 0);
	assert_int_equal(look().kind, DISK_FOREIGN);
	put_super(1024, "", 1, 0);
	assert_int_equal(look().kind, DISK_FOREIGN);
}

static void test_torn(void **state)
{
	(void)state;
	put_super(32768LL * 4096, DISK_LABEL, 1, 0);
	assert_int_equal(look().kind, DISK_TORN);
	assert_int_equal(look().spare, 32768);
	assert_false(look().clean);
	/* Whatever stands at the front is somebody's. */
	put(510, "\x55\xaa", 2);
	assert_int_equal(look().kind, DISK_FOREIGN);
	put(510, "\0\0", 2);
	put_super(32768LL * 4096, "other", 1, 0);
	assert_int_equal(look().kind, DISK_FOREIGN);
}

static void test_mark(void **state)
{
	(void)state;
	assert_int_equal(disk_mark(fd, SIZE, true), 0);
	assert_int_equal(look().kind, DISK_HALF);
	put(8192, "group descriptors", 17);
	assert_int_equal(look().kind, DISK_HALF);
	/* Whole, though the mark was not taken away. */
	put_super(1024, DISK_LABEL, 1, 0);
	assert_int_equal(look().kind, DISK_OURS);
	put(1024, (char[1024]){0}, 1024);
	assert_int_equal(disk_mark(fd, SIZE, false), 0);
	assert_int_equal(look().kind, DISK_FOREIGN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_empty, fresh, gone),
		cmocka_unit_test_setup_teardown(test_too_small, fresh, gone),
		cmocka_unit_test_setup_teardown(test_ours, fresh, gone),
		cmocka_unit_test_setup_teardown(test_torn, fresh, gone),
		cmocka_unit_test_setup_teardown(test_mark, fresh, gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
