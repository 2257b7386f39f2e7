/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "firmware/core/attr.h"
#include "firmware/core/mem.h"
#include "firmware/fmt/tar.h"

#define BLOCK 512

static char archive[4 << 20];
static size_t archive_n;

/* --- an archive as a stream, in and out --- */

struct source {
	struct reader reader;
	size_t at, step;
	bool fails; /* instead of the end */
};

static ssize_t source_read(struct reader *r, void *p, size_t n, struct err *e)
{
	struct source *s = container_of(r, struct source, reader);

	n = MIN(MIN(n, s->step), archive_n - s->at);
	if (n == 0 && s->fails)
		return err_set(e, ERR_CANCELLED, "source cancelled");
	memcpy(p, archive + s->at, n);
	s->at += n;
	return (ssize_t)n;
}

struct sink {
	struct writer writer;
	size_t room;
};

static int sink_write(struct writer *w, const void *p, size_t n, struct err *e)
{
	struct sink *s = container_of(w, struct sink, writer);

	if (n > s->room)
		return err_set(e, ERR_SYSTEM, "sink is full");
	s->room -= n;
	memcpy(archive + archive_n, p, n);
	archive_n += n;
	return 0;
}

static struct tar_writer *create(struct sink *s)
{
	struct tar_writer *t = NULL;
	struct err e = ERR_INIT;

	archive_n = 0;
	*s = (struct sink){{sink_write}, sizeof(archive)};
	assert_int_equal(tar_create(&t, &s->writer, &e), 0);
	return t;
}

static struct tar_reader *open_all(struct source *s)
{
	struct tar_reader *t = NULL;
	struct err e = ERR_INIT;

	*s = (struct source){.reader = {source_read}, .step = 100000};
	assert_int_equal(tar_open(&t, &s->reader, &e), 0);
	assert_int_equal(s->at, 0);
	return t;
}

static void next(struct tar_reader *t, struct tar_entry *entry)
{
	struct err e = ERR_INIT;

	if (tar_next(t, entry, &e) != 1)
		fail_msg("no entry: %s", e.msg);
}

static void at_end(struct tar_reader *t)
{
	struct tar_entry entry;
	struct err e = ERR_INIT;

	if (tar_next(t, &entry, &e) != 0)
		fail_msg("not the end: %s", e.msg);
	assert_int_equal(tar_next(t, &entry, &e), 0);
}

/* --- archives by hand --- */

static void octal(char *field, size_t width, uint64_t v)
{
	char text[24];

	snprintf(text, sizeof(text), "%0*llo", (int)width - 1, (unsigned long long)v);
	memcpy(field, text, width - 1);
}

static char *put_header(const char *name, char type, uint64_t size, const char *link)
{
	char *h = archive + archive_n;
	unsigned sum = 8 * ' ';

	memset(h, 0, BLOCK);
	memcpy(h, name, MIN(strlen(name), 100U));
	octal(h + 100, 8, 0644);
	octal(h + 108, 8, 1);
	octal(h + 116, 8, 2);
	octal(h + 124, 12, size);
	octal(h + 136, 12, 1700000000);
	h[156] = type;
	memcpy(h + 157, link, MIN(strlen(link), 100U));
	memcpy(h + 257, "ustar\00000", 8);
	octal(h + 329, 8, 5);
	octal(h + 337, 8, 6);
	for (int i = 0; i < BLOCK; i++)
		sum += i >= 148 && i < 156 ? 0 : (unsigned char)h[i];
	octal(h + 148, 8, sum);
	archive_n += BLOCK;
	return h;
}

static void put_data(const char *p, size_t n)
{
	size_t padded = (n + BLOCK - 1) / BLOCK * BLOCK;

	memset(archive + archive_n, 0, padded);
	memcpy(archive + archive_n, p, n);
	archive_n += padded;
}

static void put_pax(const char *records, size_t n)
{
	put_header("PaxHeaders/x", 'x', n, "");
	put_data(records, n);
}

/* Records of "key=value", their lengths put before them. */
static void put_records(const char *const *records, size_t n)
{
	char pax[1000];
	size_t at = 0;

	for (size_t i = 0; i < n; i++) {
		size_t length = strlen(records[i]) + 3;

		length += length + 1 > 9 ? 1 : 0;
		at += (size_t)snprintf(pax + at, sizeof(pax) - at, "%zu %s\n", length, records[i]);
	}
	put_pax(pax, at);
}

static void put_end(void)
{
	memset(archive + archive_n, 0, 2 * BLOCK);
	archive_n += 2 * BLOCK;
}

/* --- tests --- */

