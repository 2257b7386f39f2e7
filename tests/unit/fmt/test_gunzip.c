/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <zlib.h>

#include "firmware/core/attr.h"
#include "firmware/core/mem.h"
#include "firmware/fmt/gunzip.h"

#define PLAIN_SIZE 400000
static unsigned char plain[PLAIN_SIZE], packed[2 * PLAIN_SIZE], out[2 * PLAIN_SIZE];
static uint32_t seed = 7;

static uint32_t any(void)
{
	seed = seed * 1664525 + 1013904223;
	return seed >> 8;
}

/* Literals, near and far repeats of all lengths, and stretches of one byte. */
static int make_plain(void **state)
{
	size_t at = 0;

	(void)state;
	while (at < PLAIN_SIZE) {
		uint32_t kind = any() % 16;
		size_t n = MIN(1 + any() % (kind == 0 ? 3000 : 40), PLAIN_SIZE - at);
		size_t back = kind < 4 ? 1 + any() % 70000 : 1 + any() % 300;

		if (kind > 9 || back > at) {
			for (size_t i = 0; i < n; i++)
				plain[at + i] = (unsigned char)(any() % (kind == 15 ? 256 : 20));
		} else if (kind == 9) {
			memset(plain + at, (int)(any() & 255), n);
		} else {
			for (size_t i = 0; i < n; i++)
				plain[at + i] = plain[at + i - back];
		}
		at += n;
	}
	return 0;
}

static size_t pack(size_t n, int level, int strategy, gz_header *head)
{
	z_stream z = {0};

	assert_int_equal(deflateInit2(&z, level, Z_DEFLATED, 31, 8, strategy), Z_OK);
	if (head)
		assert_int_equal(deflateSetHeader(&z, head), Z_OK);
	z.next_in = plain;
	z.avail_in = (unsigned)n;
	z.next_out = packed;
	z.avail_out = sizeof(packed);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	n = z.total_out;
	deflateEnd(&z);
	return n;
}

struct outcome {
	int rc;
	const char *why;
	size_t taken, n; /* bytes in, bytes out */
};

/*
 * All of the input, offered in_step bytes at a time and taken out_step at a time. What is offered
 * lies alone, so that reading over it and its pad is seen.
 */
static struct outcome decode(const unsigned char *in, size_t n, size_t in_step, size_t out_step,
			     bool checked)
{
	struct gunzip *g = gunzip_create(checked);
	struct outcome o = {0};
	size_t left = 0; /* offered before, not taken */
	bool end = false;

	assert_non_null(g);
	while (o.rc == 0 && !end) {
		size_t offer = MIN(left + in_step, n - o.taken), got = offer;
		size_t room = MIN(out_step, sizeof(out) - o.n);
		bool last = o.taken + offer == n;
		unsigned char *alone = test_malloc(offer + GUNZIP_PAD);

		memset(alone, 0xa5, offer + GUNZIP_PAD);
		memcpy(alone, in + o.taken, offer);
		o.rc = gunzip_step(g, alone, &got, last, out + o.n, &room, &end, &o.why);
		test_free(alone);
		assert_true(got <= offer && room <= out_step);
		o.taken += got;
		o.n += room;
		left = offer - got;
		if (o.rc == 0 && room == 0 && !end)
			assert_true(left < GUNZIP_LOOKAHEAD && !last);
	}
	gunzip_free(g);
	return o;
}

static void expect_plain(struct outcome o, size_t packed_n, size_t n)
{
	assert_int_equal(o.rc, 0);
	assert_int_equal(o.taken, packed_n);
	assert_int_equal(o.n, n);
	assert_memory_equal(out, plain, n);
}

