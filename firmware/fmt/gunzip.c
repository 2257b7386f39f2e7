/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the time goes is run_codes, and everything else is made so that it can be simple:
 *
 * - Bits come out of a 64-bit buffer that is filled with one unaligned load. What stands above
 *   n_bits in it are bits that will be loaded again, the same. The load may reach over the end of
 *   the input, which is why there must be a pad; whether more bits were taken than there are is
 *   looked at once for each round, before anything that was made of it is handed out.
 * - Output goes to a buffer of our own that begins with the last 32 KiB, so that a match is always
 *   in one piece, and has slack for one round's overshoot; so the room is looked at once a round
 * too. When it is full and handed out, the last 32 KiB move to the front.
 * - Between steps less than 8 bits are in the buffer: whole bytes go back to the input.
 *
 * What fails is what fails with zlib.
 */
#include "firmware/fmt/gunzip.h"

#include <endian.h>
#include <errno.h>
#include <string.h>
#include <zlib.h>

#include "firmware/core/mem.h"
#include "firmware/fmt/gunzip_table.h"

#define WINDOW 32768u
#define ROOM 98304u
#define MATCH_MAX 258u
#define SLACK                                                                                      \
	(MATCH_MAX + 3 + 32) /* a match, the literals before it, and what copying overshoots */
#define ROUND_BYTES 32	     /* input that one round may read */
#define BLOCK_BYTES 640	     /* input that a block's head and its codes may take */

enum state {
	HEAD,
	EXTRA_SIZE,
	EXTRA,
	NAME,
	COMMENT,
	HEAD_CRC,
	BLOCK,
	STORED,
	CODES,
	TRAILER,
	END,
};

enum head_flag { FLAG_CRC = 2, FLAG_EXTRA = 4, FLAG_NAME = 8, FLAG_COMMENT = 16 };

struct gunzip {
	enum state state;
	bool checked, last_input, last_block;
	uint8_t flags;	 /* of the head */
	uint32_t crc;	 /* of the head, then of what was handed out */
	uint32_t handed; /* how much that was, modulo 2^32 */
	uint32_t left;	 /* bytes of an extra field or a stored block still to come */
	const uint8_t *in, *in_end;
	const char *why;
	int failed; /* what the next step is to tell */
	uint64_t bits;
	unsigned n_bits;
	unsigned begin;	    /* where the member's output begins, or what is left of it */
	unsigned at, given; /* decoded so far, handed out so far */
	uint32_t literals[LITERAL_ENTRIES], distances[DISTANCE_ENTRIES];
	uint8_t out[WINDOW + ROOM + SLACK];
};

/* What a step came to: 0 go on, or one of these. */
enum { STARVED = 1, FULL = 2 };

static int invalid(struct gunzip *g, const char *why)
{
	g->why = why;
	return -EINVAL;
}

static int starved(const struct gunzip *g)
{
	return g->last_input ? -ENODATA : STARVED;
}

static size_t available(const struct gunzip *g)
{
	return (size_t)(g->in_end - g->in);
}

/* --- bits --- */

static uint64_t load(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return le64toh(v);
}

/* There are at least 56 bits afterwards. */
static inline void refill(uint64_t *bits, unsigned *n_bits, const uint8_t **in)
{
	*bits |= load(*in) << *n_bits;
	*in += (63 - *n_bits) >> 3;
	*n_bits |= 56;
}

/* The same for what may go on for longer than the pad: not when the input is over. */
static int refill_checked(struct gunzip *g)
{
	if (g->in - (g->n_bits >> 3) > g->in_end)
		return -ENODATA;
	refill(&g->bits, &g->n_bits, &g->in);
	return 0;
}

static void give_back(struct gunzip *g)
{
	g->in -= g->n_bits >> 3;
	g->n_bits &= 7;
	g->bits &= (1u << g->n_bits) - 1;
}

/* n bits, 0 to 16, of those that refill left. */
static unsigned take(struct gunzip *g, unsigned n)
{
	unsigned v = (unsigned)g->bits & ((1u << n) - 1);

	g->bits >>= n;
	g->n_bits -= n;
	return v;
}

/* --- the head and the end of a member --- */

static const uint8_t *take_bytes(struct gunzip *g, size_t n)
{
	const uint8_t *p = g->in;

	if (g->flags & FLAG_CRC)
		g->crc = (uint32_t)crc32(g->crc, p, (uInt)n);
	g->in += n;
	return p;
}