static void check_entry(const struct tar_entry *got, const struct tar_entry *want)
{
	assert_string_equal(got->name, want->name);
	assert_int_equal(got->type, want->type);
	assert_int_equal(got->mode, want->mode);
	assert_int_equal(got->uid, want->uid);
	assert_int_equal(got->gid, want->gid);
	assert_int_equal(got->size, want->size);
	assert_int_equal(got->mtime_sec, want->mtime_sec);
	assert_int_equal(got->mtime_nsec, want->mtime_nsec);
	assert_int_equal(got->dev_major, want->dev_major);
	assert_int_equal(got->dev_minor, want->dev_minor);
	if (want->link)
		assert_string_equal(got->link, want->link);
	else
		assert_null(got->link);
}

#define LONG_PART "0123456789012345678901234567890123456789012345678901234567890123456789/"

static const struct tar_entry samples[] = {
	{.name = "dir/", .type = TAR_DIR, .mode = 01755, .uid = 1, .gid = 2, .mtime_sec = 1000},
	{.name = "dir/file", .type = TAR_FILE, .mode = 06755, .size = 70000, .mtime_sec = 1},
	{.name = "empty", .type = TAR_FILE, .mode = 0},
	{.name = "link", .type = TAR_SYMLINK, .link = "../../etc/passwd", .mode = 0777},
	{.name = "hard", .type = TAR_HARDLINK, .link = "dir/file", .mode = 06755},
	{.name = "null", .type = TAR_CHAR, .mode = 0666, .dev_major = 1, .dev_minor = 3},
	{.name = "disk", .type = TAR_BLOCK, .mode = 0660, .dev_major = 259, .dev_minor = 70000},
	{.name = "pipe", .type = TAR_FIFO, .mode = 0600},
	{.name = "owner", .type = TAR_FILE, .uid = UINT32_MAX, .gid = 3000000},
	{.name = "old", .type = TAR_FILE, .mtime_sec = -5},
	{.name = "new", .type = TAR_FILE, .mtime_sec = 1LL << 36},
	{.name = LONG_PART LONG_PART LONG_PART LONG_PART "x", .type = TAR_FILE, .size = 3},
	{.name = "l", .type = TAR_SYMLINK, .link = LONG_PART LONG_PART "y", .mode = 0777},
	{.name = "h", .type = TAR_HARDLINK, .link = LONG_PART LONG_PART "y"},
	/* Composed, decomposed, and no UTF-8 at all: names are bytes. */
	{.name = "\xc3\xa9", .type = TAR_FILE},
	{.name = "e\xcc\x81", .type = TAR_FILE, .size = 10},
	{.name = "\xff\xfe", .type = TAR_SYMLINK, .link = "\xe2\x82", .mode = 0777},
	{.name = "\xe2\x82\xac", .type = TAR_SYMLINK, .link = "e\xcc\x81\xff", .mode = 0777},
	{.name = "new\nline and \"quote\"", .type = TAR_FILE},
	{.name = "./dot", .type = TAR_FILE},
	{.name = "/absolute", .type = TAR_FILE},
	{.name = "../up", .type = TAR_FILE},
};

static char data_at(size_t entry, size_t i)
{
	return (char)(entry * 31 + i * 7 + i / 256);
}

static void write_samples(void)
{
	struct err e = ERR_INIT;
	struct sink s;
	struct tar_writer *t = create(&s);

	for (size_t i = 0; i < ARRAY_LEN(samples); i++) {
		static char data[70000];

		for (size_t k = 0; k < samples[i].size; k++)
			data[k] = data_at(i, k);
		if (i % 5 == 1) {
			assert_int_equal(tar_add_xattr(t, "user.one", "a\0b", 3, &e), 0);
			assert_int_equal(tar_add_xattr(t, "security.capability", "", 0, &e), 0);
		}
		if (tar_add(t, &samples[i], &e) < 0)
			fail_msg("%s: %s", samples[i].name, e.msg);
		assert_int_equal(tar_write(t, data, samples[i].size / 2, &e), 0);
		assert_int_equal(tar_write(t, data + samples[i].size / 2,
					   samples[i].size - samples[i].size / 2, &e),
				 0);
	}
	assert_int_equal(tar_finish(t, &e), 0);
	tar_writer_free(t);
	assert_int_equal(archive_n % BLOCK, 0);
}

static void check_xattrs(struct tar_reader *t, const struct tar_entry *entry, bool given)
{
	bool seen[2] = {false, false};

	assert_int_equal(entry->n_xattrs, given ? 2 : 0);
	for (size_t i = 0; i < entry->n_xattrs; i++) {
		const char *name = NULL;
		const void *value = NULL;
		size_t n = 99;

		tar_xattr(t, i, &name, &value, &n);
		if (strcmp(name, "user.one") == 0) {
			assert_int_equal(n, 3);
			assert_memory_equal(value, "a\0b", 3);
			seen[0] = true;
		} else {
			assert_string_equal(name, "security.capability");
			assert_int_equal(n, 0);
			seen[1] = true;
		}
	}
	assert_true(!given || (seen[0] && seen[1]));
}

