/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables to decode prefix codes with. The first bits of what comes (the root bits) are the index of
 * an entry that says all about a code that is no longer than that; for a longer one it points to a
 * second table behind the first, for the bits that follow.
 *
 * Thread: any. Yields: no. Owns: nothing, the tables are the caller's.
 */
#ifndef FIRMWARE_FMT_GUNZIP_TABLE_H
#define FIRMWARE_FMT_GUNZIP_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "firmware/core/attr.h"

#define CODE_BITS_MAX 15
#define LITERAL_CODES 288
#define DISTANCE_CODES 32
#define LENGTH_CODES 19
#define LITERAL_ROOT 11
#define DISTANCE_ROOT 8
#define LENGTH_ROOT 7
/* Room for the worst sets of codes: the root, and what second tables they can need. */
#define LITERAL_ENTRIES 2400
#define DISTANCE_ENTRIES 420
#define LENGTH_ENTRIES (1 << LENGTH_ROOT)

/*
 * An entry, from the lowest bit: how many bits to drop, extra bits included (6 bits); how many of
 * them are the code (4 bits; of a pointer: how many bits index the second table); what it is; and
 * the value, a literal or the base that extra bits are added to (of a pointer: where it begins).
 */
#define ENTRY_DROP(e) ((e)&63)
#define ENTRY_CODE(e) ((e) >> 6 & 15)
#define ENTRY_LITERAL (1u << 12)
#define ENTRY_POINTER (1u << 13)
#define ENTRY_END (1u << 14)
#define ENTRY_INVALID (1u << 15)
#define ENTRY_SPECIAL (ENTRY_POINTER | ENTRY_END | ENTRY_INVALID)
#define ENTRY_VALUE(e) ((e) >> 16)

/*
 * Of n codes' lengths in bits (0: not used) make a table; what an entry means is told by of[code],
 * with the number of extra bits for its bits to drop. A set of codes that is not complete is good
 * only if it is empty or of one code of one bit, and only if lone is set; what no code stands for
 * is then ENTRY_INVALID. 0, -EINVAL.
 */
int code_table_make(uint32_t *table, unsigned room, unsigned root, const uint8_t *lengths,
		    unsigned n, const uint32_t *of, bool lone) WARN_UNUSED;

#endif
