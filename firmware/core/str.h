/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Slices of text that someone else owns, and strict conversions from text to numbers.
 *
 * Thread: any. Yields: no. Owns: nothing.
 */
#ifndef FIRMWARE_CORE_STR_H
#define FIRMWARE_CORE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "firmware/core/attr.h"

struct str {
	const char *p; /* not terminated; NULL only when n is 0 */
	size_t n;
};

#define STR(literal) ((struct str){"" literal, sizeof(literal) - 1})
#define STR_FMT "%.*s"
#define STR_ARG(s) (int)(s).n, (s).p

static inline struct str str_from(const char *s)
{
	return (struct str){s, s ? strlen(s) : 0};
}
static inline struct str str_span(const char *p, size_t n)
{
	return (struct str){p, n};
}
bool str_eq(struct str a, struct str b);
bool str_eqz(struct str a, const char *b);
bool str_ieq(struct str a, struct str b); /* ASCII case folded */
bool str_ieqz(struct str a, const char *b);
bool str_starts(struct str s, const char *prefix);
bool str_ends(struct str s, const char *suffix);
bool strz_starts(const char *s, const char *prefix);
/* strcmp()==0 where either may be NULL (NULL equals only NULL). */
bool strz_eq(const char *a, const char *b);
struct str str_trim(struct str s); /* blanks and tabs at both ends */
/* Cut at the first c: returns what stands before it, *rest gets what follows (empty at the end). */
struct str str_cut(struct str s, char c, struct str *rest);
/* Index of the first/last c, or -1. */
ptrdiff_t str_find(struct str s, char c);
ptrdiff_t str_rfind(struct str s, char c);
/* Copy with termination; false (and an empty string) when it does not fit. */
bool str_copy(char *dst, size_t size, struct str s);

/* snprintf that says whether all of it fit; what did not is cut off. */
bool text_format(char *dst, size_t size, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Whole-text decimal conversions: sign only for i64, no blanks, no overflow. 0 or -EINVAL/-ERANGE.
 */
int str_to_i64(struct str s, int64_t *ret) WARN_UNUSED;
int str_to_u64(struct str s, uint64_t *ret) WARN_UNUSED;

/* Lower-case hex of n bytes into out (2n+1 bytes, terminated). */
void hex_encode(const uint8_t *bytes, size_t n, char *out);
/* Exactly n bytes from 2n hex digits of either case; -EINVAL otherwise. */
int hex_decode(struct str text, uint8_t *out, size_t n) WARN_UNUSED;
bool str_is_hex(struct str s);

#endif
