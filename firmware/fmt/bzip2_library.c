/* SPDX-License-Identifier: Apache-2.0 */
/* bzip2 by libbz2; it takes 3.6 MiB at most. */
#include <bzlib.h>
#include <errno.h>
#include <stdint.h>

#include "firmware/core/mem.h"
#include "firmware/fmt/inflate_library.h"

#define STEP_MAX ((size_t)1 << 30)

static void *take_memory(void *opaque, int count, int size)
{
	(void)opaque;
	return count > 0 && size > 0 ? mem_alloc_array((size_t)count, (size_t)size) : NULL;
}

static void give_memory(void *opaque, void *p)
{
	(void)opaque;
	mem_free(p);
}

static int begin(bz_stream *z)
{
	z->bzalloc = take_memory;
	z->bzfree = give_memory;
	return BZ2_bzDecompressInit(z, 0, 0) == BZ_OK ? 0 : -ENOMEM;
}

static void *bzip2_open(void)
{
	bz_stream *z = mem_alloc(sizeof(*z));

	if (z && begin(z) < 0) {
		mem_free(z);
		return NULL;
	}
	return z;
}

static int bzip2_step(void *p, const void *in, size_t *in_n, void *out, size_t *out_n,
		      bool *ret_end)
{
	size_t in_room = MIN(*in_n, STEP_MAX), out_room = MIN(*out_n, STEP_MAX);
	bz_stream *z = p;
	int r;

	/* It does not write there, it only lacks the const. */
	z->next_in = (char *)(uintptr_t)in;
	z->avail_in = (unsigned)in_room;
	z->next_out = out;
	z->avail_out = (unsigned)out_room;
	r = BZ2_bzDecompress(z);
	*in_n = in_room - z->avail_in;
	*out_n = out_room - z->avail_out;
	*ret_end = r == BZ_STREAM_END;
	if (r == BZ_OK || r == BZ_STREAM_END)
		return 0;
	return r == BZ_MEM_ERROR ? -ENOMEM : -EINVAL;
}

static int bzip2_reset(void *p)
{
	bz_stream *z = p;

	BZ2_bzDecompressEnd(z);
	*z = (bz_stream){0};
	return begin(z);
}

static void bzip2_close(void *p)
{
	BZ2_bzDecompressEnd(p);
	mem_free(p);
}

const struct inflate_library bzip2_library = {bzip2_open, bzip2_step, bzip2_reset, bzip2_close};
