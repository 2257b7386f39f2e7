/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Our decoder of gzip beside zlib: whatever the bytes are, and in whatever pieces they come, both
 * find the same complete member or none, and in it the same bytes. The first byte says in what
 * pieces, and whether checksums count.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "firmware/fmt/gunzip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define OUT_MAX (1u << 20)

struct outcome {
	int good; /* a complete member that fits */
	size_t taken, n;
};

static uint8_t ours[OUT_MAX], theirs[OUT_MAX];

static struct outcome decode(const uint8_t *in, size_t n, size_t piece, bool checked)
{
	struct gunzip *g = gunzip_create(checked);
	struct outcome o = {0};
	size_t left = 0;
	bool end = false;
	int rc = 0;

	if (!g)
		abort();
	while (rc == 0 && !end && o.n < OUT_MAX) {
		size_t offer = MIN(left + piece, n - o.taken), got = offer;
		size_t room = MIN(2 * piece, OUT_MAX - o.n), given = room;
		uint8_t *alone = calloc(1, offer + GUNZIP_PAD);
		const char *why = NULL;

		if (!alone)
			abort();
		memcpy(alone, in + o.taken, offer);
		rc = gunzip_step(g, alone, &got, o.taken + offer == n, ours + o.n, &given, &end,
				 &why);
		free(alone);
		if (got > offer || given > room || (rc != 0 && given))
			abort();
		if (rc == 0 && !given && !end &&
		    (offer - got >= GUNZIP_LOOKAHEAD || o.taken + offer == n))
			abort();
		o.taken += got;
		o.n += given;
		left = offer - got;
	}
	gunzip_free(g);
	o.good = end;
	return o;
}

static struct outcome zlib_decode(const uint8_t *in, size_t n, bool checked)
{
	struct outcome o = {0};
	z_stream z = {0};

	if (inflateInit2(&z, 31) != Z_OK || inflateValidate(&z, checked) != Z_OK)
		abort();
	z.next_in = (uint8_t *)(uintptr_t)in;
	z.avail_in = (unsigned)n;
	z.next_out = theirs;
	z.avail_out = OUT_MAX;
	o.good = inflate(&z, Z_FINISH) == Z_STREAM_END;
	o.taken = z.total_in;
	o.n = z.total_out;
	inflateEnd(&z);
	return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct outcome a, b;
	bool checked;
	size_t piece;

	if (size < 1)
		return 0;
	checked = data[0] & 1;
	piece = (size_t)1 << (data[0] >> 1 & 15);
	a = decode(data + 1, size - 1, piece + (data[0] >> 5), checked);
	b = zlib_decode(data + 1, size - 1, checked);
	/* What does not fit is compared as far as it does. */
	if ((a.n < OUT_MAX && b.n < OUT_MAX && a.good != b.good) ||
	    (a.good && b.good && (a.n != b.n || a.taken != b.taken)) ||
	    memcmp(ours, theirs, MIN(a.n, b.n)) != 0)
		abort();
	return 0;
}
