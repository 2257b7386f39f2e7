/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <bzlib.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include "firmware/core/attr.h"
#include "firmware/core/config.h"
#include "firmware/core/mem.h"
#include "firmware/fmt/inflate.h"

/* Bytes in pieces of step, then the end or an error. */
struct source {
	struct reader reader;
	const char *p;
	size_t n, step;
	bool fails;
};

static ssize_t source_read(struct reader *r, void *p, size_t n, struct err *e)
{
	struct source *s = container_of(r, struct source, reader);

	n = MIN(MIN(n, s->step), s->n);
	if (n == 0 && s->fails)
		return err_set(e, ERR_TIMEOUT, "source timed out");
	memcpy(p, s->p, n);
	s->p += n;
	s->n -= n;
	return (ssize_t)n;
}

static struct source source_of(const void *p, size_t n, size_t step)
{
	return (struct source){.reader = {source_read}, .p = p, .n = n, .step = step};
}

#define PLAIN_SIZE 300000
static char plain[PLAIN_SIZE], packed[2 * PLAIN_SIZE], unpacked[3 * PLAIN_SIZE];

static int make_plain(void **state)
{
	uint32_t seed = 5;

	(void)state;
	for (size_t i = 0; i < PLAIN_SIZE; i++) {
		seed = seed * 1664525 + 1013904223;
		plain[i] = (char)(seed >> 30 ? 'a' + (seed >> 27 & 7) : seed >> 16);
	}
	return 0;
}

static size_t gzip_pack(const void *p, size_t n, char *out, size_t room)
{
	z_stream z = {0};

	assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
	z.next_in = (unsigned char *)(uintptr_t)p;
	z.avail_in = (unsigned)n;
	z.next_out = (unsigned char *)out;
	z.avail_out = (unsigned)room;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	n = z.total_out;
	deflateEnd(&z);
	return n;
}

static size_t zstd_pack(const void *p, size_t n, char *out, size_t room)
{
	n = ZSTD_compress(out, room, p, n, 3);
	assert_false(ZSTD_isError(n));
	return n;
}

/* All there is into unpacked: its length, or an error. */
static ssize_t unpack(struct source *s, size_t piece, uint64_t max, const char *kind, struct err *e)
{
	struct inflate *z;
	ssize_t total = 0, n;

	assert_int_equal(inflate_open(&z, &s->reader, max, e), 0);
	assert_string_equal(inflate_kind(z), "");
	do {
		n = reader_read(inflate_reader(z), unpacked + total, piece, e);
		total += n > 0 ? n : 0;
		assert_true(total + (ssize_t)piece <= (ssize_t)sizeof(unpacked));
	} while (n > 0);
	if (kind)
		assert_string_equal(inflate_kind(z), kind);
	if (n < 0) {
		struct err again = ERR_INIT;

		/* An error is final. */
		assert_int_equal(reader_read(inflate_reader(z), unpacked, 10, &again), n);
		assert_string_equal(again.msg, e->msg);
		total = n;
	} else {
		assert_int_equal(reader_read(inflate_reader(z), unpacked + total, 10, e), 0);
	}
	inflate_free(z);
	return total;
}

static void comes_back(const char *kind, size_t n_packed, size_t n_plain)
{
	static const size_t steps[] = {1, 7, 4096, 65536, 1 << 20};
	static const size_t pieces[] = {13, 32768, 100000};

	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		for (size_t k = 0; k < ARRAY_LEN(pieces); k++) {
			struct source s = source_of(packed, n_packed, steps[i]);
			struct err e = ERR_INIT;

			memset(unpacked, 0, n_plain);
			assert_int_equal(unpack(&s, pieces[k], 0, kind, &e), n_plain);
			assert_memory_equal(unpacked, plain, n_plain);
		}
	}
}

static void passes_others_through(void **state)
{
	(void)state;
	for (size_t n = 0; n < 20; n++) {
		memcpy(packed, plain, n);
		comes_back("", n, n);
	}
	memcpy(packed, plain, PLAIN_SIZE);
	comes_back("", PLAIN_SIZE, PLAIN_SIZE);
}

