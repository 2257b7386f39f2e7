/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "firmware/core/file.h"
#include "firmware/core/mem.h"

static char dir[64];
static int dir_fd;

static int setup(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/serin-test-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	dir_fd = open(dir, O_DIRECTORY | O_CLOEXEC);
	return dir_fd < 0;
}

static int teardown(void **state)
{
	struct mem_stats stats;

	(void)state;
	mem_get_stats(&stats);
	return close(dir_fd) != 0 || rmdir(dir) != 0 || stats.live != 0;
}

static void make_file(int at, const char *name, size_t bytes)
{
	static const char block[4096];
	int fd = openat(at, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	for (; bytes >= sizeof(block); bytes -= sizeof(block))
		assert_int_equal(fd_write_all(fd, block, sizeof(block)), 0);
	close(fd);
}

static bool exists(const char *name)
{
	struct stat st;

	return fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static void test_remove_plain(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(tree_remove_at(dir_fd, "none", &e), 0);
	make_file(dir_fd, "file", 0);
	assert_int_equal(tree_remove_at(dir_fd, "file", &e), 0);
	assert_int_equal(mkdirat(dir_fd, "empty", 0), 0);
	assert_int_equal(tree_remove_at(dir_fd, "empty", &e), 0);
	assert_false(exists("file") || exists("empty"));
}

static void test_remove_keeps_targets(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(mkdirat(dir_fd, "t", 0755), 0);
	assert_int_equal(mkdirat(dir_fd, "t/sub", 0755), 0);
	assert_int_equal(mkdirat(dir_fd, "kept", 0755), 0);
	make_file(dir_fd, "kept/f", 0);
	assert_int_equal(symlinkat("../kept", dir_fd, "t/link"), 0);
	assert_int_equal(symlinkat("../../kept", dir_fd, "t/sub/link"), 0);
	assert_int_equal(symlinkat("kept", dir_fd, "link"), 0);
	assert_int_equal(mkfifoat(dir_fd, "t/fifo", 0600), 0);
	assert_int_equal(tree_remove_at(dir_fd, "t", &e), 0);
	assert_int_equal(tree_remove_at(dir_fd, "link", &e), 0);
	assert_true(exists("kept/f"));
	assert_false(exists("t") || exists("link"));
	assert_int_equal(tree_remove_at(dir_fd, "kept", &e), 0);
}

static void test_remove_wide(void **state)
{
	struct err e = ERR_INIT;
	char name[64];

	(void)state;
	assert_int_equal(mkdirat(dir_fd, "t", 0755), 0);
	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "t/directory-with-a-long-name-%d", i);
		assert_int_equal(mkdirat(dir_fd, name, 0755), 0);
		if (i % 3) {
			strcat(name, "/f");
			make_file(dir_fd, name, 0);
		}
		snprintf(name, sizeof(name), "t/file-%d", i);
		make_file(dir_fd, name, 0);
	}
	assert_int_equal(tree_remove_at(dir_fd, "t", &e), 0);
	assert_false(exists("t"));
}

static void make_deep(int depth)
{
	int fd = dup(dir_fd);

	for (int i = 0; i < depth; i++) {
		int next;

		assert_int_equal(mkdirat(fd, "d", 0755), 0);
		next = openat(fd, "d", O_DIRECTORY | O_CLOEXEC);
		assert_true(next >= 0);
		if (i % 10 == 0)
			make_file(fd, "f", 4096);
		close(fd);
		fd = next;
	}
	close(fd);
}

static void test_deep(void **state)
{
	struct err e = ERR_INIT;
	uint64_t bytes = 0;

	(void)state;
	make_deep(3000);
	assert_int_equal(tree_size_at(dir_fd, "d", &bytes, &e), 0);
	assert_true(bytes >= 299 * 4096);
	assert_int_equal(tree_remove_at(dir_fd, "d", &e), 0);
	assert_int_equal(tree_remove_at(dir_fd, "f", &e), 0);
	assert_false(exists("d"));
}

