/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory given back to the kernel by whole pages, whatever size they have here: 4 KiB on x86_64, 4,
 * 16 or 64 on aarch64. madvise takes a length up to the next page's end, which may be another's.
 *
 * Thread: any. Yields: no. Owns: nothing. Limits: none.
 */
#ifndef FIRMWARE_CORE_PAGES_H
#define FIRMWARE_CORE_PAGES_H

#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

/*
 * Drops what lies in pages that are wholly between from and to: anonymous memory then reads as
 * zeros, a file's as it is on disk. Sets where these pages begin and end (both at to when there are
 * none). 0, or -1 when nothing was dropped.
 */
static inline int pages_drop(char *from, char *to, char **ret_low, char **ret_high)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	char *low = from + (-(uintptr_t)from & (page - 1));
	char *high = to - ((uintptr_t)to & (page - 1));

	if (low >= high || madvise(low, (size_t)(high - low), MADV_DONTNEED) < 0) {
		*ret_low = *ret_high = to;
		return -1;
	}
	*ret_low = low;
	*ret_high = high;
	return 0;
}

/* The same, for memory whose content does not matter any more. */
static inline void pages_release(void *from, size_t bytes)
{
	char *low, *high;

	(void)pages_drop(from, (char *)from + bytes, &low, &high);
}

#endif