static void gunzips(void **state)
{
	(void)state;
	comes_back("gzip", gzip_pack(plain, PLAIN_SIZE, packed, sizeof(packed)), PLAIN_SIZE);
	comes_back("gzip", gzip_pack(plain, 0, packed, sizeof(packed)), 0);
	comes_back("gzip", gzip_pack(plain, 1, packed, sizeof(packed)), 1);
	/* Ends exactly where the caller's buffer does. */
	comes_back("gzip", gzip_pack(plain, 32768, packed, sizeof(packed)), 32768);
}

static void gunzips_several_members(void **state)
{
	size_t at = 0;

	(void)state;
	for (size_t i = 0; i < 3; i++)
		at += gzip_pack(plain + i * 32768, 32768, packed + at, sizeof(packed) - at);
	at += gzip_pack(plain, 0, packed + at, sizeof(packed) - at);
	comes_back("gzip", at, 3 * 32768);
}

static void unzstds(void **state)
{
	size_t n;

	(void)state;
	if (!CONFIG(ZSTD))
		skip();
	comes_back("zstd", zstd_pack(plain, PLAIN_SIZE, packed, sizeof(packed)), PLAIN_SIZE);
	comes_back("zstd", zstd_pack(plain, 0, packed, sizeof(packed)), 0);
	comes_back("zstd", zstd_pack(plain, 32768, packed, sizeof(packed)), 32768);
	/* A skippable frame first, then two frames. */
	memcpy(packed, "\x53\x2a\x4d\x18\x03\0\0\0abc", 11);
	n = 11;
	n += zstd_pack(plain, 1000, packed + n, sizeof(packed) - n);
	n += zstd_pack(plain + 1000, 32768, packed + n, sizeof(packed) - n);
	comes_back("zstd", n, 33768);
}

static void refuse(size_t n, size_t step, enum err_kind kind, const char *words)
{
	struct source s = source_of(packed, n, step);
	struct err e = ERR_INIT;

	assert_true(unpack(&s, 100000, 0, NULL, &e) < 0);
	assert_int_equal(e.kind, kind);
	if (!strstr(e.msg, words))
		fail_msg("\"%s\" does not say \"%s\"", e.msg, words);
}

static void refuses_truncated_input(void **state)
{
	size_t n = gzip_pack(plain, 5000, packed, sizeof(packed));

	(void)state;
	for (size_t cut = 2; cut < n; cut += cut < 30 || cut > n - 30 ? 1 : 97)
		refuse(cut, 65536, ERR_INVALID, "unexpected end of gzip data");
	n = zstd_pack(plain, 5000, packed, sizeof(packed));
	for (size_t cut = 4; CONFIG(ZSTD) && cut < n; cut += cut < 30 || cut > n - 30 ? 1 : 97)
		refuse(cut, 65536, ERR_INVALID, "unexpected end of zstd data");
}

static void refuses_corrupt_input(void **state)
{
	size_t n = gzip_pack(plain, 5000, packed, sizeof(packed));

	(void)state;
	packed[n - 6] ^= 1;
	refuse(n, 11, ERR_INVALID, "gzip: ");
	packed[n - 6] ^= 1;
	memcpy(packed + n, "garbage", 8);
	refuse(n + 7, 65536, ERR_INVALID, "gzip: ");
	packed[2] = 9;
	refuse(n, 65536, ERR_INVALID, "gzip: ");
	n = zstd_pack(plain, 5000, packed, sizeof(packed));
	memset(packed + 6, 0xff, n - 6);
	if (CONFIG(ZSTD))
		refuse(n, 65536, ERR_INVALID, "zstd: ");
	n = zstd_pack(plain, 5000, packed, sizeof(packed));
	memcpy(packed + n, "garbage", 8);
	if (CONFIG(ZSTD))
		refuse(n + 7, 65536, ERR_INVALID, "zstd: ");
}

/* Two members, each with a checksum that is wrong. Unchecked, the trailers are still wanted. */
static void leaves_the_checksum_out_when_told(void **state)
{
	size_t first = gzip_pack(plain, 5000, packed, sizeof(packed));
	size_t n = first + gzip_pack(plain + 5000, 3000, packed + first, sizeof(packed) - first);

	(void)state;
	packed[first - 8] ^= 1;
	packed[n - 6] ^= 1;
	refuse(n, 65536, ERR_INVALID, "incorrect data check");
	for (size_t cut = 0; cut <= 8; cut++) {
		struct source s = source_of(packed, n - cut, 65536);
		struct err e = ERR_INIT;
		struct inflate *z;
		ssize_t got, total = 0;

		assert_int_equal(inflate_open(&z, &s.reader, 0, &e), 0);
		inflate_unchecked(z);
		while ((got = reader_read(inflate_reader(z), unpacked + total, 1000, &e)) > 0)
			total += got;
		assert_int_equal(total, 8000);
		assert_memory_equal(unpacked, plain, 8000);
		assert_int_equal(got<0, cut> 0);
		inflate_free(z);
	}
}

