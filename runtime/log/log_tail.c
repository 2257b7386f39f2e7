/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/log/log_tail.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "runtime/log/log_source.h"

#define BACKWARD_MAX 1000 /* records of local that are stepped over one by one */
#define FRAME 8
#define RECORD_MAX (1u << 20)

struct tail {
	struct log_chain *c;
	bool local;
	int64_t missing; /* records still wanted */
	struct arena *a;
	char *block;
	size_t size;
};

/*
 * Walk back over whole lines; what follows the last newline is a line still being written. 0, or a
 * cancel code.
 */
static int back_lines(struct tail *t) FIBER_FN
{
	off_t at = lseek(t->c->fd, 0, SEEK_END);
	bool first = true;
	int code = 0;

	while (at > 0 && code == 0) {
		size_t n = at < (off_t)t->size ? (size_t)at : t->size;
		ssize_t got = pread(t->c->fd, t->block, n, at - (off_t)n);

		if (got != (ssize_t)n)
			break; /* truncated meanwhile: all of what is left */
		at -= (off_t)n;
		for (char *p = t->block + n;
		     (p = memrchr(t->block, '\n', (size_t)(p - t->block)));) {
			if ((!first && --t->missing == 0) || (first && t->missing == 0)) {
				t->c->offset = at + (p - t->block) + 1;
				return 0;
			}
			first = false;
		}
		code = fiber_yield();
	}
	t->c->offset = 0;
	t->missing -= first ? 0 : 1;
	return code;
}

static uint32_t read_u32(const struct log_chain *c, int64_t at)
{
	uint8_t b[4];

	if (at < 0 || pread(c->fd, b, 4, at) != 4)
		return UINT32_MAX;
	return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

/* False when the end is not that of a record, or the way is long. */
static bool back_records(struct tail *t)
{
	int64_t at = lseek(t->c->fd, 0, SEEK_END), missing = t->missing;

	if (missing > BACKWARD_MAX)
		return false;
	while (at > 0 && missing > 0) {
		uint32_t n = read_u32(t->c, at - 4);

		if (n > RECORD_MAX || read_u32(t->c, at - FRAME - n) != n)
			return false;
		at -= FRAME + n;
		missing--;
	}
	t->c->offset = at;
	t->missing = missing;
	return true;
}

/* Where in a record of local the scan stands. */
struct scan {
	int64_t records, end; /* so far; behind the last */
	int64_t at;
	uint32_t length, have; /* of the length's four bytes */
	int64_t skip;	       /* bytes to go to the end of the record */
	bool broken;
};

static bool scan_lines(struct scan *s, const char *p, size_t n, int64_t want)
{
	const char *from = p, *nl;

	while (s->records != want && (nl = memchr(p, '\n', n - (size_t)(p - from)))) {
		p = nl + 1;
		s->records++;
		s->end = s->at + (p - from);
	}
	s->at += (int64_t)n;
	return s->records != want;
}

static bool scan_records(struct scan *s, const char *p, size_t n, int64_t want)
{
	for (size_t i = 0; i < n && s->records != want && !s->broken;) {
		if (s->have < 4) {
			s->length = s->length << 8 | (uint8_t)p[i++];
			s->at++;
			if (++s->have == 4)
				s->skip = (int64_t)s->length + 4;
			s->broken = s->have == 4 && s->length > RECORD_MAX;
			continue;
		}
		if ((int64_t)(n - i) < s->skip) {
			s->skip -= (int64_t)(n - i);
			s->at += (int64_t)(n - i);
			break;
		}
		i += (size_t)s->skip;
		s->at += s->skip;
		s->have = s->length = 0;
		s->records++;
		s->end = s->at;
	}
	return s->records != want && !s->broken;
}

/* Read from the beginning to the want-th record (-1: all). */
static int scan_file(struct tail *t, int64_t want, struct scan *ret) FIBER_FN
{
	struct log_source source;
	struct scan s = {0};
	bool more = want != 0;
	int code;

	arena_reset(t->a);
	t->block = arena_alloc(t->a, t->size);
	code = t->block ? log_source_open(&source, t->c, 0, t->a) : -ENOMEM;
	while (code == 0 && more) {
		ssize_t n = log_source_read(&source, t->block, t->size);

		if (n <= 0) {
			code = (int)n;
			break;
		}
		more = t->local ? scan_records(&s, t->block, (size_t)n, want)
				: scan_lines(&s, t->block, (size_t)n, want);
		code = fiber_yield();
	}
	*ret = s;
	return code;
}

static int forward(struct tail *t) FIBER_FN
{
	struct scan s;
	int code = scan_file(t, -1, &s);

	if (code < 0)
		return code;
	if (s.records < t->missing) {
		t->missing -= s.records;
		t->c->offset = 0;
		return 0;
	}
	code = scan_file(t, s.records - t->missing, &s);
	t->missing = 0;
	t->c->offset = s.end;
	return code;
}

static int seek_back(struct tail *t) FIBER_FN
{
	if (!t->c->gz && !t->local)
		return back_lines(t);
	if (!t->c->gz && back_records(t))
		return 0;
	return forward(t);
}

int log_tail_open(struct log_chain *c, const char *path, bool local, int64_t lines, struct arena *a,
		  size_t block)
{
	struct tail t = {.c = c, .local = local, .missing = lines, .a = a, .size = block};
	int code = log_chain_open_newest(c, path);

	while (code == 0) {
		arena_reset(a);
		t.block = arena_alloc(a, block);
		if (!t.block)
			return -ENOMEM;
		code = seek_back(&t);
		if (code < 0 || t.missing <= 0)
			return code;
		code = log_chain_open_older(c);
	}
	return code == -ENOENT && c->fd >= 0 ? 0 : code;
}