static int read_head(struct gunzip *g)
{
	static const uint8_t begins[] = {0x1f, 0x8b, 8};

	/* What is no gzip is told from no end, however little of it there is. */
	if (memcmp(g->in, begins, MIN(available(g), sizeof(begins))) != 0)
		return invalid(g, "invalid header");
	if (available(g) < 10)
		return starved(g);
	g->flags = g->in[3];
	if (g->flags & 0xe0)
		return invalid(g, "invalid header");
	(void)take_bytes(g, 10);
	g->state = EXTRA_SIZE;
	return 0;
}

static int read_extra_size(struct gunzip *g)
{
	const uint8_t *p;

	g->left = 0;
	if (g->flags & FLAG_EXTRA) {
		if (available(g) < 2)
			return starved(g);
		p = take_bytes(g, 2);
		g->left = p[0] | (uint32_t)p[1] << 8;
	}
	g->state = EXTRA;
	return 0;
}

static int skip_extra(struct gunzip *g)
{
	size_t n = MIN(g->left, available(g));

	(void)take_bytes(g, n);
	g->left -= (uint32_t)n;
	if (g->left)
		return starved(g);
	g->state = NAME;
	return 0;
}

static int skip_text(struct gunzip *g, unsigned flag, enum state next)
{
	if (g->flags & flag) {
		const uint8_t *zero = memchr(g->in, 0, available(g));

		(void)take_bytes(g, zero ? (size_t)(zero + 1 - g->in) : available(g));
		if (!zero)
			return starved(g);
	}
	g->state = next;
	return 0;
}

static int check_head(struct gunzip *g)
{
	if (g->flags & FLAG_CRC) {
		uint32_t crc = g->crc & 0xffff;

		if (available(g) < 2)
			return starved(g);
		if (g->checked && crc != (g->in[0] | (uint32_t)g->in[1] << 8))
			return invalid(g, "invalid header");
		g->in += 2;
	}
	g->crc = 0;
	g->state = BLOCK;
	return 0;
}

/* Everything was handed out. */
static int check_trailer(struct gunzip *g)
{
	uint64_t trailer;

	give_back(g);
	g->bits = g->n_bits = 0; /* the rest of the last byte */
	if (available(g) < 8)
		return starved(g);
	trailer = load(g->in);
	g->in += 8;
	if (g->checked && (uint32_t)trailer != g->crc)
		return invalid(g, "invalid checksum");
	if (g->checked && trailer >> 32 != g->handed)
		return invalid(g, "invalid length");
	g->state = END;
	return 0;
}

/* --- blocks --- */

#define X(base, extra) ((uint32_t)(base) << 16 | (extra))

/* Which length of a match code 257 + i stands for. */
static const uint32_t length_of[] = {
	X(3, 0),   X(4, 0),	  X(5, 0),	 X(6, 0),   X(7, 0),   X(8, 0),	  X(9, 0),
	X(10, 0),  X(11, 1),	  X(13, 1),	 X(15, 1),  X(17, 1),  X(19, 2),  X(23, 2),
	X(27, 2),  X(31, 2),	  X(35, 3),	 X(43, 3),  X(51, 3),  X(59, 3),  X(67, 4),
	X(83, 4),  X(99, 4),	  X(115, 4),	 X(131, 5), X(163, 5), X(195, 5), X(227, 5),
	X(258, 0), ENTRY_INVALID, ENTRY_INVALID,
};

static const uint32_t distance_of[DISTANCE_CODES] = {
	X(1, 0),       X(2, 0),	      X(3, 0),	   X(4, 0),	 X(5, 1),      X(7, 1),
	X(9, 2),       X(13, 2),      X(17, 3),	   X(25, 3),	 X(33, 4),     X(49, 4),
	X(65, 5),      X(97, 5),      X(129, 6),   X(193, 6),	 X(257, 7),    X(385, 7),
	X(513, 8),     X(769, 8),     X(1025, 9),  X(1537, 9),	 X(2049, 10),  X(3073, 10),
	X(4097, 11),   X(6145, 11),   X(8193, 12), X(12289, 12), X(16385, 13), X(24577, 13),
	ENTRY_INVALID, ENTRY_INVALID,
};