static void test_size(void **state)
{
	struct err e = ERR_INIT;
	uint64_t empty = 0, bytes = 0;
	char name[32];

	(void)state;
	assert_int_equal(tree_size_at(dir_fd, "none", &bytes, &e), -ENOENT);
	assert_int_equal(mkdirat(dir_fd, "t", 0755), 0);
	assert_int_equal(mkdirat(dir_fd, "t/sub", 0755), 0);
	assert_int_equal(symlinkat("/", dir_fd, "t/root"), 0);
	assert_int_equal(tree_size_at(dir_fd, "t", &empty, &e), 0);
	for (int i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "t/f%d", i);
		make_file(dir_fd, name, 8192);
	}
	assert_int_equal(empty, 1); /* of the link; directories hold nothing */
	/* Links cost nothing. */
	for (int i = 0; i < 200; i++) {
		char other[32];

		snprintf(name, sizeof(name), "t/f%d", i);
		snprintf(other, sizeof(other), "t/sub/l%d", i);
		assert_int_equal(linkat(dir_fd, name, dir_fd, other, 0), 0);
	}
	assert_int_equal(tree_size_at(dir_fd, "t", &bytes, &e), 0);
	assert_int_equal(bytes, empty + 200 * 8192);
	assert_int_equal(tree_size_at(dir_fd, "t/f0", &bytes, &e), 0);
	assert_int_equal(bytes, 8192);
	assert_int_equal(tree_remove_at(dir_fd, "t", &e), 0);
}

static void test_mounts(void **state)
{
	struct err e = ERR_INIT;
	uint64_t bytes = 0;
	char path[100];

	(void)state;
	assert_int_equal(mkdirat(dir_fd, "t", 0755), 0);
	assert_int_equal(mkdirat(dir_fd, "t/m", 0755), 0);
	snprintf(path, sizeof(path), "%s/t/m", dir);
	if (unshare(CLONE_NEWNS) < 0 || mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("tmpfs", path, "tmpfs", 0, NULL) < 0) {
		assert_int_equal(tree_remove_at(dir_fd, "t", &e), 0);
		skip();
	}
	/* The descriptor was of the namespace before. */
	close(dir_fd);
	dir_fd = open(dir, O_DIRECTORY | O_CLOEXEC);
	make_file(dir_fd, "t/m/kept", 40960);
	assert_int_equal(tree_size_at(dir_fd, "t", &bytes, &e), 0);
	assert_true(bytes < 40960);
	assert_int_equal(tree_size_at(dir_fd, "t/m", &bytes, &e), 0);
	assert_true(bytes >= 40960);
	assert_int_equal(tree_remove_at(dir_fd, "t", &e), -EBUSY);
	assert_int_equal(tree_remove_at(dir_fd, "t/m", &e), -EBUSY);
	assert_true(exists("t/m/kept"));
	assert_int_equal(umount(path), 0);
	assert_int_equal(tree_remove_at(dir_fd, "t", &e), 0);
}

static void test_no_memory(void **state)
{
	struct err e = ERR_INIT;
	uint64_t bytes;

	(void)state;
	make_deep(40);
	for (int i = 0; i < 3; i++) {
		mem_fail_after(i);
		assert_int_equal(tree_size_at(dir_fd, "d", &bytes, &e), -ENOMEM);
		mem_fail_after(i);
		assert_int_equal(tree_remove_at(dir_fd, "d", &e), -ENOMEM);
	}
	mem_fail_after(-1);
	assert_int_equal(tree_remove_at(dir_fd, "d", &e), 0);
	assert_int_equal(tree_remove_at(dir_fd, "f", &e), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_remove_plain, setup, teardown),
		cmocka_unit_test_setup_teardown(test_remove_keeps_targets, setup, teardown),
		cmocka_unit_test_setup_teardown(test_remove_wide, setup, teardown),
		cmocka_unit_test_setup_teardown(test_deep, setup, teardown),
		cmocka_unit_test_setup_teardown(test_size, setup, teardown),
		cmocka_unit_test_setup_teardown(test_mounts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_memory, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
