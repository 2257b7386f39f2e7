/* SPDX-License-Identifier: Apache-2.0 */
/* Unpacking layers: what they mean, and what hostile ones may not do. Needs root. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "firmware/core/buf.h"
#include "firmware/core/file.h"
#include "firmware/core/mem.h"
#include "firmware/fmt/tar.h"
#include "runtime/image/archive.h"
#include "tests/unit/needs.h"

/* The job system is not linked: nothing here is stopped. */
bool job_stopped(const struct job *job)
{
	(void)job;
	return false;
}

/* --- a tar in memory, a directory to unpack into, a victim beside it --- */

struct memory_writer {
	struct writer writer;
	struct buf out;
};

static int memory_write(struct writer *w, const void *p, size_t n, struct err *e)
{
	struct memory_writer *m = container_of(w, struct memory_writer, writer);

	(void)e;
	buf_put(&m->out, p, n);
	return m->out.failed ? -ENOMEM : 0;
}

struct memory_reader {
	struct reader reader;
	struct str left;
};

static ssize_t memory_read(struct reader *r, void *p, size_t n, struct err *e)
{
	struct memory_reader *m = container_of(r, struct memory_reader, reader);

	(void)e;
	n = MIN(n, m->left.n);
	memcpy(p, m->left.p, n);
	m->left = str_span(m->left.p + n, m->left.n - n);
	return (ssize_t)n;
}

static struct memory_writer sink;
static struct tar_writer *tar;
static char base[64];
static int base_fd, root_fd;
static enum layer_form form;