static NOINLINE int make_tables(struct gunzip *g, const uint8_t *lengths, unsigned n_literals,
				unsigned n_distances)
{
	uint32_t of[LITERAL_CODES];

	for (unsigned i = 0; i < 256; i++)
		of[i] = i << 16 | ENTRY_LITERAL;
	of[256] = ENTRY_END;
	memcpy(of + 257, length_of, sizeof(length_of));
	if (code_table_make(g->literals, LITERAL_ENTRIES, LITERAL_ROOT, lengths, n_literals, of,
			    true) < 0)
		return invalid(g, "invalid set of literals and lengths");
	if (code_table_make(g->distances, DISTANCE_ENTRIES, DISTANCE_ROOT, lengths + n_literals,
			    n_distances, distance_of, true) < 0)
		return invalid(g, "invalid set of distances");
	g->state = CODES;
	return 0;
}

static int fixed_codes(struct gunzip *g)
{
	uint8_t lengths[LITERAL_CODES + DISTANCE_CODES];

	memset(lengths, 8, 144);
	memset(lengths + 144, 9, 112);
	memset(lengths + 256, 7, 24);
	memset(lengths + 280, 8, 8);
	memset(lengths + LITERAL_CODES, 5, DISTANCE_CODES);
	return make_tables(g, lengths, LITERAL_CODES, DISTANCE_CODES);
}

/* Lengths of the block's codes, themselves coded. */
static int read_lengths(struct gunzip *g, const uint32_t *table, uint8_t *lengths, unsigned n)
{
	for (unsigned i = 0; i < n;) {
		uint32_t entry;
		unsigned code, times = 1;
		uint8_t what = 0;

		if (refill_checked(g) < 0)
			return -ENODATA;
		entry = table[g->bits & (LENGTH_ENTRIES - 1)];
		if (entry & ENTRY_INVALID)
			return invalid(g, "invalid code of a code's length");
		(void)take(g, ENTRY_DROP(entry));
		code = ENTRY_VALUE(entry);
		if (code < 16)
			what = (uint8_t)code;
		else if (code == 16 && i == 0)
			return invalid(g, "nothing to repeat");
		else if (code == 16) {
			what = lengths[i - 1];
			times = 3 + take(g, 2);
		} else
			times = code == 17 ? 3 + take(g, 3) : 11 + take(g, 7);
		if (times > n - i)
			return invalid(g, "too many lengths of codes");
		memset(lengths + i, what, times);
		i += times;
	}
	return 0;
}

static int read_codes(struct gunzip *g)
{
	static const uint8_t order[LENGTH_CODES] = {16, 17, 18, 0, 8,  7, 9,  6, 10, 5,
						    11, 4,  12, 3, 13, 2, 14, 1, 15};
	uint8_t lengths[LITERAL_CODES + DISTANCE_CODES] = {0};
	uint32_t table[LENGTH_ENTRIES], of[LENGTH_CODES];
	unsigned n_literals = 257 + take(g, 5), n_distances = 1 + take(g, 5), n = 4 + take(g, 4);
	int rc;

	if (n_literals > 286 || n_distances > 30)
		return invalid(g, "too many codes");
	for (unsigned i = 0; i < n; i++) {
		if (refill_checked(g) < 0)
			return -ENODATA;
		lengths[order[i]] = (uint8_t)take(g, 3);
	}
	for (unsigned i = 0; i < LENGTH_CODES; i++)
		of[i] = i << 16;
	if (code_table_make(table, LENGTH_ENTRIES, LENGTH_ROOT, lengths, LENGTH_CODES, of, false) <
	    0)
		return invalid(g, "invalid set of codes of codes' lengths");
	rc = read_lengths(g, table, lengths, n_literals + n_distances);
	if (rc < 0)
		return rc;
	if (!lengths[256])
		return invalid(g, "no code for the block's end");
	return make_tables(g, lengths, n_literals, n_distances);
}

static int begin_stored(struct gunzip *g)
{
	unsigned n, complement;

	(void)take(g, g->n_bits & 7);
	n = take(g, 16);
	complement = take(g, 16);
	if (n != (complement ^ 0xffff))
		return invalid(g, "invalid length of a stored block");
	g->left = n;
	g->state = STORED;
	return 0;
}

