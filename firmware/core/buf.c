/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/core/buf.h"

#include <errno.h>
#include <stdio.h>

#include "firmware/core/mem.h"

#define BUF_FIRST 256

void buf_init(struct buf *b, struct arena *a, size_t limit)
{
	*b = (struct buf){.a = a, .limit = limit};
}

void buf_init_heap(struct buf *b, size_t limit)
{
	*b = (struct buf){.limit = limit};
}

void buf_init_fixed(struct buf *b, char *array, size_t size)
{
	*b = (struct buf){.p = array, .cap = size, .limit = size ? size - 1 : 0, .fixed = true};
	if (size)
		array[0] = '\0';
}

void buf_done(struct buf *b)
{
	if (!b->a && !b->fixed)
		mem_free(b->p);
	*b = (struct buf){.limit = b->limit, .failed = true};
}

void buf_reset(struct buf *b)
{
	b->n = 0;
	b->failed = false;
	if (b->p && b->cap)
		b->p[0] = '\0';
}

int buf_reserve(struct buf *b, size_t n)
{
	size_t cap = b->cap ? b->cap : BUF_FIRST;
	char *p;

	if (b->failed || n > b->limit - MIN(b->n, b->limit))
		goto fail;
	if (b->n + n < b->cap)
		return 0;
	if (b->fixed)
		goto fail;
	while (cap <= b->n + n)
		cap = cap > SIZE_MAX / 2 ? SIZE_MAX : cap * 2;
	if (cap > b->limit && b->limit < SIZE_MAX)
		cap = MAX(b->limit + 1, b->n + n + 1);
	p = b->a ? arena_grow(b->a, b->p, b->cap, cap) : mem_realloc(b->p, cap);
	if (!p)
		goto fail;
	if (!b->p)
		p[0] = '\0';
	b->p = p;
	b->cap = cap;
	return 0;
fail:
	b->failed = true;
	return -ENOMEM;
}

void buf_put(struct buf *b, const void *p, size_t n)
{
	if (buf_reserve(b, n) < 0)
		return;
	if (n)
		memcpy(b->p + b->n, p, n);
	b->n += n;
	b->p[b->n] = '\0';
}

void buf_putc(struct buf *b, char c)
{
	buf_put(b, &c, 1);
}

void buf_puts(struct buf *b, const char *s)
{
	buf_put(b, s, strlen(s));
}

void buf_put_str(struct buf *b, struct str s)
{
	buf_put(b, s.p, s.n);
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(b, fmt, ap);
	va_end(ap);
}

void buf_vprintf(struct buf *b, const char *fmt, va_list ap)
{
	size_t room = b->p && b->cap > b->n ? b->cap - b->n : 0;
	va_list again;
	int n;

	if (b->failed)
		return;
	va_copy(again, ap);
	n = vsnprintf(room ? b->p + b->n : NULL, room, fmt, ap);
	if (n >= 0 && (size_t)n >= room) {
		/* It did not fit: undo what was cut off, make room, write again. */
		if (room)
			b->p[b->n] = '\0';
		if (buf_reserve(b, (size_t)n) == 0)
			vsnprintf(b->p + b->n, (size_t)n + 1, fmt, again);
	} else if (n >= 0 && b->n + (size_t)n > b->limit) {
		b->p[b->n] = '\0';
		b->failed = true;
	}
	va_end(again);
	if (n < 0)
		b->failed = true;
	else if (!b->failed)
		b->n += (size_t)n;
}

const char *buf_text(const struct buf *b)
{
	return b->p && b->n ? b->p : "";
}
