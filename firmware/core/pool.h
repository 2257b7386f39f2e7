/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fixed pools of equal slots, carved at start with mmap and never grown. The last `reserved` slots
 * are handed out only to callers who ask with POOL_RESERVED (ping, kill, stop, inspect). Free slots
 * are poisoned under ASan. Every pool is in one list, for `serind limits` and the metrics.
 *
 * Thread: any (a short spin lock inside; uncontended in the loop). Yields: no. Owns: the slots.
 */
#ifndef FIRMWARE_CORE_POOL_H
#define FIRMWARE_CORE_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "firmware/core/attr.h"
#include "firmware/core/err.h"

enum pool_class { POOL_NORMAL, POOL_RESERVED };

struct pool {
	const char *name;
	size_t slot_size; /* rounded up to 16 */
	uint32_t count;
	uint32_t reserved;
	bool address_space; /* slots are mere addresses; the owner accounts for their memory */
	/* read-only for others: */
	uint32_t in_use;
	uint32_t high_water;
	uint64_t refused; /* times a get found the pool empty */
	/* private: */
	char *base;	 /* page-aligned */
	uint32_t *links; /* of each slot: the next free one, or a mark that it is in use */
	uint32_t free_head;
	uint32_t untouched; /* slots never handed out yet, so that they stay unbacked by memory */
	uint32_t lock;
	struct pool *next;
};

/* Map the pool and put it on the list. name must live for ever. 0 or -ENOMEM. */
int pool_init(struct pool *p, const char *name, size_t slot_size, uint32_t count, uint32_t reserved,
	      struct err *e) WARN_UNUSED;
/* A slot, contents undefined; NULL when none is left for this class. */
void *pool_get(struct pool *p, enum pool_class cls) WARN_UNUSED;
/* Index of a slot of this pool, 0 to count - 1. */
static inline uint32_t pool_index(const struct pool *p, const void *slot)
{
	return (uint32_t)((size_t)((const char *)slot - p->base) / p->slot_size);
}
/*
 * Give a slot back; NULL is accepted. The pool itself never touches a slot's memory, so it may
 * have been dropped (MADV_DONTNEED). A second put of one slot traps.
 */
void pool_put(struct pool *p, void *slot);
/* Unmap and take off the list (tests, shutdown). No slot may be in use. */
void pool_fini(struct pool *p);
/* First pool of the list, then pool->next. */
struct pool *pool_list(void);
/* Ceiling in bytes: count * slot_size; nothing for a pool of addresses. */
static inline uint64_t pool_bytes(const struct pool *p)
{
	return p->address_space ? 0 : (uint64_t)p->slot_size * p->count;
}

#endif
