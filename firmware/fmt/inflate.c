/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One input buffer, filled from the source, and a decoder chosen by the first bytes. A decoder
 * takes from the buffer and writes straight to where the caller wants its bytes.
 *
 * The libraries get their memory through mem_alloc: zlib some 40 KiB, zstd and xz their windows,
 * bzip2 up to 3.6 MiB.
 */
#include "firmware/fmt/inflate.h"

#include <errno.h>
#include <string.h>
#include <zlib.h>
#include <zstd_errors.h>

#include "firmware/core/config.h"
#include "firmware/core/mem.h"
#include "firmware/fmt/inflate_library.h"
#include "firmware/fmt/zstd_library.h"

#define IN_SIZE 65536
#define MAGIC_MAX 6
#define RATIO_FREE (64ULL << 20) /* output that no ratio is asked of */

struct inflate {
	struct reader reader;
	struct reader *source;
	const struct codec *codec;
	uint64_t max_output, total_in, total_out;
	bool source_end;
	bool between;	   /* inside no member or frame: the input may end here */
	bool full;	   /* the decoder stopped for want of room, not of input */
	struct err failed; /* what ended the stream; told again to whoever reads on */
	z_stream gzip;
	bool gzip_open, unchecked;
	ZSTD_DStream *zstd;
	bool zstd_no_memory;
	void *other; /* a decoder of codec->library */
	size_t in_pos, in_n;
	unsigned char in[IN_SIZE];
};

struct codec {
	const char *kind;
	unsigned char magic[MAGIC_MAX];
	unsigned char mask[MAGIC_MAX]; /* bits of the magic that count */
	int (*open)(struct inflate *z, struct err *e);
	/* Decode from the input buffer into p: bytes written, or an error. */
	ssize_t (*step)(struct inflate *z, void *p, size_t n, struct err *e);
	const struct inflate_library *library; /* NULL: none, or not built in */
	const char *option;
};

static size_t available(const struct inflate *z)
{
	return z->in_n - z->in_pos;
}

/* Put more input behind what is left; at least one byte, or the end is noted. */
static int fill(struct inflate *z, struct err *e)
{
	ssize_t n;

	if (z->source_end)
		return 0;
	if (z->in_pos > 0) {
		memmove(z->in, z->in + z->in_pos, available(z));
		z->in_n -= z->in_pos;
		z->in_pos = 0;
	}
	n = reader_read(z->source, z->in + z->in_n, sizeof(z->in) - z->in_n, e);
	if (n < 0)
		return (int)n;
	if (n == 0)
		z->source_end = true;
	z->in_n += (size_t)n;
	z->total_in += (uint64_t)n;
	return 0;
}

/* --- as it is --- */

static ssize_t plain_step(struct inflate *z, void *p, size_t n, struct err *e)
{
	ssize_t r;

	if (available(z) > 0) {
		n = MIN(n, available(z));
		memcpy(p, z->in + z->in_pos, n);
		z->in_pos += n;
		return (ssize_t)n;
	}
	z->between = true;
	if (z->source_end)
		return 0;
	r = reader_read(z->source, p, n, e);
	if (r == 0)
		z->source_end = true;
	else if (r > 0)
		z->total_in += (uint64_t)r;
	return r;
}

/* --- gzip --- */

static voidpf gzip_alloc(voidpf opaque, uInt count, uInt size)
{
	(void)opaque;
	return mem_alloc_array(count, size);
}

static void gzip_free(voidpf opaque, voidpf p)
{
	(void)opaque;
	mem_free(p);
}

static int gzip_open(struct inflate *z, struct err *e)
{
	z->gzip.zalloc = gzip_alloc;
	z->gzip.zfree = gzip_free;
	if (inflateInit2(&z->gzip, 16 + MAX_WBITS) != Z_OK)
		return err_set(e, ERR_UNAVAILABLE, "no memory left to read gzip data");
	z->gzip_open = true;
	if (z->unchecked)
		(void)inflateValidate(&z->gzip, 0);
	return 0;
}

