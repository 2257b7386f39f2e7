/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A span is CONFIG_ARENA_SPAN bytes of address space; memory comes page by page as it is touched
 * and is charged to the budget one step ahead. Bytes never handed out are known to be zero, so
 * only the part an earlier user dirtied is cleared, and only when it is handed out again.
 *
 * A span given back keeps its first step of memory as long as fewer than WARM_MAX others do: a
 * steady load then costs no page faults, and what idle spans hold is bounded.
 */
#include "firmware/core/arena.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "firmware/core/mem.h"
#include "firmware/core/pages.h"
#include "firmware/core/sanitize.h"

#define STEP 16384
#define PAGE 4096 /* the smallest there are: where they are larger, less is given back */
#define WARM_MAX 8
#define ALIGN 16
#define HEAP_BLOCK_FIRST 512
#define HEAP_BLOCK_MAX 65536

_Static_assert(CONFIG_ARENA_SPAN % STEP == 0, "ARENA_SPAN must be a multiple of 16384");
_Static_assert(CONFIG_ARENA_RESERVED < CONFIG_ARENA_COUNT, "ARENA_RESERVED must be below COUNT");

struct heap_block {
	struct heap_block *older;
	size_t size;
	char data[] __attribute__((aligned(ALIGN)));
};

static struct pool spans;
static uint32_t left_dirty[CONFIG_ARENA_COUNT]; /* of a free span: bytes that may not be zero */
static atomic_int warm;				/* free spans that hold memory */
static atomic_size_t charged;

int arena_system_init(struct err *e)
{
	atomic_store(&warm, 0);
	atomic_store(&charged, 0);
	memset(left_dirty, 0, spans.base ? sizeof(left_dirty) : 0);
	if (pool_init(&spans, "arena", CONFIG_ARENA_SPAN, CONFIG_ARENA_COUNT, CONFIG_ARENA_RESERVED,
		      e) < 0)
		return err_code(e);
	spans.address_space = true; /* CONFIG_ARENA_BUDGET is what they may hold together */
	return 0;
}

void arena_system_fini(void)
{
	pool_fini(&spans);
	memset(left_dirty, 0, sizeof(left_dirty));
}

void arena_get_budget(size_t *ret_charged, size_t *ret_budget)
{
	*ret_charged = atomic_load_explicit(&charged, memory_order_relaxed);
	*ret_budget = CONFIG_ARENA_BUDGET;
}

static bool budget_take(size_t n)
{
	size_t now = atomic_load_explicit(&charged, memory_order_relaxed);

	do {
		if (n > CONFIG_ARENA_BUDGET - now)
			return false;
	} while (!atomic_compare_exchange_weak(&charged, &now, now + n));
	return true;
}

int arena_open(struct arena *a, enum pool_class cls)
{
	char *span = pool_get(&spans, cls);
	uint32_t *dirty;

	if (!span)
		return -EAGAIN;
	sanitize_poison(span, CONFIG_ARENA_SPAN);
	*a = (struct arena){.base = span, .limit = CONFIG_ARENA_SPAN};
	dirty = &left_dirty[pool_index(&spans, span)];
	if (*dirty) {
		a->dirty = *dirty;
		*dirty = 0;
		atomic_fetch_sub(&warm, 1);
	}
	return 0;
}

void arena_open_heap(struct arena *a, size_t cap)
{
	*a = (struct arena){.heap = true, .limit = cap};
}

static void heap_free_blocks(struct arena *a)
{
	struct heap_block *b = a->base ? container_of(a->base, struct heap_block, data) : NULL;

	while (b) {
		struct heap_block *older = b->older;

		mem_free(b);
		b = older;
	}
	a->base = NULL;
	a->used = a->size = a->total = 0;
	a->last = NULL;
}

static void span_zero(char *from, char *to)
{
	if (from >= to)
		return;
	sanitize_unpoison(from, (size_t)(to - from));
	memset(from, 0, (size_t)(to - from));
	sanitize_poison(from, (size_t)(to - from));
}

/* Drop the memory of a span behind its first keep bytes; all of it reads as zeros then. */
static void span_drop(struct arena *a, size_t keep)
{
	char *from = a->base + keep, *low, *high;

	a->dirty = MAX(a->dirty, a->used);
	if (a->dirty <= keep)
		return;
	/* Where pages are larger than ours, or the kernel refuses, some stays and is wiped. */
	(void)pages_drop(from, a->base + CONFIG_ARENA_SPAN, &low, &high);
	span_zero(from, MIN(low, a->base + a->dirty));
	span_zero(high, a->base + a->dirty);
	a->dirty = keep;
}

void arena_reset(struct arena *a)
{
	if (!a->base)
		return;
	if (a->heap) {
		heap_free_blocks(a);
		return;
	}
	span_drop(a, STEP);
	if (a->size > STEP) {
		atomic_fetch_sub(&charged, a->size - STEP);
		a->size = STEP;
	}
	a->used = 0;
	a->last = NULL;
	sanitize_poison(a->base, CONFIG_ARENA_SPAN);
}

