/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One layer through the whole pipe, large enough for its two threads: what is right, and what goes
 * wrong on either side of the joint. Needs root.
 */
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
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "firmware/core/buf.h"
#include "firmware/core/file.h"
#include "firmware/fmt/tar.h"
#include "runtime/image/layer.h"
#include "tests/unit/needs.h"

#define FILES 24
#define FILE_SIZE (200u << 10)

/* What a source does at its end, or at a position. */
struct source {
	struct reader reader;
	struct str left;
	struct job *stop; /* stop this job when half of it is read */
	size_t half;
	int failure; /* after half of it */
};

static char root[64];
static int root_fd;
static struct buf tar_bytes;
static struct str packed; /* gzip of tar_bytes */
static struct layer_work work;
static struct job job;

static ssize_t source_read(struct reader *reader, void *p, size_t n, struct err *e)
{
	struct source *s = container_of(reader, struct source, reader);

	n = MIN(n, MIN(s->left.n, (size_t)20000));
	if (s->left.n <= s->half && s->stop)
		atomic_store(&s->stop->stop, true);
	if (s->left.n <= s->half && s->failure)
		return err_sys(e, s->failure, "read the source");
	memcpy(p, s->left.p, n);
	s->left = str_span(s->left.p + n, s->left.n - n);
	return (ssize_t)n;
}

/* --- a layer --- */

struct packer {
	struct writer writer;
	struct tar_writer *tar;
};

static int pack_write(struct writer *w, const void *p, size_t n, struct err *e)
{
	(void)w;
	(void)e;
	buf_put(&tar_bytes, p, n);
	return tar_bytes.failed ? -ENOMEM : 0;
}

static void pack_file(struct packer *k, const char *name, const char *data, size_t n)
{
	struct tar_entry t = {.name = name, .type = TAR_FILE, .mode = 0644, .size = n};

	assert_int_equal(tar_add(k->tar, &t, NULL), 0);
	assert_int_equal(tar_write(k->tar, data, n, NULL), 0);
}

/* hostile: the entry in the middle leads out. */
static void pack_layer(bool hostile)
{
	struct packer k = {.writer.write = pack_write};
	static char data[FILE_SIZE];
	uint32_t random = 1;
	char name[32];

	buf_init_heap(&tar_bytes, 16u << 20);
	assert_int_equal(tar_create(&k.tar, &k.writer, NULL), 0);
	for (unsigned i = 0; i < FILES; i++) {
		for (size_t j = 0; j < sizeof(data); j++) {
			random = random * 1664525 + 1013904223;
			data[j] = (char)(random >> 29);
		}
		snprintf(name, sizeof(name), "d/file%u", i);
		pack_file(&k, name, data, sizeof(data));
		if (hostile && i == FILES / 2)
			pack_file(&k, "../../out", data, 10);
	}
	assert_int_equal(tar_finish(k.tar, NULL), 0);
	tar_writer_free(k.tar);
}

