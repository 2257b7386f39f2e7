/* SPDX-License-Identifier: Apache-2.0 */
/* A tree packed and unpacked elsewhere, as files are copied out of and into containers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after the four above */
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "firmware/core/buf.h"
#include "firmware/core/file.h"
#include "runtime/image/layer.h"
#include "runtime/image/pack.h"
#include "tests/unit/needs.h"

bool job_stopped(const struct job *job)
{
	(void)job;
	return false;
}

static char dir[] = "/tmp/serin-test-pack-XXXXXX";
static int root = -1;

struct memory_writer {
	struct writer writer;
	struct buf data;
};

struct memory_reader {
	struct reader reader;
	struct str left;
};

static int put(struct writer *w, const void *p, size_t n, struct err *e)
{
	struct memory_writer *m = container_of(w, struct memory_writer, writer);

	buf_put(&m->data, p, n);
	return m->data.failed ? err_sys(e, ENOMEM, "test") : 0;
}

static ssize_t get(struct reader *r, void *p, size_t n, struct err *e)
{
	struct memory_reader *m = container_of(r, struct memory_reader, reader);

	(void)e;
	n = MIN(n, m->left.n);
	memcpy(p, m->left.p, n);
	m->left = str_span(m->left.p + n, m->left.n - n);
	return (ssize_t)n;
}

static void make_file(const char *path, const char *text, mode_t mode)
{
	int fd = openat(root, path, O_WRONLY | O_CREAT | O_TRUNC, mode);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static void check_file(const char *path, const char *text)
{
	char got[64] = "";
	int fd = openat(root, path, O_RDONLY | O_NOFOLLOW);

	assert_true(fd >= 0);
	assert_int_equal(read(fd, got, sizeof(got) - 1), strlen(text));
	assert_string_equal(got, text);
	close(fd);
}

static int set_up(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(dir));
	root = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(mkdirat(root, "from", 0755), 0);
	assert_int_equal(mkdirat(root, "from/sub", 0750), 0);
	assert_int_equal(mkdirat(root, "from/empty", 0755), 0);
	assert_int_equal(mkdirat(root, "to", 0755), 0);
	assert_int_equal(mkdirat(root, "to/in", 0755), 0);
	make_file("from/b", "second", 0640);
	make_file("from/.wh.a", "no whiteout", 0644);
	make_file("from/sub/f", "inner", 0600);
	assert_int_equal(linkat(root, "from/b", root, "from/c", 0), 0);
	assert_int_equal(symlinkat("../b", root, "from/sub/l"), 0);
	assert_int_equal(mkfifoat(root, "from/fifo", 0600), 0);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	close(root);
	assert_int_equal(tree_remove_at(AT_FDCWD, dir, NULL), 0);
	memcpy(dir + strlen(dir) - 6, "XXXXXX", 6);
	return 0;
}

static void pack(const char *base, const char *name, const char *skip, struct memory_writer *out)
{
	struct pack_options opt = {.dir_fd = root, .base = base, .name = name, .skip = skip};
	struct err e = ERR_INIT;

	out->writer.write = put;
	buf_init_heap(&out->data, 1 << 20);
	assert_int_equal(pack_tree(&out->writer, &opt, NULL, &e), 0);
}

static int unpack(const struct memory_writer *from, const struct unpack_options *more,
		  struct err *e)
{
	struct memory_reader in = {{get}, buf_str(&from->data)};
	struct unpack_options opt = *more;
	struct unpack_result result;
	int fd = openat(root, "to", O_PATH | O_DIRECTORY), r;

	opt.root_fd = fd;
	opt.verbatim = true;
	r = unpack_tar(&in.reader, &opt, &result, e);
	close(fd);
	return r;
}

/* Into the directory "in", owned by whoever runs the test. */
static struct unpack_options mine(void)
{
	return (struct unpack_options){
		.base = "in", .owned = true, .uid = getuid(), .gid = getgid()};
}

