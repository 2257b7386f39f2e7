/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Codes are given out in order of length, and among those of one length in order of what they stand
 * for, each one more than the one before. They come highest bit first, while an index has the bit
 * that comes first lowest: so the codes are counted in reverse.
 */
#include "firmware/fmt/gunzip_table.h"

#include <errno.h>
#include <string.h>

struct codes {
	uint32_t *table;
	unsigned root, used, room; /* entries of all tables so far, and at most */
	unsigned longest;
	uint16_t count[CODE_BITS_MAX + 1]; /* codes of each length still to be given out */
};

/* Of the codes in use in order: their number, or -EINVAL when there are too many or too few. */
static int sort_codes(struct codes *c, const uint8_t *lengths, unsigned n, uint16_t *sorted,
		      bool lone)
{
	unsigned at[CODE_BITS_MAX + 2] = {0};
	unsigned used;
	int left = 1;

	for (unsigned i = 0; i < n; i++)
		c->count[lengths[i]]++;
	used = n - c->count[0];
	c->count[0] = 0;
	for (unsigned bits = 1; bits <= CODE_BITS_MAX; bits++) {
		left = (left << 1) - c->count[bits];
		if (left < 0)
			return -EINVAL;
		if (c->count[bits])
			c->longest = bits;
		at[bits + 1] = at[bits] + c->count[bits];
	}
	if (left > 0 && !(lone && (used == 0 || (used == 1 && c->longest == 1))))
		return -EINVAL;
	for (unsigned i = 0; i < n; i++) {
		if (lengths[i])
			sorted[at[lengths[i]]++] = (uint16_t)i;
	}
	return (int)used;
}

/* A second table for the codes that begin as this one, of `bits` bits, does. */
static int make_second(struct codes *c, uint32_t *pointer, unsigned bits)
{
	unsigned width = bits - c->root;
	int left = 1 << width;

	/* As wide as the longest of them: until those of each length fill what is left. */
	while (c->root + width < c->longest) {
		left -= c->count[c->root + width];
		if (left <= 0)
			break;
		left <<= 1;
		width++;
	}
	if (c->used + (1u << width) > c->room)
		return -EINVAL;
	*pointer = c->used << 16 | ENTRY_POINTER | width << 6;
	for (unsigned i = 0; i < 1u << width; i++)
		c->table[c->used++] = ENTRY_INVALID;
	return 0;
}

/* Enter a code wherever the bits that are not its own differ. code: its first bit lowest. */
static int enter(struct codes *c, unsigned code, unsigned bits, uint32_t entry)
{
	unsigned width = c->root, step = bits;
	uint32_t *table = c->table;

	if (bits > c->root) {
		uint32_t *pointer = &table[code & ((1u << c->root) - 1)];

		if (!(*pointer & ENTRY_POINTER) && make_second(c, pointer, bits) < 0)
			return -EINVAL;
		width = ENTRY_CODE(*pointer);
		table += ENTRY_VALUE(*pointer);
		step -= c->root;
		code >>= c->root;
	}
	for (unsigned i = code; i < 1u << width; i += 1u << step)
		table[i] = entry;
	return 0;
}

/* The next code of as many bits, counted from the highest bit down. */
static unsigned next_code(unsigned code, unsigned bits)
{
	unsigned bit = 1u << (bits - 1);

	while (code & bit) {
		code &= ~bit;
		bit >>= 1;
	}
	return code | bit;
}

int code_table_make(uint32_t *table, unsigned room, unsigned root, const uint8_t *lengths,
		    unsigned n, const uint32_t *of, bool lone)
{
	struct codes c = {.table = table, .root = root, .used = 1u << root, .room = room};
	uint16_t sorted[LITERAL_CODES];
	unsigned code = 0;
	int used = sort_codes(&c, lengths, n, sorted, lone);

	if (used < 0)
		return used;
	for (unsigned i = 0; i < 1u << root; i++)
		table[i] = ENTRY_INVALID;
	for (int i = 0; i < used; i++) {
		unsigned bits = lengths[sorted[i]];
		uint32_t entry = of[sorted[i]];

		if (enter(&c, code, bits, (entry + bits) | bits << 6) < 0)
			return -EINVAL;
		c.count[bits]--;
		code = next_code(code, bits);
	}
	return 0;
}
