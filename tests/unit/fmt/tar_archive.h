/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An archive in memory for the tar tests: as a stream in both directions, and built by hand, block
 * by block.
 *
 * Thread: the test's. Yields: no.
 */
#ifndef TESTS_UNIT_FMT_TAR_ARCHIVE_H
#define TESTS_UNIT_FMT_TAR_ARCHIVE_H

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

static inline ssize_t source_read(struct reader *r, void *p, size_t n, struct err *e)
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

static inline int sink_write(struct writer *w, const void *p, size_t n, struct err *e)
{
	struct sink *s = container_of(w, struct sink, writer);

	if (n > s->room)
		return err_set(e, ERR_SYSTEM, "sink is full");
	s->room -= n;
	memcpy(archive + archive_n, p, n);
	archive_n += n;
	return 0;
}

static inline struct tar_writer *create(struct sink *s)
{
	struct tar_writer *t = NULL;
	struct err e = ERR_INIT;

	archive_n = 0;
	*s = (struct sink){{sink_write}, sizeof(archive)};
	assert_int_equal(tar_create(&t, &s->writer, &e), 0);
	return t;
}

static inline struct tar_reader *open_all(struct source *s)
{
	struct tar_reader *t = NULL;
	struct err e = ERR_INIT;

	*s = (struct source){.reader = {source_read}, .step = 100000};
	assert_int_equal(tar_open(&t, &s->reader, &e), 0);
	assert_int_equal(s->at, 0);
	return t;
}

static inline void next(struct tar_reader *t, struct tar_entry *entry)
{
	struct err e = ERR_INIT;

	if (tar_next(t, entry, &e) != 1)
		fail_msg("no entry: %s", e.msg);
}

static inline void at_end(struct tar_reader *t)
{
	struct tar_entry entry;
	struct err e = ERR_INIT;

	if (tar_next(t, &entry, &e) != 0)
		fail_msg("not the end: %s", e.msg);
	assert_int_equal(tar_next(t, &entry, &e), 0);
}

/* --- archives by hand --- */

static inline void octal(char *field, size_t width, uint64_t v)
{
	char text[24];

	snprintf(text, sizeof(text), "%0*llo", (int)width - 1, (unsigned long long)v);
	memcpy(field, text, width - 1);
}

static inline char *put_header(const char *name, char type, uint64_t size, const char *link)
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

static inline void put_data(const char *p, size_t n)
{
	size_t padded = (n + BLOCK - 1) / BLOCK * BLOCK;

	memset(archive + archive_n, 0, padded);
	memcpy(archive + archive_n, p, n);
	archive_n += padded;
}

static inline void put_pax(const char *records, size_t n)
{
	put_header("PaxHeaders/x", 'x', n, "");
	put_data(records, n);
}

/* Records of "key=value", their lengths put before them. */
static inline void put_records(const char *const *records, size_t n)
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

static inline void put_end(void)
{
	memset(archive + archive_n, 0, 2 * BLOCK);
	archive_n += 2 * BLOCK;
}

/* The whole archive read through: 0 at its end or an error. */
static inline int read_through(struct tar_reader *t, struct err *e)
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

#endif
