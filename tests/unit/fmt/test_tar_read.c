/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/fmt/tar_archive.h"

static void nothing_is_an_empty_archive(void **state)
{
	struct source s;
	struct tar_reader *t;

	(void)state;
	archive_n = 0;
	t = open_all(&s);
	at_end(t);
	tar_close(t);
	put_end();
	t = open_all(&s);
	at_end(t);
	tar_close(t);
	/* The end marker may be missing, and what stands behind it does not count. */
	archive_n = 0;
	put_header("a", '0', 0, "");
	t = open_all(&s);
	next(t, &(struct tar_entry){0});
	at_end(t);
	tar_close(t);
	put_end();
	put_header("b", '0', 0, "");
	t = open_all(&s);
	next(t, &(struct tar_entry){0});
	at_end(t);
	tar_close(t);
	tar_close(NULL);
}

static void reads_pax_records(void **state)
{
	static const char *const records[] = {
		"path=p/q/r",	 "mtime=1500000000.25",	      "uid=70000", "gid=4000000000",
		"size=600",	 "SCHILY.xattr.user.a=value", "x=",	   "comment=ignored",
		"atime=1.000001"};
	static char data[600];
	struct tar_entry entry;
	const char *name = NULL;
	const void *value = NULL;
	struct source s;
	struct tar_reader *t;
	size_t n = 0;

	(void)state;
	archive_n = 0;
	put_records(records, ARRAY_LEN(records));
	put_header("short", '0', 1, "");
	put_data(data, 600);
	put_header("plain", '0', 0, "");
	put_end();
	t = open_all(&s);
	next(t, &entry);
	assert_string_equal(entry.name, "p/q/r");
	assert_int_equal(entry.mtime_sec, 1500000000);
	assert_int_equal(entry.mtime_nsec, 250000000);
	assert_int_equal(entry.uid, 70000);
	assert_int_equal(entry.gid, 4000000000U);
	assert_int_equal(entry.size, 600);
	assert_int_equal(entry.n_xattrs, 1);
	tar_xattr(t, 0, &name, &value, &n);
	assert_string_equal(name, "user.a");
	assert_int_equal(n, 5);
	assert_memory_equal(value, "value", 5);
	next(t, &entry);
	assert_string_equal(entry.name, "plain");
	assert_int_equal(entry.uid, 1);
	assert_int_equal(entry.n_xattrs, 0);
	at_end(t);
	tar_close(t);
}

static void reads_gnu_long_names(void **state)
{
	static char name[3000];
	struct tar_entry entry;
	struct source s;
	struct tar_reader *t;

	(void)state;
	memset(name, 'n', sizeof(name) - 1);
	archive_n = 0;
	put_header("././@LongLink", 'L', sizeof(name), "");
	put_data(name, sizeof(name));
	put_header("cut", '2', 0, "target");
	put_end();
	t = open_all(&s);
	next(t, &entry);
	assert_string_equal(entry.name, name);
	assert_string_equal(entry.link, "target");
	assert_int_equal(entry.uid, 1);
	assert_int_equal(entry.gid, 2);
	assert_int_equal(entry.mtime_sec, 1700000000);
	at_end(t);
	tar_close(t);
}

static void fills_holes_of_sparse_files(void **state)
{
	/* "abc" at 1000, and a hole from there to the end. */
	static const char *const records[] = {"GNU.sparse.size=5000", "GNU.sparse.numblocks=1",
					      "GNU.sparse.map=1000,3"};
	static char data[6000], want[5000];
	struct tar_entry entry;
	struct err e = ERR_INIT;
	struct source s;
	struct tar_reader *t;
	size_t total = 0;
	ssize_t n;

	(void)state;
	archive_n = 0;
	put_records(records, ARRAY_LEN(records));
	put_header("holes", '0', 3, "");
	put_data("abc", 3);
	put_header("after", '0', 0, "");
	put_end();
	memcpy(want + 1000, "abc", 3);
	t = open_all(&s);
	next(t, &entry);
	assert_int_equal(entry.size, 5000);
	while ((n = tar_read(t, data + total, 700, &e)) > 0)
		total += (size_t)n;
	assert_int_equal(n, 0);
	assert_int_equal(total, 5000);
	assert_memory_equal(data, want, 5000);
	next(t, &entry);
	assert_string_equal(entry.name, "after");
	at_end(t);
	tar_close(t);
}

static void refuses_what_is_no_tar(void **state)
{
	static const char *const texts[] = {"x", "hello, world", "PK\3\4", "7070701",
					    "\x1f\x8b\x08"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		for (int block = 0; block < 2; block++) {
			struct source s;
			struct tar_reader *t;
			struct tar_entry entry;
			static struct err e, again;

			memset(archive, 'j', 2 * BLOCK);
			memcpy(archive, texts[i], strlen(texts[i]));
			archive_n = block ? 2 * BLOCK : strlen(texts[i]);
			t = open_all(&s);
			assert_int_equal(tar_next(t, &entry, &e), -EINVAL);
			assert_int_equal(e.kind, ERR_INVALID);
			assert_int_equal(tar_next(t, &entry, &again), -EINVAL);
			assert_string_equal(e.msg, again.msg);
			tar_close(t);
		}
	}
}

static void refuses_truncated_archives(void **state)
{
	size_t whole;

	(void)state;
	archive_n = 0;
	put_header("f", '0', 5000, "");
	put_data(archive + 100000, 5000);
	put_header("g", '0', 10, "");
	put_data("0123456789", 10);
	whole = archive_n;
	for (size_t cut = 1; cut < whole; cut += 37) {
		struct source s;
		struct tar_reader *t;
		struct err e = ERR_INIT;

		if (cut == 11 * BLOCK)
			continue;
		archive_n = cut;
		t = open_all(&s);
		assert_int_equal(read_through(t, &e), -EINVAL);
		tar_close(t);
		/* So too when the data is stepped over. */
		t = open_all(&s);
		for (int r = 1; r > 0;) {
			struct tar_entry entry;

			r = tar_next(t, &entry, &e);
			assert_true(r != 0);
		}
		tar_close(t);
	}
}

static void refuses_damaged_headers(void **state)
{
	static const char *const records[] = {
		"nonsense",
		"9999 path=x\n",
		"3 x\n",
		"12 size=-50\n",
		"0 path=x\n",
		"13 path=x\n17 path=y\n",
		"99999999999999999999 path=x\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(records); i++) {
		struct source s;
		struct tar_reader *t;
		struct err e = ERR_INIT;

		archive_n = 0;
		put_pax(records[i], strlen(records[i]));
		put_header("f", '0', 0, "");
		put_end();
		t = open_all(&s);
		if (read_through(t, &e) != -EINVAL)
			fail_msg("took the record %s", records[i]);
		tar_close(t);
	}
	for (int field = 0; field < 2; field++) {
		struct source s;
		struct tar_reader *t;
		struct err e = ERR_INIT;
		char *h;

		archive_n = 0;
		put_header("first", '0', 0, "");
		h = put_header("f", '0', 0, "");
		put_end();
		h[field ? 148 : 3] ^= 1; /* the checksum, or what it is taken over */
		t = open_all(&s);
		assert_int_equal(read_through(t, &e), -EINVAL);
		tar_close(t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_an_empty_archive),
		cmocka_unit_test(reads_pax_records),
		cmocka_unit_test(reads_gnu_long_names),
		cmocka_unit_test(fills_holes_of_sparse_files),
		cmocka_unit_test(refuses_what_is_no_tar),
		cmocka_unit_test(refuses_truncated_archives),
		cmocka_unit_test(refuses_damaged_headers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