void arena_trim(struct arena *a)
{
	if (a->base && !a->heap)
		span_drop(a, (a->used + PAGE - 1) / PAGE * PAGE);
}

void arena_done(struct arena *a)
{
	if (!a->base)
		return;
	if (a->heap) {
		heap_free_blocks(a);
		return;
	}
	a->dirty = MAX(a->dirty, a->used);
	if (a->dirty) {
		if (atomic_fetch_add(&warm, 1) < WARM_MAX) {
			span_drop(a, STEP);
			left_dirty[pool_index(&spans, a->base)] = (uint32_t)a->dirty;
		} else {
			atomic_fetch_sub(&warm, 1);
			span_drop(a, 0);
		}
	}
	atomic_fetch_sub(&charged, a->size);
	pool_put(&spans, a->base);
	*a = (struct arena){.limit = 0};
}

/* Make bytes up to end usable in a span. */
static bool span_extend(struct arena *a, size_t end)
{
	size_t more;

	if (end <= a->size)
		return true;
	if (end > a->limit)
		return false;
	more = (end - a->size + STEP - 1) / STEP * STEP;
	if (!budget_take(more))
		return false;
	a->size += more;
	return true;
}

static bool heap_add_block(struct arena *a, size_t n)
{
	size_t size = a->size ? MIN(a->size * 2, (size_t)HEAP_BLOCK_MAX) : HEAP_BLOCK_FIRST;
	struct heap_block *b;

	size = MAX(size, n);
	if (size > a->limit - a->total)
		size = n;
	if (size > a->limit - a->total || size > SIZE_MAX - sizeof(*b))
		return false;
	b = mem_alloc(sizeof(*b) + size);
	if (!b)
		return false;
	b->older = a->base ? container_of(a->base, struct heap_block, data) : NULL;
	b->size = size;
	a->base = b->data;
	a->size = size;
	a->used = 0;
	a->total += size;
	return true;
}

/* Hand out bytes start..end of the newest block, which are within its size, as zeroes. */
static void *take(struct arena *a, size_t start, size_t end)
{
	char *p = a->base + start;

	sanitize_unpoison(p, end - start);
	if (start < a->dirty)
		memset(p, 0, MIN(end, a->dirty) - start);
	a->used = end;
	return p;
}

void *arena_alloc(struct arena *a, size_t n)
{
	size_t start, end;

	if (n == 0)
		n = 1;
	if (n > a->limit)
		return NULL;
	start = (a->used + ALIGN - 1) / ALIGN * ALIGN;
	end = start + n;
	if (a->heap) {
		if (!a->base || end > a->size) {
			if (!heap_add_block(a, n))
				return NULL;
			start = 0;
			end = n;
		}
	} else if (!a->base || !span_extend(a, end)) {
		return NULL;
	}
	a->last = take(a, start, end);
	return a->last;
}

void *arena_alloc_array(struct arena *a, size_t count, size_t size)
{
	size_t n;

	if (__builtin_mul_overflow(count, size, &n))
		return NULL;
	return arena_alloc(a, n);
}

void *arena_grow(struct arena *a, void *p, size_t old_n, size_t n)
{
	void *q;

	if (p && n <= old_n)
		return p;
	if (p && p == a->last && n <= a->limit) {
		size_t start = (size_t)((char *)p - a->base);

		if (a->heap ? start + n <= a->size : span_extend(a, start + n)) {
			if (start + n > a->used)
				take(a, a->used, start + n);
			return p;
		}
	}
	q = arena_alloc(a, n);
	if (q && p)
		memcpy(q, p, old_n);
	return q;
}

void arena_shrink(struct arena *a, const void *p, size_t n)
{
	size_t end;

	if (!p || p != a->last)
		return;
	end = (size_t)((const char *)p - a->base) + n;
	if (end >= a->used)
		return;
	/* In a heap block whatever is handed out is cleared nowhere else. */
	if (a->heap)
		memset(a->base + end, 0, a->used - end);
	a->dirty = a->heap ? 0 : MAX(a->dirty, a->used);
	sanitize_poison(a->base + end, a->used - end);
	a->used = end;
}

char *arena_strdup(struct arena *a, const char *s)
{
	return arena_strndup(a, s, strlen(s));
}

char *arena_strndup(struct arena *a, const char *s, size_t n)
{
	char *p = n < SIZE_MAX ? arena_alloc(a, n + 1) : NULL;

	if (p && n)
		memcpy(p, s, n);
	return p;
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
	char small[256];
	va_list ap;
	char *p;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(small, sizeof(small), fmt, ap);
	va_end(ap);
	if (n < 0)
		return NULL;
	if ((size_t)n < sizeof(small))
		return arena_strndup(a, small, (size_t)n);
	p = arena_alloc(a, (size_t)n + 1);
	if (p) {
		va_start(ap, fmt);
		vsnprintf(p, (size_t)n + 1, fmt, ap);
		va_end(ap);
	}
	return p;
}
