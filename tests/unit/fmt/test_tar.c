/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/fmt/tar_archive.h"

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
		cmocka_unit_test(tells_the_sources_error),
		cmocka_unit_test(survives_damage),
		cmocka_unit_test(survives_failing_allocations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
