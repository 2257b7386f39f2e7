/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How libzstd is kept to its task: memory through mem_alloc, and only today's format.
 *
 * Thread: any. Yields: no. Owns: a decoder is the caller's until ZSTD_freeDStream.
 * Limits: CONFIG_ZSTD_WINDOW_LOG.
 */
#ifndef FIRMWARE_FMT_ZSTD_LIBRARY_H
#define FIRMWARE_FMT_ZSTD_LIBRARY_H

#include <stdbool.h>
#include <zstd.h>

/* NULL when there is no memory. *no_memory becomes true when the decoder is refused memory later.
 */
ZSTD_DStream *zstd_decoder_create(bool *no_memory);

#endif