static ssize_t gzip_step(struct inflate *z, void *p, size_t n, struct err *e)
{
	uInt room = (uInt)MIN(n, 1U << 30);
	int r;

	if (z->between && inflateReset(&z->gzip) != Z_OK)
		return err_set(e, ERR_INVALID, "gzip: cannot begin another member");
	z->between = false;
	z->gzip.next_in = z->in + z->in_pos;
	z->gzip.avail_in = (uInt)available(z);
	z->gzip.next_out = p;
	z->gzip.avail_out = room;
	r = inflate(&z->gzip, Z_NO_FLUSH);
	z->in_pos = z->in_n - z->gzip.avail_in;
	z->full = z->gzip.avail_out == 0 && r != Z_STREAM_END;
	if (r == Z_STREAM_END)
		z->between = true;
	else if (r == Z_MEM_ERROR)
		return err_set(e, ERR_UNAVAILABLE, "no memory left to read gzip data");
	else if (r != Z_OK && r != Z_BUF_ERROR)
		return err_set(e, ERR_INVALID, "gzip: %s",
			       z->gzip.msg ? z->gzip.msg : "invalid data");
	return (ssize_t)(room - z->gzip.avail_out);
}

/* --- zstd --- */

static int zstd_open(struct inflate *z, struct err *e)
{
	if (!CONFIG(ZSTD))
		return err_set(e, ERR_NOT_IMPLEMENTED,
			       "zstd-compressed input: not built in (CONFIG_ZSTD)");
	z->zstd = zstd_decoder_create(&z->zstd_no_memory);
	if (!z->zstd)
		return err_set(e, ERR_UNAVAILABLE, "no memory left to read zstd data");
	return 0;
}

static ssize_t zstd_step(struct inflate *z, void *p, size_t n, struct err *e)
{
	ZSTD_inBuffer in = {.src = z->in, .size = z->in_n, .pos = z->in_pos};
	ZSTD_outBuffer out = {.dst = p, .size = n};
	size_t r;

	if (!CONFIG(ZSTD))
		return -ENOSYS;
	r = ZSTD_decompressStream(z->zstd, &out, &in);
	z->in_pos = in.pos;
	if (ZSTD_isError(r)) {
		if (z->zstd_no_memory)
			return err_set(e, ERR_UNAVAILABLE, "no memory left to read zstd data");
		/* Memory was not lacking: an old format's decoder is (zstd_library.c). */
		if (ZSTD_getErrorCode(r) == ZSTD_error_memory_allocation)
			return err_set(e, ERR_INVALID, "zstd: unsupported frame format");
		return err_set(e, ERR_INVALID, "zstd: %s", ZSTD_getErrorName(r));
	}
	z->between = r == 0;
	z->full = out.pos == n && r != 0;
	return (ssize_t)out.pos;
}

/* --- what others compress with --- */

static int other_open(struct inflate *z, struct err *e)
{
	if (!z->codec->library)
		return err_set(e, ERR_NOT_IMPLEMENTED, "%s-compressed input: not built in (%s)",
			       z->codec->kind, z->codec->option);
	z->other = z->codec->library->open();
	if (!z->other)
		return err_set(e, ERR_UNAVAILABLE, "no memory left to read %s data",
			       z->codec->kind);
	return 0;
}

/* Between two streams there may be nothing, another stream, or (xz) padding. */
static bool skip_padding(struct inflate *z)
{
	while (z->between && available(z) && !z->in[z->in_pos])
		z->in_pos++;
	return !available(z);
}

static ssize_t other_step(struct inflate *z, void *p, size_t n, struct err *e)
{
	const struct inflate_library *library = z->codec->library;
	size_t in_n, out_n = n;
	bool end;
	int r;

	if (z->between) {
		if (skip_padding(z))
			return 0;
		r = library->reset(z->other);
		if (r < 0)
			return err_set(e, ERR_UNAVAILABLE, "no memory left to read %s data",
				       z->codec->kind);
	}
	z->between = false;
	in_n = available(z);
	r = library->step(z->other, z->in + z->in_pos, &in_n, p, &out_n, &end);
	z->in_pos += in_n;
	z->between = end;
	z->full = out_n == n && !end;
	if (r == -ENOMEM)
		return err_set(e, ERR_UNAVAILABLE, "no memory left to read %s data",
			       z->codec->kind);
	if (r == -E2BIG)
		return err_set(e, ERR_TOO_LARGE, "%s: the data needs too much memory to be read",
			       z->codec->kind);
	return r < 0 ? err_set(e, ERR_INVALID, "%s: invalid data", z->codec->kind) : (ssize_t)out_n;
}

