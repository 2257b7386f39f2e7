/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/fmt/deflate.h"

#include <errno.h>
#include <zlib.h>

#include "firmware/core/mem.h"

#define OUT_SIZE 65536
#define WINDOW_GZIP (16 + MAX_WBITS)
#define MEMORY_LEVEL 8

struct deflate {
	struct writer writer;
	struct writer *sink;
	z_stream z;
	unsigned char out[OUT_SIZE];
};

static voidpf take_memory(voidpf opaque, uInt count, uInt size)
{
	(void)opaque;
	return mem_alloc_array(count, size);
}

static void give_memory(voidpf opaque, voidpf p)
{
	(void)opaque;
	mem_free(p);
}

/* Compress all input there is; with Z_FINISH to the end of the stream. */
static int run(struct deflate *z, int flush, struct err *e)
{
	int r;

	do {
		int rc;

		z->z.next_out = z->out;
		z->z.avail_out = OUT_SIZE;
		r = deflate(&z->z, flush);
		if (r == Z_STREAM_ERROR)
			return err_set(e, ERR_SYSTEM, "gzip: the stream is in disorder");
		if (z->z.avail_out == OUT_SIZE)
			break;
		rc = writer_write(z->sink, z->out, OUT_SIZE - z->z.avail_out, e);
		if (rc < 0)
			return rc;
	} while (z->z.avail_out == 0);
	return 0;
}

static int deflate_write(struct writer *writer, const void *p, size_t n, struct err *e)
{
	struct deflate *z = container_of(writer, struct deflate, writer);
	const unsigned char *at = p;
	int r = 0;

	while (r == 0 && n) {
		uInt part = (uInt)MIN(n, (size_t)1 << 30);

		/* zlib does not write there, it only lacks the const. */
		z->z.next_in = (unsigned char *)(uintptr_t)at;
		z->z.avail_in = part;
		r = run(z, Z_NO_FLUSH, e);
		at += part;
		n -= part;
	}
	return r;
}

int deflate_open(struct deflate **ret, struct writer *sink, enum deflate_form form, struct err *e)
{
	struct deflate *z = mem_alloc(sizeof(*z));

	if (!z)
		return err_set(e, ERR_UNAVAILABLE, "no memory left to compress");
	z->writer.write = deflate_write;
	z->sink = sink;
	z->z.zalloc = take_memory;
	z->z.zfree = give_memory;
	if (deflateInit2(&z->z, Z_BEST_SPEED, Z_DEFLATED,
			 form == DEFLATE_GZIP ? WINDOW_GZIP : MAX_WBITS, MEMORY_LEVEL,
			 Z_DEFAULT_STRATEGY) != Z_OK) {
		mem_free(z);
		return err_set(e, ERR_UNAVAILABLE, "no memory left to compress");
	}
	*ret = z;
	return 0;
}

struct writer *deflate_writer(struct deflate *z)
{
	return &z->writer;
}

int deflate_finish(struct deflate *z, struct err *e)
{
	z->z.avail_in = 0;
	return run(z, Z_FINISH, e);
}

void deflate_free(struct deflate *z)
{
	if (!z)
		return;
	deflateEnd(&z->z);
	mem_free(z);
}