static void what_is_written_is_read(void **state)
{
	static const size_t pieces[] = {1 << 20, 65536, 1000, 1};
	struct source s;

	(void)state;
	write_samples();
	for (size_t p = 0; p < ARRAY_LEN(pieces); p++) {
		struct tar_reader *t = open_all(&s);
		struct tar_entry entry;
		struct err e = ERR_INIT;

		s.step = pieces[ARRAY_LEN(pieces) - 1 - p];
		for (size_t i = 0; i < ARRAY_LEN(samples); i++) {
			static char piece[1 << 20];
			size_t total = 0;
			ssize_t n;

			next(t, &entry);
			check_entry(&entry, &samples[i]);
			check_xattrs(t, &entry, i % 5 == 1);
			/* Data left alone is stepped over. */
			if (p == 1)
				continue;
			while ((n = tar_read(t, piece, pieces[p], &e)) > 0) {
				for (size_t k = 0; k < (size_t)n; k++)
					assert_true(piece[k] == data_at(i, total + k));
				total += (size_t)n;
			}
			assert_int_equal(n, 0);
			assert_int_equal(total, entry.size);
			assert_int_equal(tar_read(t, piece, 10, &e), 0);
		}
		at_end(t);
		tar_close(t);
	}
}

static bool archive_holds(const char *text)
{
	return memmem(archive, archive_n, text, strlen(text)) != NULL;
}

static void plain_entries_get_no_pax_header(void **state)
{
	const struct tar_entry plain = {
		.name = "a", .type = TAR_FILE, .mtime_sec = 5, .mtime_nsec = 7};
	const struct tar_entry utf8 = {.name = "\xc3\xa9", .type = TAR_FILE};
	struct err e = ERR_INIT;
	struct sink s;
	struct tar_writer *t = create(&s);

	(void)state;
	assert_int_equal(tar_add(t, &plain, &e), 0);
	assert_int_equal(tar_finish(t, &e), 0);
	tar_writer_free(t);
	assert_int_equal(archive_n, 3 * BLOCK);
	t = create(&s);
	assert_int_equal(tar_add(t, &utf8, &e), 0);
	assert_int_equal(tar_add_xattr(t, "user.x", "v", 1, &e), 0);
	assert_int_equal(tar_add(t, &plain, &e), 0);
	assert_int_equal(tar_finish(t, &e), 0);
	tar_writer_free(t);
	assert_true(archive_holds("11 path=\xc3\xa9\n"));
	assert_true(archive_holds("SCHILY.xattr.user.x=v\n"));
	assert_false(archive_holds("hdrcharset"));
	assert_false(archive_holds("LIBARCHIVE"));
}

static void writer_holds_to_sizes(void **state)
{
	const struct tar_entry file = {.name = "f", .type = TAR_FILE, .size = 5};
	const struct tar_entry nameless = {.name = "", .type = TAR_FILE};
	const struct tar_entry linkless = {.name = "l", .type = TAR_SYMLINK};
	const struct tar_entry endless = {.name = "f", .type = TAR_FILE, .size = 1ULL << 50};
	const struct tar_entry huge = {.name = "f", .type = TAR_FILE, .size = UINT64_MAX};
	struct err e = ERR_INIT;
	struct sink s;
	struct tar_writer *t = create(&s);

	(void)state;
	assert_int_equal(tar_write(t, "x", 1, &e), -EIO);
	assert_int_equal(tar_add(t, &nameless, &e), -EINVAL);
	assert_int_equal(tar_add(t, &linkless, &e), -EINVAL);
	assert_int_equal(tar_add(t, &huge, &e), -EINVAL);
	assert_int_equal(tar_add(t, &file, &e), 0);
	assert_int_equal(tar_write(t, "123456", 6, &e), -EIO);
	assert_int_equal(tar_write(t, "123", 3, &e), 0);
	assert_int_equal(tar_add(t, &file, &e), -EIO);
	assert_string_equal(e.msg, "tar: an entry lacks 2 bytes of its data");
	assert_int_equal(tar_finish(t, &e), -EIO);
	assert_int_equal(tar_write(t, "45", 2, &e), 0);
	assert_int_equal(tar_write(t, "6", 1, &e), -EIO);
	assert_int_equal(tar_finish(t, &e), 0);
	tar_writer_free(t);
	/* An archive given up does not pretend to be whole. */
	t = create(&s);
	assert_int_equal(tar_add(t, &file, &e), 0);
	tar_writer_free(t);
	assert_int_equal(archive_n, 0);
	/* And does not take long about it. */
	t = create(&s);
	assert_int_equal(tar_add(t, &endless, &e), 0);
	tar_writer_free(t);
	assert_int_equal(archive_n, 0);
	tar_writer_free(NULL);
}