/* The first whose magic fits; the last fits all. The second zstd is a skippable frame ahead. */
static const struct codec codecs[] = {
	{"gzip", {0x1f, 0x8b}, {0xff, 0xff}, gzip_open, gzip_step, NULL, NULL},
	{"zstd",
	 {0x28, 0xb5, 0x2f, 0xfd},
	 {0xff, 0xff, 0xff, 0xff},
	 zstd_open,
	 zstd_step,
	 NULL,
	 NULL},
	{"zstd",
	 {0x50, 0x2a, 0x4d, 0x18},
	 {0xf0, 0xff, 0xff, 0xff},
	 zstd_open,
	 zstd_step,
	 NULL,
	 NULL},
	{"bzip2",
	 "BZh01A",
	 {0xff, 0xff, 0xff, 0xf0, 0xff, 0xff},
	 other_open,
	 other_step,
	 CONFIG(BZIP2) ? &bzip2_library : NULL,
	 "CONFIG_BZIP2"},
	{"xz",
	 {0xfd, '7', 'z', 'X', 'Z', 0},
	 {0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
	 other_open,
	 other_step,
	 CONFIG(XZ) ? &xz_library : NULL,
	 "CONFIG_XZ"},
	{"", {0}, {0}, NULL, plain_step, NULL, NULL},
};

static int choose_codec(struct inflate *z, struct err *e)
{
	const struct codec *c = codecs;
	int r;

	while (z->in_n < MAGIC_MAX && !z->source_end) {
		r = fill(z, e);
		if (r < 0)
			return r;
	}
	for (;; c++) {
		bool fits = true;

		for (size_t i = 0; fits && i < MAGIC_MAX && c->mask[i]; i++)
			fits = i < z->in_n && (z->in[i] & c->mask[i]) == c->magic[i];
		if (fits)
			break;
	}
	z->codec = c;
	return c->open ? c->open(z, e) : 0;
}

/* Decode until something comes out, the input ends, or it cannot go on. */
static ssize_t decode(struct inflate *z, void *p, size_t n, struct err *e)
{
	for (;;) {
		ssize_t r;

		/* What waits inside the decoder comes out without input. */
		if (z->codec->open && available(z) == 0 && !z->full) {
			r = fill(z, e);
			if (r < 0)
				return r;
			if (available(z) == 0 && z->between)
				return 0;
			if (available(z) == 0)
				return err_set(e, ERR_INVALID, "unexpected end of %s data",
					       z->codec->kind);
		}
		r = z->codec->step(z, p, n, e);
		if (r != 0 || !z->codec->open)
			return r;
	}
}

static int check_limits(const struct inflate *z, struct err *e)
{
	if (z->max_output && z->total_out > z->max_output)
		return err_set(e, ERR_TOO_LARGE, "decompressed data exceeds %llu bytes",
			       (unsigned long long)z->max_output);
	if (z->total_out > RATIO_FREE && z->total_out / CONFIG_INFLATE_RATIO > z->total_in)
		return err_set(e, ERR_TOO_LARGE,
			       "decompressed data exceeds %d times the compressed size",
			       CONFIG_INFLATE_RATIO);
	return 0;
}

static ssize_t inflate_read(struct reader *reader, void *p, size_t n, struct err *e)
{
	struct inflate *z = container_of(reader, struct inflate, reader);
	ssize_t r = 0;

	if (n == 0)
		return 0;
	if (z->failed.kind == ERR_NONE && !z->codec)
		r = choose_codec(z, &z->failed);
	if (z->failed.kind == ERR_NONE && r == 0)
		r = decode(z, p, n, &z->failed);
	if (r > 0) {
		int limit;

		z->total_out += (uint64_t)r;
		limit = check_limits(z, &z->failed);
		if (limit == 0)
			return r;
		r = limit;
	}
	if (z->failed.kind == ERR_NONE)
		return r;
	if (e)
		*e = z->failed;
	return r < 0 ? r : err_code(&z->failed);
}

int inflate_open(struct inflate **ret, struct reader *source, uint64_t max_output, struct err *e)
{
	struct inflate *z = mem_alloc(sizeof(*z));

	if (!z)
		return err_set(e, ERR_UNAVAILABLE, "no memory left to decompress");
	z->reader.read = inflate_read;
	z->source = source;
	z->max_output = max_output;
	*ret = z;
	return 0;
}

void inflate_unchecked(struct inflate *z)
{
	z->unchecked = true;
}

struct reader *inflate_reader(struct inflate *z)
{
	return &z->reader;
}

const char *inflate_kind(const struct inflate *z)
{
	return z->codec ? z->codec->kind : "";
}

void inflate_free(struct inflate *z)
{
	if (!z)
		return;
	if (z->gzip_open)
		inflateEnd(&z->gzip);
	if (CONFIG(ZSTD) && z->zstd)
		ZSTD_freeDStream(z->zstd);
	if (z->other)
		z->codec->library->close(z->other);
	mem_free(z);
}