static void gzip_layer(void)
{
	z_stream z = {0};
	size_t room = tar_bytes.n + 4096;
	char *out = malloc(room);

	assert_non_null(out);
	assert_int_equal(deflateInit2(&z, 1, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
	z.next_in = (unsigned char *)tar_bytes.p;
	z.avail_in = (unsigned)tar_bytes.n;
	z.next_out = (unsigned char *)out;
	z.avail_out = (unsigned)room;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	packed = str_span(out, z.total_out);
	deflateEnd(&z);
}

static void begin(bool hostile)
{
	pack_layer(hostile);
	gzip_layer();
	memset(&work, 0, sizeof(work));
	memset(&job, 0, sizeof(job));
	work.root_fd = root_fd;
	work.form = LAYER_OVERLAY;
	digest_of(tar_bytes.p, tar_bytes.n, &work.diff_id);
	digest_of(packed.p, packed.n, &work.blob);
	chain_id_next(NULL, &work.diff_id, &work.chain);
	snprintf(work.dir_tmp, sizeof(work.dir_tmp), "tmp/layer");
	snprintf(work.blob_tmp, sizeof(work.blob_tmp), "tmp/blob");
}

static void end(void)
{
	free((void *)(uintptr_t)packed.p);
	buf_done(&tar_bytes);
}

static int setup(void **state)
{
	static const char *const dirs[] = {"tmp", LAYERS_DIR, "image", "image/blobs",
					   "image/blobs/sha256"};

	(void)state;
	if (geteuid())
		skip();
	snprintf(root, sizeof(root), "/tmp/serin-layer-XXXXXX");
	assert_non_null(mkdtemp(root));
	root_fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(root_fd >= 0);
	for (size_t i = 0; i < ARRAY_LEN(dirs); i++)
		assert_int_equal(mkdirat(root_fd, dirs[i], 0700), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	if (geteuid())
		return 0;
	end();
	close(root_fd);
	return tree_remove_at(AT_FDCWD, root, NULL);
}

static struct source source_of(struct str bytes)
{
	return (struct source){.reader.read = source_read, .left = bytes, .half = bytes.n / 2};
}

static int make(struct source *s, struct err *e)
{
	err_clear(e);
	work.source = &s->reader;
	return layer_make(&work, &job, e);
}

/* A failed call leaves nothing behind. */
static void check_clean(void)
{
	char path[STORE_PATH_MAX];

	assert_int_equal(faccessat(root_fd, work.dir_tmp, F_OK, 0), -1);
	assert_int_equal(faccessat(root_fd, work.blob_tmp, F_OK, 0), -1);
	layer_path(&work.chain, "", path);
	assert_int_equal(faccessat(root_fd, path, F_OK, 0), -1);
}

/* --- tests --- */

static void makes_a_layer_and_its_blob(void **state)
{
	char path[STORE_PATH_MAX], file[STORE_PATH_MAX + 32];
	struct err e = ERR_INIT;
	struct source s;
	struct stat st;

	(void)state;
	begin(false);
	s = source_of(packed);
	assert_int_equal(make(&s, &e), 0);
	assert_int_equal(work.size, FILES * FILE_SIZE);
	assert_int_equal(atomic_load(&work.taken), packed.n);
	assert_true(atomic_load(&work.all_taken));
	layer_path(&work.chain, "", path);
	for (unsigned i = 0; i < FILES; i++) {
		snprintf(file, sizeof(file), "%s/diff/d/file%u", path, i);
		assert_int_equal(fstatat(root_fd, file, &st, AT_SYMLINK_NOFOLLOW), 0);
		assert_int_equal(st.st_size, FILE_SIZE);
	}
	blob_path(&work.blob, path);
	assert_int_equal(fstatat(root_fd, path, &st, 0), 0);
	assert_int_equal(st.st_size, packed.n);
}

static void makes_a_layer_that_is_not_compressed(void **state)
{
	struct err e = ERR_INIT;
	struct source s;

	(void)state;
	begin(false);
	work.blob = work.diff_id;
	s = source_of(buf_str(&tar_bytes));
	assert_int_equal(make(&s, &e), 0);
	assert_int_equal(atomic_load(&work.taken), tar_bytes.n);
}

static void refuses_what_is_cut_short(void **state)
{
	struct err e = ERR_INIT;
	struct source s;

	(void)state;
	begin(false);
	for (size_t i = 1; i < 6; i++) {
		s = source_of(str_span(packed.p, packed.n - i * packed.n / 7));
		assert_true(make(&s, &e) < 0);
		assert_int_equal(e.kind, ERR_INVALID);
		check_clean();
	}
	/* Without a digest to expect it is the stream itself that tells. */
	work.blob.text[0] = '\0';
	s = source_of(str_span(packed.p, packed.n / 2));
	assert_true(make(&s, &e) < 0);
	assert_non_null(strstr(e.msg, "unexpected end of gzip data"));
	check_clean();
}

static void refuses_damaged_bytes(void **state)
{
	struct err e = ERR_INIT;
	struct digest none = {{0}}, right;
	char *p;
	struct source s;

	(void)state;
	begin(false);
	right = work.blob;
	p = (char *)(uintptr_t)packed.p;
	for (size_t i = 1; i < 8; i++) {
		size_t at = i * packed.n / 8;

		p[at] ^= 0x10;
		for (int expected = 0; expected < 2; expected++) {
			work.blob = expected ? right : none;
			s = source_of(packed);
			assert_true(make(&s, &e) < 0);
			assert_int_equal(e.kind, ERR_INVALID);
			check_clean();
			if (expected)
				assert_non_null(strstr(e.msg, "verification failed for digest"));
		}
		p[at] ^= 0x10;
	}
}

static void refuses_another_layer(void **state)
{
	struct err e = ERR_INIT;
	struct source s;

	(void)state;
	begin(false);
	work.diff_id.text[10] = work.diff_id.text[10] == '0' ? '1' : '0';
	s = source_of(packed);
	assert_true(make(&s, &e) < 0);
	assert_non_null(strstr(e.msg, "don't match image configuration"));
	check_clean();
}

/* The reading side goes on while the writing side has failed already, and the reverse. */
static void ends_when_unpacking_fails(void **state)
{
	struct err e = ERR_INIT;
	struct source s;

	(void)state;
	begin(true);
	s = source_of(packed);
	assert_true(make(&s, &e) < 0);
	assert_non_null(strstr(e.msg, "leads out of the layer"));
	assert_int_equal(s.left.n, 0); /* its digest was looked at */
	check_clean();
}

static void ends_when_the_source_fails(void **state)
{
	struct err e = ERR_INIT;
	struct source s;

	(void)state;
	begin(false);
	s = source_of(packed);
	s.failure = ECONNRESET;
	assert_int_equal(make(&s, &e), -ECONNRESET);
	assert_non_null(strstr(e.msg, "read the source"));
	check_clean();
}

static void ends_when_it_is_stopped(void **state)
{
	struct err e = ERR_INIT;
	struct source s;

	(void)state;
	begin(false);
	for (size_t i = 0; i < 5; i++) {
		atomic_store(&job.stop, i == 0);
		s = source_of(packed);
		s.stop = &job;
		s.half = i * packed.n / 5 + 1;
		assert_int_equal(make(&s, &e), -ECANCELED);
		assert_int_equal(e.kind, ERR_CANCELLED);
		check_clean();
	}
}

static void ends_when_the_disk_refuses_the_blob(void **state)
{
	struct err e = ERR_INIT;
	struct source s;

	(void)state;
	begin(false);
	snprintf(work.blob_tmp, sizeof(work.blob_tmp), "absent/blob");
	s = source_of(packed);
	assert_int_equal(make(&s, &e), -ENOENT);
	check_clean();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(makes_a_layer_and_its_blob, setup, teardown),
		cmocka_unit_test_setup_teardown(makes_a_layer_that_is_not_compressed, setup,
						teardown),
		cmocka_unit_test_setup_teardown(refuses_what_is_cut_short, setup, teardown),
		cmocka_unit_test_setup_teardown(refuses_damaged_bytes, setup, teardown),
		cmocka_unit_test_setup_teardown(refuses_another_layer, setup, teardown),
		cmocka_unit_test_setup_teardown(ends_when_unpacking_fails, setup, teardown),
		cmocka_unit_test_setup_teardown(ends_when_the_source_fails, setup, teardown),
		cmocka_unit_test_setup_teardown(ends_when_it_is_stopped, setup, teardown),
		cmocka_unit_test_setup_teardown(ends_when_the_disk_refuses_the_blob, setup,
						teardown),
	};

	NEEDS_ALL(tests, lacks_openat2());
	return cmocka_run_group_tests(tests, NULL, NULL);
}
