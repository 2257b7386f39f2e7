/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arenas: allocate by bumping a pointer, free everything at once.
 *
 * A request arena is a contiguous span of address space (CONFIG_ARENA_SPAN bytes) taken from a
 * pool of spans; real memory is charged to one common budget (CONFIG_ARENA_BUDGET bytes) in steps
 * of 16 KiB as the arena grows and given back when it is reset. Contiguity lets the newest block
 * grow in place, and a JSON body of any permitted size lie in one piece.
 *
 * A heap arena chains blocks from mem_alloc; kept objects use one for all their strings.
 *
 * Thread: the owner's. Yields: no. Owns: all it returns, until arena_reset or arena_done.
 * Limits: CONFIG_ARENA_COUNT, CONFIG_ARENA_RESERVED, CONFIG_ARENA_SPAN, CONFIG_ARENA_BUDGET.
 */
#ifndef FIRMWARE_CORE_ARENA_H
#define FIRMWARE_CORE_ARENA_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "firmware/core/attr.h"
#include "firmware/core/cleanup.h"
#include "firmware/core/err.h"
#include "firmware/core/pool.h"

struct arena {
	char *base; /* span, or the newest heap block */
	size_t used;
	size_t size;  /* usable bytes charged so far (span) or of the newest block (heap) */
	size_t limit; /* span length; total cap for a heap arena */
	size_t total; /* heap: bytes in all blocks */
	size_t dirty; /* span: bytes that an earlier use may have left unzeroed */
	bool heap;
	void *last; /* newest allocation, may grow in place */
};

/* Reserve the spans and the budget; once, at start. */
int arena_system_init(struct err *e) WARN_UNUSED;
void arena_system_fini(void);
/* Bytes charged to all request arenas now, and the most there may be. */
void arena_get_budget(size_t *ret_charged, size_t *ret_budget);

/* A request arena; -EAGAIN when no span is left for this class. */
int arena_open(struct arena *a, enum pool_class cls) WARN_UNUSED;
/* A heap arena of at most cap bytes. Cannot fail; allocates on first use. */
void arena_open_heap(struct arena *a, size_t cap);
/* Forget all allocations, keep the arena. */
void arena_reset(struct arena *a);
/*
 * Request arenas: give back memory behind what is in use (an earlier use may have left some), for
 * those who are about to wait long. Does nothing to a heap arena.
 */
void arena_trim(struct arena *a);
/* Give everything back. Accepts a zeroed arena and may be called twice. */
void arena_done(struct arena *a);
#define CLEANUP_ARENA CLEANUP(arena_done)

/* Zeroed, 16-aligned; NULL when the cap or the budget is reached. */
void *arena_alloc(struct arena *a, size_t n) WARN_UNUSED;
void *arena_alloc_array(struct arena *a, size_t count, size_t size) WARN_UNUSED;
/* Grow p (from this arena, old_n bytes) to n bytes, in place when it is the newest block. */
void *arena_grow(struct arena *a, void *p, size_t old_n, size_t n) WARN_UNUSED;
/* Keep only the first n bytes of p; the others are used again if p is the newest block. */
void arena_shrink(struct arena *a, const void *p, size_t n);
char *arena_strdup(struct arena *a, const char *s) WARN_UNUSED;
char *arena_strndup(struct arena *a, const char *s, size_t n) WARN_UNUSED;
char *arena_printf(struct arena *a, const char *fmt, ...) WARN_UNUSED PRINTF_LIKE(2, 3);

#endif