static void there_and_back(void **state)
{
	struct unpack_options opt = mine();
	struct memory_writer out;
	struct err e = ERR_INIT;
	struct stat b, c;
	char link[16] = "";

	(void)state;
	pack("from", "tree", NULL, &out);
	assert_int_equal(unpack(&out, &opt, &e), 0);
	check_file("to/in/tree/b", "second");
	check_file("to/in/tree/.wh.a", "no whiteout");
	check_file("to/in/tree/sub/f", "inner");
	assert_int_equal(fstatat(root, "to/in/tree/b", &b, 0), 0);
	assert_int_equal(fstatat(root, "to/in/tree/c", &c, 0), 0);
	assert_int_equal(b.st_ino, c.st_ino);
	assert_int_equal(b.st_mode, S_IFREG | 0640);
	assert_int_equal(readlinkat(root, "to/in/tree/sub/l", link, sizeof(link)), 4);
	assert_string_equal(link, "../b");
	assert_int_equal(fstatat(root, "to/in/tree/fifo", &c, 0), 0);
	assert_true(S_ISFIFO(c.st_mode));
	assert_int_equal(fstatat(root, "to/in/tree/empty", &c, 0), 0);
	buf_done(&out.data);
}

static void names(void **state)
{
	struct unpack_options opt = mine();
	struct memory_writer out;
	struct err e = ERR_INIT;
	struct stat st;

	(void)state;
	pack("from", "", "sub", &out);
	assert_int_equal(unpack(&out, &opt, &e), 0);
	check_file("to/in/b", "second");
	assert_int_equal(fstatat(root, "to/in/sub", &st, 0), 0);
	assert_int_equal(fstatat(root, "to/in/sub/f", &st, 0), -1);
	buf_done(&out.data);
	pack("from/b", "other", NULL, &out);
	assert_int_equal(unpack(&out, &opt, &e), 0);
	check_file("to/in/other", "second");
	buf_done(&out.data);
}

static void kinds_are_kept(void **state)
{
	struct unpack_options opt = mine();
	struct memory_writer out;
	struct err e = ERR_INIT;

	(void)state;
	opt.keep_kinds = true;
	assert_int_equal(mkdirat(root, "to/in/b", 0755), 0);
	pack("from/b", "b", NULL, &out);
	assert_true(unpack(&out, &opt, &e) < 0);
	assert_string_equal(e.msg, "cannot overwrite directory \"/in/b\" with non-directory \"b\"");
	opt.keep_kinds = false;
	err_clear(&e);
	assert_int_equal(unpack(&out, &opt, &e), 0);
	check_file("to/in/b", "second");
	buf_done(&out.data);
	opt.keep_kinds = true;
	pack("from/sub", "b", NULL, &out);
	assert_true(unpack(&out, &opt, &e) < 0);
	assert_string_equal(e.msg,
			    "cannot overwrite non-directory \"/in/b\" with directory \"b/\"");
	buf_done(&out.data);
}

/* Links are followed inside the root, also out of the directory that is unpacked in. */
static void through_links(void **state)
{
	struct unpack_options opt = mine();
	struct memory_writer out;
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(mkdirat(root, "to/real", 0755), 0);
	assert_int_equal(symlinkat("/real", root, "to/in/l"), 0);
	pack("from/b", "l/b", NULL, &out);
	assert_int_equal(unpack(&out, &opt, &e), 0);
	check_file("to/real/b", "second");
	buf_done(&out.data);
	pack("from/b", "../b", NULL, &out);
	assert_true(unpack(&out, &opt, &e) < 0);
	assert_int_equal(e.kind, ERR_INVALID);
	buf_done(&out.data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(there_and_back, set_up, tear_down),
		cmocka_unit_test_setup_teardown(names, set_up, tear_down),
		cmocka_unit_test_setup_teardown(kinds_are_kept, set_up, tear_down),
		cmocka_unit_test_setup_teardown(through_links, set_up, tear_down),
	};

	NEEDS_ALL(tests, lacks_openat2());
	return cmocka_run_group_tests(tests, NULL, NULL);
}
