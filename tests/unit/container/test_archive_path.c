/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after the four above */
#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "runtime/container/archive_path.h"

static void modes(void **state)
{
	(void)state;
	assert_int_equal(go_file_mode(S_IFREG | 0644), 0644);
	assert_int_equal(go_file_mode(S_IFDIR | 01777), 1u << 31 | 1u << 20 | 0777);
	assert_int_equal(go_file_mode(S_IFLNK | 0777), 1u << 27 | 0777);
	assert_int_equal(go_file_mode(S_IFREG | 06711), 1u << 23 | 1u << 22 | 0711);
	assert_int_equal(go_file_mode(S_IFBLK | 0600), 1u << 26 | 0600);
	assert_int_equal(go_file_mode(S_IFCHR | 0600), 1u << 26 | 1u << 21 | 0600);
	assert_int_equal(go_file_mode(S_IFIFO), 1u << 25);
	assert_int_equal(go_file_mode(S_IFSOCK), 1u << 24);
}

static void paths(void **state)
{
	static const struct {
		const char *in, *clean, *base;
		enum path_ending ending;
	} cases[] = {
		{"/etc/passwd", "/etc/passwd", "passwd", ENDING_NONE},
		{"etc//passwd", "/etc/passwd", "passwd", ENDING_NONE},
		{"/etc/", "/etc", "etc", ENDING_SLASH},
		{"/etc/.", "/etc", ".", ENDING_DOT},
		{"/", "/", "/", ENDING_SLASH},
		{".", "/", ".", ENDING_DOT},
		{"/.", "/", ".", ENDING_DOT},
		{"/../../a/./b/../c", "/a/c", "c", ENDING_NONE},
		{"/a/..", "/", "/", ENDING_NONE},
		{"/a.", "/a.", "a.", ENDING_NONE},
		{"...", "/...", "...", ENDING_NONE},
	};
	char out[ARCHIVE_TEXT_MAX];
	enum path_ending ending;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(archive_path_parse(cases[i].in, out, &ending), 0);
		assert_string_equal(out, cases[i].clean);
		assert_int_equal(ending, cases[i].ending);
		assert_string_equal(archive_path_base(out, ending), cases[i].base);
	}
}

static void long_paths(void **state)
{
	static char in[2 * ARCHIVE_TEXT_MAX];
	char out[ARCHIVE_TEXT_MAX];
	enum path_ending ending;

	(void)state;
	memset(in, 'x', ARCHIVE_TEXT_MAX - 3);
	assert_int_equal(archive_path_parse(in, out, &ending), 0);
	assert_int_equal(strlen(out), ARCHIVE_TEXT_MAX - 2);
	in[ARCHIVE_TEXT_MAX - 3] = 'x';
	in[ARCHIVE_TEXT_MAX - 2] = 'x';
	assert_int_equal(archive_path_parse(in, out, &ending), -ENAMETOOLONG);
	memset(in, '/', sizeof(in) - 1);
	assert_int_equal(archive_path_parse(in, out, &ending), 0);
	assert_string_equal(out, "/");
}

static void joins(void **state)
{
	char out[ARCHIVE_TEXT_MAX];

	(void)state;
	assert_int_equal(archive_path_join("/a/b", "../c", out), 0);
	assert_string_equal(out, "/a/c");
	assert_int_equal(archive_path_join("", "x", out), 0);
	assert_string_equal(out, "/x");
	assert_int_equal(archive_path_join("/a", "/x/../y", out), 0);
	assert_string_equal(out, "/y");
	assert_int_equal(archive_path_join("/a", "../../../y", out), 0);
	assert_string_equal(out, "/y");
}

static void mounts(void **state)
{
	const struct container_mount list[] = {
		{.destination = "/data"}, {.destination = "/data/in"}, {.destination = "/x/"}};

	(void)state;
	assert_null(archive_mount_of(list, 3, "/"));
	assert_null(archive_mount_of(list, 3, "/database"));
	assert_ptr_equal(archive_mount_of(list, 3, "/data"), &list[0]);
	assert_ptr_equal(archive_mount_of(list, 3, "/data/inner"), &list[0]);
	assert_ptr_equal(archive_mount_of(list, 3, "/data/in/a"), &list[1]);
	assert_ptr_equal(archive_mount_of(list, 3, "/x/y"), &list[2]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(modes), cmocka_unit_test(paths),  cmocka_unit_test(long_paths),
		cmocka_unit_test(joins), cmocka_unit_test(mounts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
