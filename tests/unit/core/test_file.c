/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "firmware/core/file.h"
#include "tests/unit/needs.h"

static char dir[64];
static int dir_fd;
static struct arena arena;

static int setup(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/serin-test-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	dir_fd = open(dir, O_DIRECTORY | O_CLOEXEC);
	arena_open_heap(&arena, 1 << 20);
	return dir_fd < 0;
}

static int teardown(void **state)
{
	char command[128] = "rm -rf ";

	(void)state;
	arena_done(&arena);
	close(dir_fd);
	return system(strcat(command, dir));
}

static void put(const char *name, const char *text)
{
	int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, text, strlen(text)), 0);
	close(fd);
}

static void test_read(void **state)
{
	struct err e = ERR_INIT;
	struct str s;

	(void)state;
	put("f", "hello");
	assert_int_equal(file_read_at(dir_fd, "f", 5, &arena, &s, &e), 0);
	assert_string_equal(s.p, "hello");
	assert_int_equal(file_read_at(dir_fd, "f", 4, &arena, &s, &e), -E2BIG);
	assert_int_equal(e.kind, ERR_TOO_LARGE);
	assert_int_equal(file_read_at(dir_fd, "g", 5, &arena, &s, &e), -ENOENT);
	assert_string_equal(e.msg, "open g: no such file or directory");
	assert_int_equal(file_read_at(dir_fd, ".", 5, &arena, &s, &e), -EISDIR);
	put("f", "");
	assert_int_equal(file_read_at(dir_fd, "f", 5, &arena, &s, &e), 0);
	assert_int_equal(s.n, 0);
	assert_string_equal(s.p, "");
	/* A file that says it is empty. */
	assert_int_equal(file_read_at(AT_FDCWD, "/proc/self/maps", 200000, &arena, &s, &e), 0);
	assert_true(s.n > 1000);
	assert_int_equal(file_read_at(AT_FDCWD, "/proc/self/maps", 1000, &arena, &s, &e), -E2BIG);
	assert_int_equal(s.p[s.n], 0);
}

static void test_read_in_root(void **state)
{
	struct err e = ERR_INIT;
	struct str s;

	(void)state;
	NEEDS(lacks_openat2());
	assert_int_equal(mkdirat(dir_fd, "etc", 0755), 0);
	put("etc/passwd", "inside");
	assert_int_equal(symlinkat("/etc/passwd", dir_fd, "abs"), 0);
	assert_int_equal(symlinkat("../../../../etc/passwd", dir_fd, "up"), 0);
	assert_int_equal(mkfifoat(dir_fd, "fifo", 0600), 0);
	assert_int_equal(file_read_in_root(dir_fd, "/etc/passwd", 100, &arena, &s, &e), 0);
	assert_string_equal(s.p, "inside");
	assert_int_equal(file_read_in_root(dir_fd, "abs", 100, &arena, &s, &e), 0);
	assert_string_equal(s.p, "inside");
	assert_int_equal(file_read_in_root(dir_fd, "up", 100, &arena, &s, &e), 0);
	assert_string_equal(s.p, "inside");
	assert_int_equal(file_read_in_root(dir_fd, "../etc/shadow", 100, &arena, &s, &e), -ENOENT);
	assert_int_equal(file_read_in_root(dir_fd, "fifo", 100, &arena, &s, &e), -EINVAL);
	assert_int_equal(file_read_in_root(dir_fd, "etc", 100, &arena, &s, &e), -EISDIR);
}

static atomic_bool moved_enough;

static void *move_about(void *arg)
{
	(void)arg;
	for (int i = 0; !atomic_load(&moved_enough); i++)
		renameat(dir_fd, i % 2 ? "two" : "one", dir_fd, i % 2 ? "one" : "two");
	return NULL;
}