static void writer_tells_the_sinks_error(void **state)
{
	static char data[200000];
	const struct tar_entry file = {.name = "f", .type = TAR_FILE, .size = sizeof(data)};

	(void)state;
	for (size_t room = 0; room < sizeof(data); room += 65536) {
		struct err e = ERR_INIT;
		struct sink s;
		struct tar_writer *t = create(&s);
		int r;

		s.room = room;
		r = tar_add(t, &file, &e);
		if (r == 0)
			r = tar_write(t, data, sizeof(data), &e);
		if (r == 0)
			r = tar_finish(t, &e);
		assert_true(r < 0);
		assert_string_equal(e.msg, "sink is full");
		tar_writer_free(t);
	}
}

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

/* The whole archive read through: 0 at its end or an error. */
static int read_through(struct tar_reader *t, struct err *e)
{
	static char data[65536];
	struct tar_entry entry;
	int entries = 0, r;

	while ((r = tar_next(t, &entry, e)) > 0) {
		uint64_t total = 0;
		ssize_t n;

		assert_non_null(entry.name);
		assert_int_equal(entry.mode & ~07777U, 0);
		while (total < 1 << 20 && (n = tar_read(t, data, sizeof(data), e)) > 0)
			total += (uint64_t)n;
		assert_true(total <= entry.size);
		assert_in_range(++entries, 0, 100000);
	}
	return r;
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
			struct err e = ERR_INIT, again = ERR_INIT;

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

static void tells_the_sources_error(void **state)
{
	(void)state;
	write_samples();
	for (size_t cut = 0; cut < archive_n; cut += 3001) {
		size_t whole = archive_n;
		struct source s;
		struct tar_reader *t = open_all(&s);
		struct err e = ERR_INIT;

		archive_n = cut;
		s.fails = true;
		assert_int_equal(read_through(t, &e), -ECANCELED);
		assert_string_equal(e.msg, "source cancelled");
		assert_int_equal(read_through(t, &e), -ECANCELED);
		tar_close(t);
		archive_n = whole;
	}
}

/* Whatever a few damaged bytes do, reading ends, within bounds. */
static void survives_damage(void **state)
{
	uint32_t seed = 3;

	(void)state;
	for (int round = 0; round < 3000; round++) {
		struct source s;
		struct tar_reader *t;
		struct err e = ERR_INIT;
		static char saved[sizeof(archive)];
		size_t n;

		if (round == 0) {
			write_samples();
			memcpy(saved, archive, archive_n);
		}
		n = archive_n;
		for (int i = 0; i <= round % 4; i++) {
			seed = seed * 1664525 + 1013904223;
			archive[(seed >> 8) % n] = (char)(seed >> 3);
		}
		t = open_all(&s);
		(void)read_through(t, &e);
		tar_close(t);
		memcpy(archive, saved, n);
	}
}

static void survives_failing_allocations(void **state)
{
	struct mem_stats before, after;
	struct tar_reader *t = NULL;
	struct tar_writer *w = NULL;
	struct source s = {.reader = {source_read}};
	struct sink k = {{sink_write}, 0};
	struct err e = ERR_INIT;

	(void)state;
	mem_get_stats(&before);
	mem_fail_after(0);
	assert_int_equal(tar_open(&t, &s.reader, &e), -EAGAIN);
	assert_int_equal(tar_create(&w, &k.writer, &e), -EAGAIN);
	mem_fail_after(-1);
	assert_null(t);
	assert_null(w);
	mem_get_stats(&after);
	assert_int_equal(before.live, after.live);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(plain_entries_get_no_pax_header),
		cmocka_unit_test(writer_holds_to_sizes),
		cmocka_unit_test(writer_tells_the_sinks_error),
		cmocka_unit_test(nothing_is_an_empty_archive),
		cmocka_unit_test(reads_pax_records),
		cmocka_unit_test(reads_gnu_long_names),
		cmocka_unit_test(fills_holes_of_sparse_files),
		cmocka_unit_test(refuses_what_is_no_tar),
		cmocka_unit_test(refuses_truncated_archives),
		cmocka_unit_test(refuses_damaged_headers),
		cmocka_unit_test(tells_the_sources_error),
		cmocka_unit_test(survives_damage),
		cmocka_unit_test(survives_failing_allocations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