static void test_every_way_of_packing(void **state)
{
	static const int strategies[] = {Z_DEFAULT_STRATEGY, Z_FILTERED, Z_HUFFMAN_ONLY, Z_RLE,
					 Z_FIXED};
	static const size_t sizes[] = {0, 1, 2, 300, 32768, 32769, 131072, PLAIN_SIZE};

	(void)state;
	for (int level = 0; level <= 9; level += 3) {
		for (size_t s = 0; s < ARRAY_LEN(strategies); s++) {
			for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
				size_t n = pack(sizes[i], level, strategies[s], NULL);

				expect_plain(decode(packed, n, 65536, sizeof(out), true), n,
					     sizes[i]);
				expect_plain(decode(packed, n, 1 + any() % 5000, 1 + any() % 70000,
						    true),
					     n, sizes[i]);
			}
		}
	}
}

static void test_small_pieces(void **state)
{
	size_t n = pack(50000, 6, Z_DEFAULT_STRATEGY, NULL);

	(void)state;
	expect_plain(decode(packed, n, 1, sizeof(out), true), n, 50000);
	expect_plain(decode(packed, n, 65536, 1, true), n, 50000);
	expect_plain(decode(packed, n, 3, 7, true), n, 50000);
}

static void test_what_comes_behind_is_left(void **state)
{
	size_t n = pack(5000, 6, Z_DEFAULT_STRATEGY, NULL);

	(void)state;
	memset(packed + n, 0xff, 500);
	expect_plain(decode(packed, n + 500, 65536, sizeof(out), true), n, 5000);
	expect_plain(decode(packed, n + 500, 1, 100, true), n, 5000);
}

/* Blocks written by hand, behind a head: bits as they come. */
static size_t bit_at;

static void put(unsigned v, unsigned n)
{
	for (; n; n--, v >>= 1, bit_at++)
		packed[bit_at / 8] |= (unsigned char)((v & 1) << bit_at % 8);
}

static void begin(unsigned kind)
{
	memset(packed, 0, 200);
	memcpy(packed, "\x1f\x8b\x08\0\0\0\0\0\0\x03", 10);
	bit_at = 80;
	put(1, 1);
	put(kind, 2);
}

static void test_members_do_not_see_each_other(void **state)
{
	struct gunzip *g = gunzip_create(true);
	size_t n = pack(70000, 6, Z_DEFAULT_STRATEGY, NULL);
	size_t in_n, out_n;
	const char *why;
	bool end = false;

	(void)state;
	for (int i = 0; i < 3; i++) {
		in_n = n, out_n = sizeof(out);
		memset(out, 0, 70000);
		assert_int_equal(gunzip_step(g, packed, &in_n, true, out, &out_n, &end, &why), 0);
		assert_true(end);
		assert_int_equal(out_n, 70000);
		assert_memory_equal(out, plain, 70000);
		gunzip_reset(g);
	}
	/* What the first ones left behind is out of reach. */
	begin(1);
	put(64, 7);
	put(0, 5);
	in_n = 200, out_n = sizeof(out);
	assert_int_equal(gunzip_step(g, packed, &in_n, true, out, &out_n, &end, &why), -EINVAL);
	assert_string_equal(why, "distance too far back");
	gunzip_free(g);
}

static void test_heads(void **state)
{
	static unsigned char extra[65535];
	static char name[] = "a name", comment[] = "what it is";
	gz_header head = {.extra = extra,
			  .extra_len = sizeof(extra),
			  .name = (unsigned char *)name,
			  .comment = (unsigned char *)comment,
			  .hcrc = 1};

	(void)state;
	memset(extra, 0x5a, sizeof(extra));
	for (unsigned parts = 0; parts < 16; parts++) {
		gz_header h = {.hcrc = parts & 1};
		size_t n;

		if (parts & 2)
			h.extra = extra, h.extra_len = parts == 2 ? 0 : 65535;
		h.name = parts & 4 ? head.name : NULL;
		h.comment = parts & 8 ? head.comment : NULL;
		n = pack(1000, 6, Z_DEFAULT_STRATEGY, &h);
		expect_plain(decode(packed, n, 65536, sizeof(out), true), n, 1000);
		expect_plain(decode(packed, n, 1, sizeof(out), true), n, 1000);
	}
	size_t n = pack(1000, 6, Z_DEFAULT_STRATEGY, &head);

	packed[20] ^= 1;
	assert_string_equal(decode(packed, n, 65536, 65536, true).why, "invalid header");
	expect_plain(decode(packed, n, 65536, sizeof(out), false), n, 1000);
}

