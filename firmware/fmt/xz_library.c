/* SPDX-License-Identifier: Apache-2.0 */
/* xz by liblzma. Its dictionary is as large as the stream says, up to MEMORY_MAX (xz -9: 65 MiB).
 */
#include <errno.h>
#include <lzma.h>

#include "firmware/core/mem.h"
#include "firmware/fmt/inflate_library.h"

#define MEMORY_MAX (96ULL << 20)

static void *take_memory(void *opaque, size_t count, size_t size)
{
	(void)opaque;
	return mem_alloc_array(count, size);
}

static void give_memory(void *opaque, void *p)
{
	(void)opaque;
	mem_free(p);
}

static const lzma_allocator allocator = {take_memory, give_memory, NULL};

static int xz_reset(void *p)
{
	lzma_stream *z = p;

	return lzma_stream_decoder(z, MEMORY_MAX, 0) == LZMA_OK ? 0 : -ENOMEM;
}

static void xz_close(void *p)
{
	lzma_end(p);
	mem_free(p);
}

static void *xz_open(void)
{
	lzma_stream *z = mem_alloc(sizeof(*z));

	if (!z)
		return NULL;
	z->allocator = &allocator;
	if (xz_reset(z) < 0) {
		xz_close(z);
		return NULL;
	}
	return z;
}

static int xz_step(void *p, const void *in, size_t *in_n, void *out, size_t *out_n, bool *ret_end)
{
	lzma_stream *z = p;
	lzma_ret r;

	z->next_in = in;
	z->avail_in = *in_n;
	z->next_out = out;
	z->avail_out = *out_n;
	r = lzma_code(z, LZMA_RUN);
	*in_n -= z->avail_in;
	*out_n -= z->avail_out;
	*ret_end = r == LZMA_STREAM_END;
	switch (r) {
	case LZMA_OK:
	case LZMA_BUF_ERROR: /* it wants more of one or the other */
	case LZMA_STREAM_END:
		return 0;
	case LZMA_MEM_ERROR:
		return -ENOMEM;
	case LZMA_MEMLIMIT_ERROR:
		return -E2BIG;
	default:
		return -EINVAL;
	}
}

const struct inflate_library xz_library = {xz_open, xz_step, xz_reset, xz_close};
