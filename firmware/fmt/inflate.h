/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decompression as a stream: looks at the first bytes and passes through, or decodes gzip (zlib),
 * zstd (libzstd, window bounded), bzip2 (libbz2) or xz (liblzma, memory bounded), of each any
 * number one after the other. Output is bounded by a total and by a ratio to the input, so that a
 * bomb ends as an error.
 *
 * Thread: worker (a job); the libraries allocate from the heap. Yields: no (blocks on its source).
 * Limits: CONFIG_ZSTD, CONFIG_BZIP2, CONFIG_XZ; CONFIG_INFLATE_RATIO (output:input, after the first
 * 64 MiB); CONFIG_ZSTD_WINDOW_LOG.
 */
#ifndef FIRMWARE_FMT_INFLATE_H
#define FIRMWARE_FMT_INFLATE_H

#include <stdint.h>

#include "firmware/core/cleanup.h"
#include "firmware/core/stream.h"

struct inflate;
/* Reads compressed bytes from source (which must outlive it). max_output 0 = no total bound. */
int inflate_open(struct inflate **ret, struct reader *source, uint64_t max_output, struct err *e)
	WARN_UNUSED;
/*
 * To be called before the first read by who verifies a digest of what comes out: gzip's own
 * checksum and length, a fifth of the work, are then not looked at.
 */
void inflate_unchecked(struct inflate *z);
/*
 * The decompressed stream; ERR_INVALID on corrupt or truncated input, ERR_TOO_LARGE on a bomb,
 * ERR_NOT_IMPLEMENTED on what is not built in. An error is final.
 */
struct reader *inflate_reader(struct inflate *z);
/* "", "gzip", "zstd", "bzip2" or "xz"; known after the first read. */
const char *inflate_kind(const struct inflate *z);
void inflate_free(struct inflate *z);
DEFINE_CLEANUP(struct inflate *, inflate_free)

#endif