static int setup(void **state)
{
	(void)state;
	if (geteuid())
		skip();
	snprintf(base, sizeof(base), "/tmp/serin-unpack-XXXXXX");
	assert_non_null(mkdtemp(base));
	base_fd = open(base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(mkdirat(base_fd, "root", 0755), 0);
	assert_int_equal(mkdirat(base_fd, "victim", 0755), 0);
	assert_int_equal(file_replace_at(base_fd, "victim/mark", STR("intact"), 0644, false, NULL),
			 0);
	root_fd = openat(base_fd, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(root_fd >= 0);
	sink.writer.write = memory_write;
	buf_init_heap(&sink.out, 16u << 20);
	assert_int_equal(tar_create(&tar, &sink.writer, NULL), 0);
	form = LAYER_OVERLAY;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	if (geteuid())
		return 0;
	tar_writer_free(tar);
	buf_done(&sink.out);
	close(root_fd);
	close(base_fd);
	return tree_remove_at(AT_FDCWD, base, NULL);
}

static struct tar_entry entry_of(const char *name, enum tar_type type)
{
	return (struct tar_entry){
		.name = name, .type = type, .mode = 0755, .mtime_sec = 1700000000};
}

static void put(const struct tar_entry *t, const char *data)
{
	struct tar_entry copy = *t;

	copy.size = data ? strlen(data) : 0;
	assert_int_equal(tar_add(tar, &copy, NULL), 0);
	if (copy.size)
		assert_int_equal(tar_write(tar, data, copy.size, NULL), 0);
}

static void put_file(const char *name, const char *data)
{
	struct tar_entry t = entry_of(name, TAR_FILE);

	put(&t, data);
}
static void put_dir(const char *name)
{
	struct tar_entry t = entry_of(name, TAR_DIR);

	put(&t, NULL);
}
static void put_link(const char *name, enum tar_type type, const char *target)
{
	struct tar_entry t = entry_of(name, type);

	t.link = target;
	put(&t, NULL);
}

static int unpack(struct unpack_result *ret, struct err *e)
{
	struct unpack_options opt = {.root_fd = root_fd, .form = form};
	struct memory_reader source = {.reader.read = memory_read};

	assert_int_equal(tar_finish(tar, NULL), 0);
	source.left = buf_str(&sink.out);
	return unpack_tar(&source.reader, &opt, ret, e);
}

static void unpacks(void)
{
	struct unpack_result u;
	struct err e = ERR_INIT;

	if (unpack(&u, &e) < 0)
		fail_msg("%s", e.msg);
}

static bool holds(int fd, const char *path, const char *want)
{
	char got[256] = "";
	int file = openat(fd, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	ssize_t n = file < 0 ? -1 : read(file, got, sizeof(got) - 1);

	if (file >= 0)
		close(file);
	return n >= 0 && !strcmp(got, want);
}

static void victim_is_intact(void)
{
	struct stat st;

	assert_true(holds(base_fd, "victim/mark", "intact"));
	assert_int_equal(fstatat(base_fd, "victim/mark", &st, 0), 0);
	assert_int_equal(st.st_nlink, 1);
	assert_int_equal(st.st_mode & 07777, 0644);
	assert_int_equal(fstatat(base_fd, "victim/.wh..wh..opq", &st, 0), -1);
}

/* --- what layers mean --- */

static void test_metadata(void **state)
{
	struct tar_entry t = entry_of("d", TAR_DIR);
	struct unpack_result u;
	struct stat st;
	char path[128], value[64];

	(void)state;
	t.mode = 01777;
	t.uid = 1234;
	t.gid = 1u << 31;
	put(&t, NULL);
	t = entry_of("./d/suid", TAR_FILE);
	t.mode = 04755;
	t.uid = 5;
	assert_int_equal(tar_add_xattr(tar, "user.note", "hello", 5, NULL), 0);
	put(&t, "body");
	put_link("d/hard", TAR_HARDLINK, "/d/suid");
	put_link("sym", TAR_SYMLINK, "../../etc/passwd");
	t = entry_of("pipe", TAR_FIFO);
	put(&t, NULL);
	t = entry_of("null", TAR_CHAR);
	t.dev_major = 1;
	t.dev_minor = 3;
	put(&t, NULL);
	put_file("implied/deep/file", "x");
	assert_int_equal(unpack(&u, NULL), 0);
	assert_int_equal(u.size, 5 + strlen("../../etc/passwd"));
	assert_int_equal(u.entries, 7);
	assert_int_equal(fstatat(root_fd, "d", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 01777);
	assert_int_equal(st.st_uid, 1234);
	assert_true(st.st_gid == 1u << 31);
	/* Entries made inside afterwards did not change it. */
	assert_int_equal(st.st_mtim.tv_sec, 1700000000);
	assert_int_equal(fstatat(root_fd, "d/suid", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 04755);
	assert_int_equal(st.st_uid, 5);
	assert_int_equal(st.st_nlink, 2);
	assert_int_equal(st.st_mtim.tv_sec, 1700000000);
	snprintf(path, sizeof(path), "%s/root/d/suid", base);
	if (getxattr(path, "user.note", value, sizeof(value)) < 0)
		assert_int_equal(errno, ENOTSUP);
	assert_int_equal(fstatat(root_fd, "null", &st, 0), 0);
	assert_true(S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3));
	assert_int_equal(fstatat(root_fd, "implied", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
}

static void test_whiteouts(void **state)
{
	struct unpack_result u;
	struct stat st;
	char path[128], value = 0;

	(void)state;
	put_dir("d");
	put_file("d/.wh.gone", "");
	put_dir("o");
	put_file("o/.wh..wh..opq", "");
	put_file("o/new", "x");
	put_file(".wh..wh.aufs", "");
	/* deleted and made again in one layer: what is below stays hidden */
	put_file(".wh.again", "");
	put_dir("again");
	assert_int_equal(unpack(&u, NULL), 0);
	assert_int_equal(fstatat(root_fd, "d/gone", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_true(S_ISCHR(st.st_mode) && st.st_rdev == 0);
	snprintf(path, sizeof(path), "%s/root/o", base);
	assert_int_equal(getxattr(path, "trusted.overlay.opaque", &value, 1), 1);
	assert_int_equal(value, 'y');
	snprintf(path, sizeof(path), "%s/root/again", base);
	assert_int_equal(getxattr(path, "trusted.overlay.opaque", &value, 1), 1);
	assert_int_equal(fstatat(root_fd, "o/.wh..wh..opq", &st, 0), -1);
	assert_int_equal(fstatat(root_fd, ".wh..wh.aufs", &st, 0), -1);
}

static void test_plain_form(void **state)
{
	struct unpack_result u;
	struct stat st;

	(void)state;
	form = LAYER_PLAIN;
	put_file(".wh.gone", "");
	put_file("d/.wh..wh..opq", "");
	assert_int_equal(unpack(&u, NULL), 0);
	assert_int_equal(u.whiteouts, 2);
	assert_int_equal(fstatat(root_fd, ".wh.gone", &st, 0), 0);
	assert_true(S_ISREG(st.st_mode));
	assert_int_equal(fstatat(root_fd, "d/.wh..wh..opq", &st, 0), 0);
}

static void test_replacing(void **state)
{
	struct stat st;

	(void)state;
	put_file("a", "one");
	put_file("a", "two");
	put_dir("b");
	put_file("b/x", "x");
	put_file("b", "flat");
	put_link("c", TAR_SYMLINK, "a");
	put_dir("c");
	put_file("c/y", "y");
	put_dir("e");
	put_file("e/z", "z");
	put_dir("e");
	unpacks();
	assert_true(holds(root_fd, "a", "two"));
	assert_true(holds(root_fd, "b", "flat"));
	assert_true(holds(root_fd, "c/y", "y"));
	assert_true(holds(root_fd, "e/z", "z"));
	assert_int_equal(fstatat(root_fd, "c", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_true(S_ISDIR(st.st_mode));
}

static void test_symlinks_are_followed_inside(void **state)
{
	(void)state;
	put_dir("usr/lib");
	put_link("lib", TAR_SYMLINK, "usr/lib");
	put_file("lib/x", "through");
	put_link("abs", TAR_SYMLINK, "/usr");
	put_file("abs/lib/y", "absolute");
	put_link("up", TAR_SYMLINK, "../../../usr");
	put_file("up/z", "clamped");
	unpacks();
	assert_true(holds(root_fd, "usr/lib/x", "through"));
	assert_true(holds(root_fd, "usr/lib/y", "absolute"));
	assert_true(holds(root_fd, "usr/z", "clamped"));
}

/* --- hostile ones --- */

static void refused(void)
{
	struct unpack_result u;
	struct err e = ERR_INIT;

	assert_true(unpack(&u, &e) < 0);
	assert_true(e.msg[0]);
	victim_is_intact();
}

static void test_dotdot(void **state)
{
	(void)state;
	put_file("../victim/mark", "escaped");
	refused();
}

static void test_dotdot_inside(void **state)
{
	(void)state;
	put_dir("a");
	put_file("a/../../victim/mark", "escaped");
	refused();
}

static void test_absolute(void **state)
{
	char path[128], inside[128];

	(void)state;
	snprintf(path, sizeof(path), "%s/victim/mark", base);
	put_file(path, "escaped");
	unpacks();
	snprintf(inside, sizeof(inside), "%s", path + 1);
	assert_true(holds(root_fd, inside, "escaped"));
	victim_is_intact();
}

static void test_through_symlink(void **state)
{
	char path[128];

	(void)state;
	snprintf(path, sizeof(path), "%s/victim", base);
	put_link("out", TAR_SYMLINK, path);
	put_file("out/mark", "escaped");
	refused();
}

static void test_through_relative_symlink(void **state)
{
	(void)state;
	put_dir("d");
	put_link("d/out", TAR_SYMLINK, "../../victim");
	put_file("d/out/mark", "escaped");
	refused();
}

static void test_over_symlink(void **state)
{
	char path[128];

	(void)state;
	snprintf(path, sizeof(path), "%s/victim/mark", base);
	put_link("f", TAR_SYMLINK, path);
	put_file("f", "inside");
	unpacks();
	assert_true(holds(root_fd, "f", "inside"));
	victim_is_intact();
}

static void test_whiteout_through_symlink(void **state)
{
	char path[128];

	(void)state;
	snprintf(path, sizeof(path), "%s/victim", base);
	put_link("out", TAR_SYMLINK, path);
	put_file("out/.wh.mark", "");
	refused();
}

static void test_opaque_through_symlink(void **state)
{
	char path[128];

	(void)state;
	snprintf(path, sizeof(path), "%s/victim", base);
	put_link("out", TAR_SYMLINK, path);
	put_file("out/.wh..wh..opq", "");
	refused();
}

static void test_hardlink_out(void **state)
{
	(void)state;
	put_link("stolen", TAR_HARDLINK, "../victim/mark");
	refused();
}

static void test_hardlink_absolute(void **state)
{
	char path[128];

	(void)state;
	snprintf(path, sizeof(path), "%s/victim/mark", base);
	put_link("stolen", TAR_HARDLINK, path);
	refused();
}

static void test_hardlink_through_symlink(void **state)
{
	char path[128];

	(void)state;
	snprintf(path, sizeof(path), "%s/victim", base);
	put_link("out", TAR_SYMLINK, path);
	put_link("stolen", TAR_HARDLINK, "out/mark");
	refused();
}

static void test_hardlink_to_whiteout(void **state)
{
	(void)state;
	put_file("f", "x");
	put_link("g", TAR_HARDLINK, ".wh.f");
	refused();
}

static void test_forged_whiteout(void **state)
{
	struct tar_entry t = entry_of("f", TAR_CHAR);

	(void)state;
	put(&t, NULL);
	refused();
}

static void test_forged_attribute(void **state)
{
	struct tar_entry t = entry_of("d", TAR_DIR);

	(void)state;
	assert_int_equal(tar_add_xattr(tar, "trusted.overlay.redirect", "/etc", 4, NULL), 0);
	put(&t, NULL);
	refused();
}

static void test_whiteout_of_nothing(void **state)
{
	(void)state;
	put_file("d/.wh...", "");
	refused();
}

static void test_root_as_file(void **state)
{
	(void)state;
	put_file("./", "x");
	put_link("/", TAR_SYMLINK, "/etc");
	refused();
}

static void test_too_deep(void **state)
{
	char name[1024];
	size_t n = 0;

	(void)state;
	while (n + 3 < 600) {
		name[n++] = 'd';
		name[n++] = '/';
	}
	name[n++] = 'f';
	name[n] = '\0';
	put_file(name, "x");
	refused();
}

static void test_truncated(void **state)
{
	struct unpack_result u;
	struct unpack_options opt = {.root_fd = root_fd};
	struct err e = ERR_INIT;

	(void)state;
	put_file("one", "1");
	put_file("two", "2");
	assert_int_equal(tar_finish(tar, NULL), 0);
	/* At every block, and in the middle of one. */
	for (size_t n = 256; n < 2048; n += 256) {
		struct memory_reader source = {.reader.read = memory_read,
					       .left = str_span(sink.out.p, n)};

		if (unpack_tar(&source.reader, &opt, &u, &e) == 0 && n % 1024)
			fail_msg("%zu bytes are taken for a whole tar", n);
	}
}

static void test_clean(void **state)
{
	static const struct {
		const char *in, *out;
	} cases[] = {{"a/b", "a/b"},
		     {"/a", "a"},
		     {"./a//b/./c/", "a/b/c"},
		     {"a/../b", "b"},
		     {"a/b/../../c", "c"},
		     {"", ""},
		     {"./", ""},
		     {"/", ""},
		     {"a/..", ""},
		     {"..a/b..", "..a/b.."}};
	static const char *const bad[] = {"..", "../a", "a/../../b", "/..", "./../a"};
	char *out = mem_alloc(ARCHIVE_PATH_MAX);

	(void)state;
	assert_non_null(out);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(archive_path_clean(cases[i].in, out), 0);
		assert_string_equal(out, cases[i].out);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(archive_path_clean(bad[i], out), -EXDEV);
	mem_free(out);
}

#define HOSTILE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		HOSTILE(test_metadata),
		HOSTILE(test_whiteouts),
		HOSTILE(test_plain_form),
		HOSTILE(test_replacing),
		HOSTILE(test_symlinks_are_followed_inside),
		HOSTILE(test_dotdot),
		HOSTILE(test_dotdot_inside),
		HOSTILE(test_absolute),
		HOSTILE(test_through_symlink),
		HOSTILE(test_through_relative_symlink),
		HOSTILE(test_over_symlink),
		HOSTILE(test_whiteout_through_symlink),
		HOSTILE(test_opaque_through_symlink),
		HOSTILE(test_hardlink_out),
		HOSTILE(test_hardlink_absolute),
		HOSTILE(test_hardlink_through_symlink),
		HOSTILE(test_hardlink_to_whiteout),
		HOSTILE(test_forged_whiteout),
		HOSTILE(test_forged_attribute),
		HOSTILE(test_whiteout_of_nothing),
		HOSTILE(test_root_as_file),
		HOSTILE(test_too_deep),
		HOSTILE(test_truncated),
		cmocka_unit_test(test_clean),
	};

	NEEDS_ALL(tests, lacks_openat2());
	return cmocka_run_group_tests(tests, NULL, NULL);
}
