/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes are read as a tar archive. The first byte says how large the pieces are in which they
 * come, and whether the stream ends in an error. Entries must be within their promises.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "firmware/core/attr.h"
#include "firmware/fmt/tar.h"

struct source {
	struct reader reader;
	const uint8_t *p;
	size_t n, step;
	bool fails;
};

static void need(bool holds)
{
	if (!holds)
		abort();
}

static ssize_t source_read(struct reader *r, void *p, size_t n, struct err *e)
{
	struct source *s = container_of(r, struct source, reader);

	n = MIN(MIN(n, s->step), s->n);
	if (n == 0 && s->fails)
		return err_set(e, ERR_CANCELLED, "stopped");
	memcpy(p, s->p, n);
	s->p += n;
	s->n -= n;
	return (ssize_t)n;
}

static void check_entry(struct tar_reader *t, const struct tar_entry *entry)
{
	bool link = entry->type == TAR_SYMLINK || entry->type == TAR_HARDLINK;

	need(entry->name != NULL);
	need(link == (entry->link != NULL));
	need((entry->mode & ~07777U) == 0);
	need(entry->type == TAR_FILE || entry->size == 0);
	need(entry->size <= INT64_MAX);
	for (size_t i = 0; i < entry->n_xattrs; i++) {
		const char *name = NULL;
		const void *value = NULL;
		size_t n = 0;

		tar_xattr(t, i, &name, &value, &n);
		need(name != NULL && (n == 0 || value != NULL));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char piece[40000];
	struct source s = {.reader = {source_read}};
	struct tar_reader *t;
	struct tar_entry entry;
	struct err e = ERR_INIT;
	int r;

	if (size == 0)
		return 0;
	s.step = (size_t)(data[0] & 0x7f) * 97 + 1;
	s.fails = data[0] & 0x80;
	s.p = data + 1;
	s.n = size - 1;
	need(tar_open(&t, &s.reader, &e) == 0);
	while ((r = tar_next(t, &entry, &e)) > 0) {
		uint64_t total = 0;
		ssize_t n = 0;

		check_entry(t, &entry);
		while (total < 1 << 20 && (n = tar_read(t, piece, sizeof(piece), &e)) > 0)
			total += (uint64_t)n;
		need(total <= entry.size);
		need(n != 0 || total == entry.size);
	}
	need(r == 0 || e.kind != ERR_NONE);
	tar_close(t);
	return 0;
}
