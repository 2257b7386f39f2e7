/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/core/mem.h"

#include <malloc.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* Blocks carry no header of ours: two counters are all the bookkeeping. */
static atomic_uint_fast64_t allocations;
static atomic_uint_fast64_t live;
static atomic_int_fast64_t fail_countdown = -1;

static bool must_fail(void)
{
	int_fast64_t left = atomic_load_explicit(&fail_countdown, memory_order_relaxed);

	if (left < 0)
		return false;
	while (left > 0) {
		if (atomic_compare_exchange_weak(&fail_countdown, &left, left - 1))
			return false;
		if (left < 0)
			return false;
	}
	return true;
}

static void *count_new(void *p)
{
	if (p) {
		atomic_fetch_add_explicit(&allocations, 1, memory_order_relaxed);
		atomic_fetch_add_explicit(&live, 1, memory_order_relaxed);
	}
	return p;
}

void *mem_alloc(size_t n)
{
	return mem_alloc_array(n, 1);
}

void *mem_alloc_array(size_t count, size_t size)
{
	size_t n;

	if (must_fail() || __builtin_mul_overflow(count, size, &n))
		return NULL;
	return count_new(calloc(1, n ? n : 1));
}

void *mem_realloc(void *p, size_t n)
{
	void *q;

	if (must_fail())
		return NULL;
	q = realloc(p, n ? n : 1);
	if (!p)
		return count_new(q);
	if (q)
		atomic_fetch_add_explicit(&allocations, 1, memory_order_relaxed);
	return q;
}

char *mem_strdup(const char *s)
{
	return mem_strndup(s, strlen(s));
}

char *mem_strndup(const char *s, size_t n)
{
	char *p;

	if (n == SIZE_MAX || must_fail())
		return NULL;
	p = count_new(malloc(n + 1));
	if (!p)
		return NULL;
	if (n)
		memcpy(p, s, n);
	p[n] = '\0';
	return p;
}

void mem_free(void *p)
{
	if (!p)
		return;
	atomic_fetch_sub_explicit(&live, 1, memory_order_relaxed);
	free(p);
}

void mem_trim(void)
{
	malloc_trim(0);
}

void mem_get_stats(struct mem_stats *ret_stats)
{
	ret_stats->allocations = atomic_load_explicit(&allocations, memory_order_relaxed);
	ret_stats->live = atomic_load_explicit(&live, memory_order_relaxed);
}

void mem_fail_after(int64_t n)
{
	atomic_store(&fail_countdown, n < 0 ? -1 : n);
}
