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
#include "firmware/fmt/deflate.h"

#define SIZE 300000

/* Takes what comes; fails once it holds limit bytes. */
struct sink {
	struct writer writer;
	char *p;
	size_t n, limit;
};

static int sink_write(struct writer *w, const void *p, size_t n, struct err *e)
{
	struct sink *s = container_of(w, struct sink, writer);

	if (s->n + n > s->limit)
		return err_set(e, ERR_TIMEOUT, "sink is full");
	memcpy(s->p + s->n, p, n);
	s->n += n;
	return 0;
}

static char plain[SIZE], packed[2 * SIZE], again[2 * SIZE];

static int make_plain(void **state)
{
	uint32_t seed = 7;

	(void)state;
	for (size_t i = 0; i < SIZE; i++) {
		seed = seed * 1664525 + 1013904223;
		plain[i] = (char)(i < SIZE / 2 ? 'a' + (seed >> 29) : seed >> 24);
	}
	return 0;
}

static size_t pack(enum deflate_form form, size_t n, size_t step)
{
	struct sink s = {{sink_write}, packed, 0, sizeof(packed)};
	struct err e = ERR_INIT;
	struct deflate *z;

	assert_int_equal(deflate_open(&z, &s.writer, form, &e), 0);
	for (size_t at = 0; at < n; at += step)
		assert_int_equal(writer_write(deflate_writer(z), plain + at, MIN(step, n - at), &e),
				 0);
	assert_int_equal(deflate_finish(z, &e), 0);
	deflate_free(z);
	return s.n;
}

static void unpack(int window, size_t n, size_t want)
{
	z_stream z = {0};

	assert_int_equal(inflateInit2(&z, window), Z_OK);
	z.next_in = (unsigned char *)packed;
	z.avail_in = (unsigned)n;
	z.next_out = (unsigned char *)again;
	z.avail_out = sizeof(again);
	assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
	assert_int_equal(z.avail_in, 0);
	assert_int_equal(z.total_out, want);
	assert_memory_equal(again, plain, want);
	inflateEnd(&z);
}

static void comes_back(void **state)
{
	static const size_t steps[] = {1, 1000, SIZE};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		unpack(16 + MAX_WBITS, pack(DEFLATE_GZIP, SIZE, steps[i]), SIZE);
		unpack(MAX_WBITS, pack(DEFLATE_ZLIB, SIZE, steps[i]), SIZE);
	}
	unpack(16 + MAX_WBITS, pack(DEFLATE_GZIP, 0, 1), 0);
}

static void tells_the_sinks_error(void **state)
{
	struct sink s = {{sink_write}, packed, 0, 1000};
	struct err e = ERR_INIT;
	struct deflate *z;
	int r;

	(void)state;
	assert_int_equal(deflate_open(&z, &s.writer, DEFLATE_GZIP, &e), 0);
	r = writer_write(deflate_writer(z), plain, SIZE, &e);
	if (r == 0)
		r = deflate_finish(z, &e);
	assert_int_equal(r, -ETIMEDOUT);
	assert_string_equal(e.msg, "sink is full");
	deflate_free(z);
	deflate_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(comes_back),
		cmocka_unit_test(tells_the_sinks_error),
	};

	return cmocka_run_group_tests(tests, make_plain, NULL);
}