static size_t bzip2_pack(const void *p, size_t n, char *out, size_t room)
{
	unsigned size = (unsigned)room;

	assert_int_equal(
		BZ2_bzBuffToBuffCompress(out, &size, (char *)(uintptr_t)p, (unsigned)n, 1, 0, 0),
		BZ_OK);
	return size;
}

static size_t xz_pack(const void *p, size_t n, char *out, size_t room)
{
	size_t size = 0;

	assert_int_equal(lzma_easy_buffer_encode(0, LZMA_CHECK_CRC32, NULL, p, n, (uint8_t *)out,
						 &size, room),
			 LZMA_OK);
	return size;
}

static void reads_the_others(size_t (*pack)(const void *, size_t, char *, size_t), const char *kind,
			     size_t padding)
{
	static const size_t steps[] = {1, 7, 4096, 1 << 20};
	size_t n = pack(plain, 200000, packed, sizeof(packed)), whole = n;

	memset(packed + n, 0, padding);
	n += padding;
	n += pack(plain + 200000, 50000, packed + n, sizeof(packed) - n);
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		struct source s = source_of(packed, n, steps[i]);
		struct err e = ERR_INIT;
		struct inflate *z;
		ssize_t got, total = 0;

		assert_int_equal(inflate_open(&z, &s.reader, 0, &e), 0);
		while ((got = reader_read(inflate_reader(z), unpacked + total, 3333, &e)) > 0)
			total += got;
		assert_int_equal(got, 0);
		assert_int_equal(total, 250000);
		assert_memory_equal(unpacked, plain, 250000);
		assert_string_equal(inflate_kind(z), kind);
		inflate_free(z);
	}
	refuse(whole / 2, 4096, ERR_INVALID, "unexpected end");
	memset(packed + whole / 2, 0x5a, 64);
	refuse(whole, 4096, ERR_INVALID, "invalid data");
}

static void reads_bzip2(void **state)
{
	(void)state;
	reads_the_others(bzip2_pack, "bzip2", 0);
}

static void reads_xz(void **state)
{
	(void)state;
	reads_the_others(xz_pack, "xz", 8);
}

static void names_what_it_does_not_read(void **state)
{
	(void)state;
	if (!CONFIG(BZIP2)) {
		memcpy(packed, "BZh91AY&SY", 10);
		refuse(10, 3, ERR_NOT_IMPLEMENTED, "CONFIG_BZIP2");
	}
	if (!CONFIG(XZ)) {
		memcpy(packed,
		       "\xfd"
		       "7zXZ\0\0",
		       7);
		refuse(7, 65536, ERR_NOT_IMPLEMENTED, "CONFIG_XZ");
	}
	if (!CONFIG(ZSTD)) {
		size_t n = zstd_pack(plain, 10, packed, sizeof(packed));

		refuse(n, 65536, ERR_NOT_IMPLEMENTED, "CONFIG_ZSTD");
	}
}

static void refuses_a_window_too_large(void **state)
{
	/* A frame that declares windowLog 28: exponent 18, mantissa 0. */
	static const char frame[] = "\x28\xb5\x2f\xfd\x00\x90\x01\x00\x00";

	(void)state;
	if (!CONFIG(ZSTD))
		skip();
	memcpy(packed, frame, sizeof(frame));
	refuse(sizeof(frame) - 1, 65536, ERR_INVALID, "zstd: ");
}

static void bounds_the_total(void **state)
{
	size_t n = gzip_pack(plain, 50000, packed, sizeof(packed));
	struct source s = source_of(packed, n, 65536);
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(unpack(&s, 32768, 50000, "gzip", &e), 50000);
	s = source_of(packed, n, 65536);
	assert_int_equal(unpack(&s, 32768, 49999, "gzip", &e), -E2BIG);
	assert_int_equal(e.kind, ERR_TOO_LARGE);
	s = source_of(plain, 1000, 65536);
	assert_int_equal(unpack(&s, 32768, 999, "", &e), -E2BIG);
}

