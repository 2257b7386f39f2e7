/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A growing byte buffer, in an arena or on the heap, with a hard limit. A failed append sets a
 * sticky flag and drops the bytes, so that a writer checks once, at the end.
 *
 * Thread: the owner's. Yields: no. Owns: its bytes (heap form: until buf_done).
 */
#ifndef FIRMWARE_CORE_BUF_H
#define FIRMWARE_CORE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "firmware/core/arena.h"
#include "firmware/core/attr.h"
#include "firmware/core/str.h"

struct buf {
	char *p; /* always terminated once anything was appended */
	size_t n;
	size_t cap;
	size_t limit;	 /* most bytes it may hold */
	struct arena *a; /* NULL: heap */
	bool fixed;	 /* p is the caller's array of cap bytes */
	bool failed;
};

void buf_init(struct buf *b, struct arena *a, size_t limit);
void buf_init_heap(struct buf *b, size_t limit);
/* Over the caller's array; never allocates. */
void buf_init_fixed(struct buf *b, char *array, size_t size);
void buf_done(struct buf *b); /* frees the heap form; harmless on others */
#define CLEANUP_BUF CLEANUP(buf_done)
void buf_reset(struct buf *b); /* empty again, memory kept, failed cleared */

void buf_put(struct buf *b, const void *p, size_t n);
void buf_putc(struct buf *b, char c);
void buf_puts(struct buf *b, const char *s);
void buf_put_str(struct buf *b, struct str s);
void buf_printf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
void buf_vprintf(struct buf *b, const char *fmt, va_list ap);
/* Room for n more bytes at b->p + b->n, to be filled by the caller who then adds to b->n. 0,
 * -ENOMEM. */
int buf_reserve(struct buf *b, size_t n) WARN_UNUSED;
/* The text so far, terminated ("" when empty). */
const char *buf_text(const struct buf *b);
static inline struct str buf_str(const struct buf *b)
{
	return str_span(b->p ? b->p : "", b->n);
}

#endif
