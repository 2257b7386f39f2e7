/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one door to the heap. Kept objects (containers, images, networks) live here; request memory
 * does not (arena.h). Every allocation is counted, so that tests can hold "serving a request
 * allocates nothing", and can be made to fail (mem_fail_after) for torture tests.
 *
 * Thread: any. Yields: no. Owns: what it returns belongs to the caller until mem_free.
 */
#ifndef FIRMWARE_CORE_MEM_H
#define FIRMWARE_CORE_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "firmware/core/attr.h"
#include "firmware/core/cleanup.h"

/* Zeroed memory of n bytes (16-aligned), NULL when there is none. mem_alloc(0) is a valid pointer.
 */
void *mem_alloc(size_t n) WARN_UNUSED;
/* count * size with an overflow check. */
void *mem_alloc_array(size_t count, size_t size) WARN_UNUSED;
/* As realloc; new bytes are not zeroed. On NULL the old block is untouched. */
void *mem_realloc(void *p, size_t n) WARN_UNUSED;
char *mem_strdup(const char *s) WARN_UNUSED;
/* Copies n bytes and terminates. */
char *mem_strndup(const char *s, size_t n) WARN_UNUSED;
void mem_free(void *p);
/* Give free heap pages back to the system; called when something large was released. */
void mem_trim(void);

static inline void mem_freep(void *slot)
{
	mem_free(*(void **)slot);
}
#define CLEANUP_MEM CLEANUP(mem_freep)

struct mem_stats {
	uint64_t allocations; /* calls that returned memory since start */
	uint64_t live;	      /* blocks not yet freed */
};
void mem_get_stats(struct mem_stats *ret_stats);
/* The n-th allocation from now (0 = the next) fails, and every one after it; negative: never. */
void mem_fail_after(int64_t n);

#endif