static void bounds_the_ratio(void **state)
{
	size_t size = 256 << 20, n, total = 0;
	char *zeros = calloc(1, size);
	struct source s;
	struct inflate *z;
	struct err e = ERR_INIT;
	ssize_t r;

	(void)state;
	if (!CONFIG(ZSTD))
		skip();
	n = zstd_pack(zeros, size, packed, sizeof(packed));
	free(zeros);
	assert_true(n < size / CONFIG_INFLATE_RATIO);
	s = source_of(packed, n, 65536);
	assert_int_equal(inflate_open(&z, &s.reader, 0, &e), 0);
	while ((r = reader_read(inflate_reader(z), unpacked, 65536, &e)) > 0)
		total += (size_t)r;
	assert_int_equal(r, -E2BIG);
	assert_true(total >= (64 << 20) - 65536 && total < (66 << 20));
	inflate_free(z);
}

static void tells_the_sources_error(void **state)
{
	size_t n = gzip_pack(plain, 5000, packed, sizeof(packed));

	(void)state;
	for (size_t cut = 0; cut <= n; cut += 50) {
		struct source s = source_of(packed, cut, 65536);
		struct err e = ERR_INIT;

		s.fails = true;
		assert_int_equal(unpack(&s, 100000, 0, NULL, &e), -ETIMEDOUT);
		assert_string_equal(e.msg, "source timed out");
	}
}

static void survives_failing_allocations(void **state)
{
	(void)state;
	for (int zstd = 0; zstd <= CONFIG(ZSTD); zstd++) {
		size_t n = zstd ? zstd_pack(plain, 5000, packed, sizeof(packed))
				: gzip_pack(plain, 5000, packed, sizeof(packed));
		bool done = false;

		for (int64_t fail_at = 0; !done; fail_at++) {
			struct source s = source_of(packed, n, 65536);
			struct inflate *z = NULL;
			struct mem_stats before, after;
			struct err e = ERR_INIT;
			ssize_t r;

			mem_get_stats(&before);
			mem_fail_after(fail_at);
			r = inflate_open(&z, &s.reader, 0, &e);
			if (r == 0)
				r = reader_read(inflate_reader(z), unpacked, 65536, &e);
			mem_fail_after(-1);
			done = r == 5000;
			if (!done)
				assert_int_equal(e.kind, ERR_UNAVAILABLE);
			inflate_free(z);
			mem_get_stats(&after);
			assert_int_equal(before.live, after.live);
			assert_in_range(fail_at, 0, 50);
		}
	}
}

/* Whatever one byte of damage does, it ends, and nothing is left behind. */
static void survives_every_damaged_byte(void **state)
{
	size_t n = gzip_pack(plain, 600, packed, sizeof(packed));

	(void)state;
	for (int zstd = 0; zstd <= CONFIG(ZSTD); zstd++) {
		if (zstd)
			n = zstd_pack(plain, 600, packed, sizeof(packed));
		for (size_t i = 0; i < 8 * n; i++) {
			struct source s = source_of(packed, n, 65536);
			struct err e = ERR_INIT;

			packed[i / 8] ^= (char)(1 << i % 8);
			(void)unpack(&s, 10000, 500000, NULL, &e);
			packed[i / 8] ^= (char)(1 << i % 8);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(passes_others_through),
		cmocka_unit_test(gunzips),
		cmocka_unit_test(gunzips_several_members),
		cmocka_unit_test(unzstds),
		cmocka_unit_test(refuses_truncated_input),
		cmocka_unit_test(refuses_corrupt_input),
		cmocka_unit_test(leaves_the_checksum_out_when_told),
		cmocka_unit_test(reads_bzip2),
		cmocka_unit_test(reads_xz),
		cmocka_unit_test(names_what_it_does_not_read),
		cmocka_unit_test(refuses_a_window_too_large),
		cmocka_unit_test(bounds_the_total),
		cmocka_unit_test(bounds_the_ratio),
		cmocka_unit_test(tells_the_sources_error),
		cmocka_unit_test(survives_failing_allocations),
		cmocka_unit_test(survives_every_damaged_byte),
	};

	return cmocka_run_group_tests(tests, make_plain, NULL);
}