static void test_checks(void **state)
{
	size_t n = pack(1000, 6, Z_DEFAULT_STRATEGY, NULL);

	(void)state;
	packed[n - 8] ^= 1;
	assert_string_equal(decode(packed, n, 65536, 65536, true).why, "invalid checksum");
	expect_plain(decode(packed, n, 65536, sizeof(out), false), n, 1000);
	packed[n - 8] ^= 1;
	packed[n - 1] ^= 1;
	assert_string_equal(decode(packed, n, 65536, 65536, true).why, "invalid length");
	expect_plain(decode(packed, n, 65536, sizeof(out), false), n, 1000);
}

/* However short it is cut, that is what is told, and nothing of what the pad seems to hold. */
static void test_cut_short(void **state)
{
	static const int strategies[] = {Z_DEFAULT_STRATEGY, Z_HUFFMAN_ONLY, Z_FIXED};

	(void)state;
	for (size_t s = 0; s < ARRAY_LEN(strategies); s++) {
		size_t n = pack(1500, 6, strategies[s], NULL);

		for (size_t cut = 0; cut < n; cut++) {
			struct outcome o = decode(packed, cut, 1 + any() % 2000, 65536, true);

			assert_int_equal(o.rc, -ENODATA);
			assert_memory_equal(out, plain, o.n);
		}
	}
}

/* A block with codes of its own, whose first lengths come in this order: 16, 17, 18, 0, 8, ... */
static void begin_codes(unsigned literals, unsigned distances, unsigned lengths)
{
	begin(2);
	put(literals - 257, 5);
	put(distances - 1, 5);
	put(lengths - 4, 4);
}

/* Codes of lengths: '0' is 18 (zeros), '10' is 0, '11' is 1. */
static void begin_simple(unsigned literals, unsigned distances)
{
	begin_codes(literals, distances, 18);
	put(0, 6);
	put(1, 3);
	put(2, 3);
	put(0, 13 * 3);
	put(2, 3);
}

static void put_zeros(unsigned n)
{
	put(0, 1);
	put(n - 11, 7);
}

static void put_ones(unsigned n)
{
	while (n--)
		put(3, 2);
}

static void refused(const char *why)
{
	struct outcome o = decode(packed, 200, 65536, 65536, false);

	assert_int_equal(o.rc, -EINVAL);
	assert_string_equal(o.why, why);
	o = decode(packed, 200, 1, 1, false);
	assert_int_equal(o.rc, -EINVAL);
	assert_string_equal(o.why, why);
}

static void test_bad_codes(void **state)
{
	(void)state;
	begin_codes(287, 1, 4);
	refused("too many codes");
	begin_codes(257, 31, 4);
	refused("too many codes");
	begin_codes(257, 1, 19); /* more codes of one bit than there are */
	for (int i = 0; i < 19; i++)
		put(1, 3);
	refused("invalid set of codes of codes' lengths");
	begin_codes(257, 1, 4); /* fewer */
	put(1, 12);
	refused("invalid set of codes of codes' lengths");
	begin_codes(257, 1, 4);
	put(1 | 1 << 6, 12);
	put(0, 1);
	refused("nothing to repeat");
	begin_simple(257, 1);
	put_zeros(138);
	put_zeros(138);
	refused("too many lengths of codes");
	begin_simple(257, 1);
	put_zeros(138);
	put_zeros(120);
	refused("no code for the block's end");
	begin_simple(257, 1);
	put_ones(258);
	refused("invalid set of literals and lengths");
	begin_simple(257, 3);
	put_zeros(138);
	put_zeros(117);
	put_ones(5);
	refused("invalid set of distances");
}

