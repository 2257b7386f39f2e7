/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What memory checkers must be told: which bytes of a pool or an arena may be touched. All of it
 * is nothing in an ordinary build.
 *
 * Thread: any. Yields: no.
 */
#ifndef FIRMWARE_CORE_SANITIZE_H
#define FIRMWARE_CORE_SANITIZE_H

#include <stddef.h>

#if defined(__SANITIZE_ADDRESS__)
#define HAS_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_ASAN 1
#endif
#endif

#if defined(__SANITIZE_THREAD__)
#define HAS_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define HAS_TSAN 1
#endif
#endif

#ifdef HAS_ASAN
void __asan_poison_memory_region(const volatile void *p, size_t n);
void __asan_unpoison_memory_region(const volatile void *p, size_t n);
#endif

static inline void sanitize_poison(const void *p, size_t n)
{
#ifdef HAS_ASAN
	__asan_poison_memory_region(p, n);
#else
	(void)p;
	(void)n;
#endif
}

static inline void sanitize_unpoison(const void *p, size_t n)
{
#ifdef HAS_ASAN
	__asan_unpoison_memory_region(p, n);
#else
	(void)p;
	(void)n;
#endif
}

#endif
