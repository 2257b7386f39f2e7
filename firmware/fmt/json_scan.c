/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/fmt/json_private.h"

#include <string.h>

#define ONES 0x0101010101010101ULL
#define HIGHS 0x8080808080808080ULL

/* The high bit of each byte of v that is zero (and perhaps of bytes above it). */
static inline uint64_t zero_bytes(uint64_t v)
{
	return (v - ONES) & ~v & HIGHS;
}

static inline bool is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

size_t json_plain_length(const unsigned char *p, const unsigned char *end)
{
	const unsigned char *start = p;

	/* Eight bytes at a time: any that is a control, not ASCII, a quote or a backslash? */
	while (end - p >= 8) {
		uint64_t v;

		memcpy(&v, p, sizeof(v));
		if (((v - ONES * 0x20) | v | zero_bytes(v ^ (ONES * '"')) |
		     zero_bytes(v ^ (ONES * '\\'))) &
		    HIGHS)
			break;
		p += 8;
	}
	while (p < end && is_plain(*p))
		p++;
	return (size_t)(p - start);
}