static void test_bad_blocks(void **state)
{
	(void)state;
	begin(3);
	refused("invalid kind of block");
	begin(0);
	put(0, 5);
	put(1, 16);
	put(0xffff, 16);
	refused("invalid length of a stored block");
	begin(1); /* a match of 3 bytes, of distance code 30 */
	put(64, 7);
	put(15, 5);
	refused("invalid distance");
	begin(1); /* 'a', and a match 2 bytes back */
	put(0x89, 8);
	put(64, 7);
	put(16, 5);
	refused("distance too far back");
	begin(1); /* code 286 */
	put(0x63, 8);
	refused("invalid literal or length");
	begin_simple(258, 1); /* a match, and no distances */
	put_zeros(138);
	put_zeros(118);
	put_ones(2);
	put(1, 2);
	put(1, 1);
	refused("invalid distance");
}

static void test_bad_heads(void **state)
{
	static const unsigned char bad[][2] = {{0, 0x1e}, {1, 0x8c}, {2, 7}, {3, 0x20}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		size_t n = pack(100, 6, Z_DEFAULT_STRATEGY, NULL);

		packed[bad[i][0]] = bad[i][1];
		assert_string_equal(decode(packed, n, 65536, 65536, false).why, "invalid header");
	}
	assert_string_equal(decode((const unsigned char *)"ab", 2, 9, 9, false).why,
			    "invalid header");
}

/* Complete to zlib: how much it took and gave; else taken is 0. */
static struct outcome zlib_decode(size_t n)
{
	static unsigned char theirs[sizeof(out)];
	struct outcome o = {0};
	z_stream z = {0};

	assert_int_equal(inflateInit2(&z, 31), Z_OK);
	assert_int_equal(inflateValidate(&z, 0), Z_OK);
	z.next_in = packed;
	z.avail_in = (unsigned)n;
	z.next_out = theirs;
	z.avail_out = sizeof(theirs);
	if (inflate(&z, Z_FINISH) == Z_STREAM_END) {
		o.taken = z.total_in;
		o.n = z.total_out;
		assert_memory_equal(theirs, out, o.n);
	}
	inflateEnd(&z);
	return o;
}

static void test_damaged_as_zlib_sees_it(void **state)
{
	static const int strategies[] = {Z_DEFAULT_STRATEGY, Z_HUFFMAN_ONLY, Z_RLE, Z_FIXED};
	unsigned good = 0;

	(void)state;
	for (int i = 0; i < 4000; i++) {
		size_t n = pack(1 + any() % 3000, 1 + any() % 9, strategies[any() % 4], NULL);
		struct outcome ours, theirs;

		for (uint32_t flips = 1 + any() % 3; flips; flips--)
			packed[10 + any() % (i % 2 ? 30 : n - 10)] ^=
				(unsigned char)(1u << any() % 8);
		ours = decode(packed, n, 1 + any() % 3000, 1 + any() % 4000, false);
		theirs = zlib_decode(n);
		assert_int_equal(ours.rc == 0 ? ours.taken : 0, theirs.taken);
		if (ours.rc == 0)
			assert_int_equal(ours.n, theirs.n);
		good += ours.rc == 0;
	}
	assert_in_range(good, 100, 3900);
}

static void test_no_memory(void **state)
{
	(void)state;
	mem_fail_after(0);
	assert_null(gunzip_create(true));
	mem_fail_after(-1);
	gunzip_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_way_of_packing),
		cmocka_unit_test(test_small_pieces),
		cmocka_unit_test(test_what_comes_behind_is_left),
		cmocka_unit_test(test_members_do_not_see_each_other),
		cmocka_unit_test(test_heads),
		cmocka_unit_test(test_checks),
		cmocka_unit_test(test_cut_short),
		cmocka_unit_test(test_bad_heads),
		cmocka_unit_test(test_bad_codes),
		cmocka_unit_test(test_bad_blocks),
		cmocka_unit_test(test_damaged_as_zlib_sees_it),
		cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, make_plain, NULL);
}