static int begin_block(struct gunzip *g)
{
	int rc;

	if (g->last_block) {
		if (g->given < g->at)
			return FULL;
		g->state = TRAILER;
		return 0;
	}
	if (!g->last_input && available(g) < BLOCK_BYTES)
		return STARVED;
	refill(&g->bits, &g->n_bits, &g->in);
	g->last_block = take(g, 1);
	switch (take(g, 2)) {
	case 0:
		rc = begin_stored(g);
		break;
	case 1:
		rc = fixed_codes(g);
		break;
	case 2:
		rc = read_codes(g);
		break;
	default:
		rc = invalid(g, "invalid kind of block");
	}
	give_back(g);
	/* What the pad seems to say is not to blame. */
	return g->in > g->in_end ? -ENODATA : rc;
}

static int copy_stored(struct gunzip *g)
{
	size_t n = MIN(MIN(g->left, available(g)), WINDOW + ROOM - MIN(g->at, WINDOW + ROOM));

	memcpy(g->out + g->at, g->in, n);
	g->in += n;
	g->at += (unsigned)n;
	g->left -= (uint32_t)n;
	if (!g->left) {
		g->state = BLOCK;
		return 0;
	}
	return available(g) ? FULL : starved(g);
}

/* n bytes from distance before p; writes up to 15 bytes more. */
static inline void copy_match(uint8_t *p, unsigned distance, unsigned n)
{
	const uint8_t *from = p - distance;
	uint8_t *end = p + n;

	if (distance >= 16) {
		do {
			memcpy(p, from, 16);
			p += 16;
			from += 16;
		} while (p < end);
	} else if (distance >= 8) {
		do {
			memcpy(p, from, 8);
			p += 8;
			from += 8;
		} while (p < end);
	} else if (distance == 1) {
		memset(p, *from, n);
	} else {
		do
			*p++ = *from++;
		while (p < end);
	}
}

#define LITERAL_MASK ((1u << LITERAL_ROOT) - 1)
#define DISTANCE_MASK ((1u << DISTANCE_ROOT) - 1)
#define LOW_BITS(v, n) ((unsigned)(v) & ((1u << (n)) - 1))
#define DROP(entry) (bits >>= ENTRY_DROP(entry), n_bits -= ENTRY_DROP(entry))

/*
 * A round is up to three literals, and a match or the end. It begins with at least 56 bits and the
 * entry for the first of them. That is enough for three codes of the root table (33) and a look at
 * a fourth, and, filled again, for a length and a distance with their extra bits (48). The next
 * round's entry is fetched before a match is copied: the processor does both at once.
 */
static int run_codes(struct gunzip *g)
{
	const uint8_t *in = g->in;
	/* In the last input rounds go on over its end, and are judged afterwards. */
	const uint8_t *stop = g->last_input ? g->in_end + 9 : g->in_end - ROUND_BYTES;
	const uint32_t *literals = g->literals, *distances = g->distances;
	uint8_t *out = g->out + g->at, *out_stop = g->out + WINDOW + ROOM;
	uint64_t bits = g->bits;
	unsigned n_bits = g->n_bits;
	uint32_t entry;
	int rc = 0;

	if (!g->last_input && available(g) <= ROUND_BYTES)
		return STARVED;
	refill(&bits, &n_bits, &in);
	entry = literals[bits & LITERAL_MASK];
	while (in < stop && out < out_stop) {
		unsigned length, distance;
		uint8_t *to;

		if (entry & ENTRY_LITERAL) {
			DROP(entry);
			*out++ = (uint8_t)ENTRY_VALUE(entry);
			entry = literals[bits & LITERAL_MASK];
			if (entry & ENTRY_LITERAL) {
				DROP(entry);
				*out++ = (uint8_t)ENTRY_VALUE(entry);
				entry = literals[bits & LITERAL_MASK];
				if (entry & ENTRY_LITERAL) {
					DROP(entry);
					*out++ = (uint8_t)ENTRY_VALUE(entry);
					refill(&bits, &n_bits, &in);
					entry = literals[bits & LITERAL_MASK];
					continue;
				}
			}
			refill(&bits, &n_bits, &in);
		}
		if (entry & ENTRY_SPECIAL) {
			if (entry & ENTRY_POINTER)
				entry = literals[ENTRY_VALUE(entry) +
						 LOW_BITS(bits >> LITERAL_ROOT, ENTRY_CODE(entry))];
			if (entry & ENTRY_LITERAL) {
				DROP(entry);
				*out++ = (uint8_t)ENTRY_VALUE(entry);
				refill(&bits, &n_bits, &in);
				entry = literals[bits & LITERAL_MASK];
				continue;
			}
			if (entry & ENTRY_END) {
				DROP(entry);
				g->state = BLOCK;
				break;
			}
			if (entry & ENTRY_INVALID) {
				rc = invalid(g, "invalid literal or length");
				break;
			}
		}
		length = ENTRY_VALUE(entry) +
			 (LOW_BITS(bits, ENTRY_DROP(entry)) >> ENTRY_CODE(entry));
		DROP(entry);
		entry = distances[bits & DISTANCE_MASK];
		if (entry & ENTRY_POINTER)
			entry = distances[ENTRY_VALUE(entry) +
					  LOW_BITS(bits >> DISTANCE_ROOT, ENTRY_CODE(entry))];
		if (entry & ENTRY_INVALID) {
			rc = invalid(g, "invalid distance");
			break;
		}
		distance = ENTRY_VALUE(entry) +
			   (LOW_BITS(bits, ENTRY_DROP(entry)) >> ENTRY_CODE(entry));
		DROP(entry);
		if (distance > (size_t)(out - g->out) - g->begin) {
			rc = invalid(g, "distance too far back");
			break;
		}
		to = out;
		out += length;
		refill(&bits, &n_bits, &in);
		entry = literals[bits & LITERAL_MASK];
		copy_match(to, distance, length);
	}
	g->in = in;
	g->bits = bits;
	g->n_bits = n_bits;
	give_back(g);
	g->at = (unsigned)(out - g->out);
	if (g->in > g->in_end)
		return -ENODATA;
	if (rc < 0 || g->state == BLOCK)
		return rc;
	return out >= out_stop ? FULL : starved(g);
}