/* The kernel cannot always follow a ".." while something is renamed: that is no failure. */
static void test_read_while_others_move(void **state)
{
	struct err e = ERR_INIT;
	pthread_t thread;
	struct str s;
	int failed = 0;

	(void)state;
	NEEDS(lacks_openat2());
	assert_int_equal(mkdirat(dir_fd, "a", 0755), 0);
	put("inside", "text");
	put("one", "");
	assert_int_equal(symlinkat("a/../a/../a/../a/../a/../a/../inside", dir_fd, "up"), 0);
	atomic_store(&moved_enough, false);
	assert_int_equal(pthread_create(&thread, NULL, move_about, NULL), 0);
	for (int i = 0; i < 2000; i++)
		failed += file_read_in_root(dir_fd, "up", 100, &arena, &s, &e) != 0;
	atomic_store(&moved_enough, true);
	pthread_join(thread, NULL);
	assert_int_equal(failed, 0);
}

static int count_files(void)
{
	char command[128];
	FILE *f;
	int n = -1;

	snprintf(command, sizeof(command), "ls -A %s | wc -l", dir);
	f = popen(command, "r");
	assert_int_equal(fscanf(f, "%d", &n), 1);
	pclose(f);
	return n;
}

static void test_replace(void **state)
{
	struct err e = ERR_INIT;
	struct stat st;
	struct str s;
	static char longest[FILE_PATH_MAX + 10];

	(void)state;
	umask(077);
	assert_int_equal(file_replace_at(dir_fd, "f", STR("one"), 0644, true, &e), 0);
	assert_int_equal(file_replace_at(dir_fd, "f", STR("two"), 0644, false, &e), 0);
	assert_int_equal(fstatat(dir_fd, "f", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
	assert_int_equal(file_read_at(dir_fd, "f", 100, &arena, &s, &e), 0);
	assert_string_equal(s.p, "two");
	assert_int_equal(mkdirat(dir_fd, "sub", 0755), 0);
	assert_int_equal(file_replace_at(dir_fd, "sub/f", STR("x"), 0600, true, &e), 0);
	/* What fails leaves nothing behind. */
	assert_int_equal(file_replace_at(dir_fd, "sub", STR("x"), 0600, true, &e), -EISDIR);
	assert_int_equal(file_replace_at(dir_fd, "none/f", STR("x"), 0600, true, &e), -ENOENT);
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_int_equal(file_replace_at(dir_fd, longest, STR("x"), 0600, true, &e), -ENAMETOOLONG);
	assert_int_equal(count_files(), 2);
	assert_int_equal(dir_sync_at(dir_fd, "sub", &e), 0);
	assert_int_equal(dir_sync_at(dir_fd, "f", &e), -ENOTDIR);
}

static void test_make_all(void **state)
{
	char path[200];
	struct err e = ERR_INIT;
	struct stat st;

	(void)state;
	umask(022);
	snprintf(path, sizeof(path), "%s/a//b/c/", dir);
	assert_int_equal(dir_make_all(path, 0711, &e), 0);
	assert_int_equal(dir_make_all(path, 0711, &e), 0);
	assert_int_equal(fstatat(dir_fd, "a/b/c", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0711);
	put("f", "");
	snprintf(path, sizeof(path), "%s/f/x", dir);
	assert_int_equal(dir_make_all(path, 0711, &e), -ENOTDIR);
	snprintf(path, sizeof(path), "%s/f", dir);
	assert_int_equal(dir_make_all(path, 0711, &e), -ENOTDIR);
	assert_int_equal(dir_make_all("", 0711, &e), -ENOENT);
	assert_int_equal(dir_make_all("/", 0711, &e), 0);
}

static void test_random(void **state)
{
	uint64_t a = 0, b = 0;

	(void)state;
	random_bytes(&a, sizeof(a));
	random_bytes(&b, sizeof(b));
	assert_true(a != b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_read, setup, teardown),
		cmocka_unit_test_setup_teardown(test_read_in_root, setup, teardown),
		cmocka_unit_test_setup_teardown(test_read_while_others_move, setup, teardown),
		cmocka_unit_test_setup_teardown(test_replace, setup, teardown),
		cmocka_unit_test_setup_teardown(test_make_all, setup, teardown),
		cmocka_unit_test(test_random),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
