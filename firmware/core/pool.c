/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The list of free slots is kept beside the slots, not in them: a slot given back may then hold no
 * memory at all (stacks, arena spans drop theirs), poisoning covers it whole, and a slot given
 * back twice is noticed. Slots never handed out come after those given back, so that memory is
 * touched only as far as the load reached.
 */
#include "firmware/core/pool.h"

#include <errno.h>
#include <sys/mman.h>

#include "firmware/core/sanitize.h"

#define LINK_END UINT32_MAX
#define LINK_IN_USE (UINT32_MAX - 1)

static struct pool *list_head;
static uint32_t list_lock;

static void spin_take(uint32_t *lock)
{
	while (__atomic_exchange_n(lock, 1, __ATOMIC_ACQUIRE)) {
		while (__atomic_load_n(lock, __ATOMIC_RELAXED)) {
#if defined(__x86_64__)
			__builtin_ia32_pause();
#elif defined(__aarch64__)
			__asm__ volatile("yield");
#endif
		}
	}
}

static void spin_release(uint32_t *lock)
{
	__atomic_store_n(lock, 0, __ATOMIC_RELEASE);
}

static size_t round_up(size_t n, size_t to)
{
	return (n + to - 1) / to * to;
}

static size_t links_bytes(const struct pool *p)
{
	return round_up((size_t)p->count * sizeof(*p->links), 4096);
}

int pool_init(struct pool *p, const char *name, size_t slot_size, uint32_t count, uint32_t reserved,
	      struct err *e)
{
	size_t bytes;
	void *map;

	*p = (struct pool){.name = name, .count = count, .reserved = reserved};
	if (slot_size == 0 || slot_size > SIZE_MAX - 16 || count == 0 || count >= LINK_IN_USE ||
	    reserved > count)
		return err_set(e, ERR_INVALID, "pool %s: bad numbers", name);
	p->slot_size = round_up(slot_size, 16);
	if (__builtin_mul_overflow(p->slot_size, (size_t)count, &bytes) ||
	    __builtin_add_overflow(bytes, links_bytes(p), &bytes))
		return err_set(e, ERR_INVALID, "pool %s: too large", name);
	map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		   -1, 0);
	if (map == MAP_FAILED) {
		err_sys(e, errno, "pool %s: map %zu bytes", name, bytes);
		return -ENOMEM;
	}
	/* Slots first: they are page-aligned then, which stacks rely on. */
	p->base = map;
	p->links = (uint32_t *)(void *)(p->base + p->slot_size * count);
	p->free_head = LINK_END;
	p->untouched = count;
	sanitize_poison(p->base, p->slot_size * count);

	spin_take(&list_lock);
	p->next = list_head;
	list_head = p;
	spin_release(&list_lock);
	return 0;
}

void *pool_get(struct pool *p, enum pool_class cls)
{
	uint32_t index = LINK_END;
	char *slot;

	spin_take(&p->lock);
	if (p->count - p->in_use > (cls == POOL_RESERVED ? 0 : p->reserved)) {
		if (p->free_head != LINK_END) {
			index = p->free_head;
			p->free_head = p->links[index];
		} else {
			index = p->count - p->untouched;
			p->untouched--;
		}
		p->links[index] = LINK_IN_USE;
		p->in_use++;
		if (p->in_use > p->high_water)
			p->high_water = p->in_use;
	} else {
		p->refused++;
	}
	spin_release(&p->lock);
	if (index == LINK_END)
		return NULL;
	slot = p->base + (size_t)index * p->slot_size;
	sanitize_unpoison(slot, p->slot_size);
	return slot;
}

void pool_put(struct pool *p, void *slot)
{
	size_t offset;
	uint32_t index;

	if (!slot)
		return;
	offset = (size_t)((uintptr_t)slot - (uintptr_t)p->base);
	index = (uint32_t)(offset / p->slot_size);
	/* A foreign pointer or a second put is a bug of ours: stop before memory is shared. */
	if (offset >= p->slot_size * p->count || offset % p->slot_size != 0)
		__builtin_trap();
	sanitize_poison(slot, p->slot_size);
	spin_take(&p->lock);
	if (p->links[index] != LINK_IN_USE)
		__builtin_trap();
	p->links[index] = p->free_head;
	p->free_head = index;
	p->in_use--;
	spin_release(&p->lock);
}

void pool_fini(struct pool *p)
{
	size_t slots = p->slot_size * p->count;

	if (!p->base)
		return;
	spin_take(&list_lock);
	for (struct pool **at = &list_head; *at; at = &(*at)->next) {
		if (*at == p) {
			*at = p->next;
			break;
		}
	}
	spin_release(&list_lock);
	sanitize_unpoison(p->base, slots);
	munmap(p->base, slots + links_bytes(p));
	*p = (struct pool){.name = p->name};
}

struct pool *pool_list(void)
{
	return list_head;
}