/* --- steps --- */

static int go_on(struct gunzip *g)
{
	switch (g->state) {
	case HEAD:
		return read_head(g);
	case EXTRA_SIZE:
		return read_extra_size(g);
	case EXTRA:
		return skip_extra(g);
	case NAME:
		return skip_text(g, FLAG_NAME, COMMENT);
	case COMMENT:
		return skip_text(g, FLAG_COMMENT, HEAD_CRC);
	case HEAD_CRC:
		return check_head(g);
	case BLOCK:
		return begin_block(g);
	case STORED:
		return copy_stored(g);
	case CODES:
		return run_codes(g);
	case TRAILER:
		return check_trailer(g);
	case END:
		break;
	}
	return FULL;
}

static size_t hand_out(struct gunzip *g, void *out, size_t n)
{
	n = MIN(n, (size_t)(g->at - g->given));
	memcpy(out, g->out + g->given, n);
	if (g->checked)
		g->crc = (uint32_t)crc32(g->crc, out, (uInt)n);
	g->handed += (uint32_t)n;
	g->given += (unsigned)n;
	if (g->given == g->at && g->at > WINDOW) {
		unsigned by = g->at - WINDOW;

		memmove(g->out, g->out + by, WINDOW);
		g->begin -= MIN(g->begin, by);
		g->at = g->given = WINDOW;
	}
	return n;
}

int gunzip_step(struct gunzip *g, const void *in, size_t *in_n, bool last, void *out, size_t *out_n,
		bool *ret_end, const char **ret_why)
{
	size_t room = *out_n, n = 0;
	int rc = g->failed;

	g->in = in;
	g->in_end = g->in + *in_n;
	g->last_input = last;
	while (n < room && rc >= 0 && g->state != END) {
		/* Hand out first, while it is in the processor's cache. */
		if (g->given < g->at) {
			n += hand_out(g, (char *)out + n, room - n);
			continue;
		}
		if (rc == STARVED)
			break;
		do
			rc = go_on(g);
		while (rc == 0 && g->state != END);
	}
	/* Over the end it is only where the input is cut short. */
	*in_n = MIN((size_t)(g->in - (const uint8_t *)in), *in_n);
	*out_n = n;
	*ret_end = g->state == END;
	*ret_why = g->why;
	g->failed = MIN(rc, 0);
	return n ? 0 : g->failed;
}

struct gunzip *gunzip_create(bool checked)
{
	struct gunzip *g = mem_alloc(sizeof(*g));

	if (g)
		g->checked = checked;
	return g;
}

void gunzip_reset(struct gunzip *g)
{
	g->state = HEAD;
	g->last_block = false;
	g->bits = g->n_bits = 0;
	g->crc = g->handed = 0;
	g->begin = g->at = g->given;
}

void gunzip_free(struct gunzip *g)
{
	mem_free(g);
}
