/* SPDX-License-Identifier: Apache-2.0 */
#define ZSTD_STATIC_LINKING_ONLY
#include "firmware/fmt/zstd_library.h"

#include <stddef.h>

#include "firmware/core/mem.h"

/*
 * Debian's libzstd also reads what was written before the format was fixed in 2016: another 90 KiB
 * of decoders for hostile bytes that no registry serves. A static program gets these instead; a
 * context that cannot be had ends such a frame as an error. Weak, so that the library's own win
 * should they be linked after all.
 */
#define ABSENT(name)                                                                               \
	void *name(void);                                                                          \
	__attribute__((weak)) void *name(void)                                                     \
	{                                                                                          \
		return NULL;                                                                       \
	}
#define ABSENT_VERSION(v)                                                                          \
	ABSENT(ZBUFF##v##_createDCtx)                                                              \
	ABSENT(ZBUFF##v##_decompressContinue)                                                      \
	ABSENT(ZBUFF##v##_decompressInitDictionary)                                                \
	ABSENT(ZBUFF##v##_freeDCtx)                                                                \
	ABSENT(ZSTD##v##_createDCtx)                                                               \
	ABSENT(ZSTD##v##_decompress_usingDict)                                                     \
	ABSENT(ZSTD##v##_findFrameSizeInfoLegacy)                                                  \
	ABSENT(ZSTD##v##_freeDCtx)                                                                 \
	ABSENT(ZSTD##v##_getFrameParams)

ABSENT_VERSION(v05)
ABSENT_VERSION(v06)
ABSENT_VERSION(v07)

static void *allocate(void *opaque, size_t n)
{
	bool *no_memory = opaque;
	void *p = mem_alloc(n);

	if (!p)
		*no_memory = true;
	return p;
}

static void release(void *opaque, void *p)
{
	(void)opaque;
	mem_free(p);
}

ZSTD_DStream *zstd_decoder_create(bool *no_memory)
{
	ZSTD_customMem memory = {allocate, release, no_memory};
	ZSTD_DStream *d = ZSTD_createDStream_advanced(memory);

	if (d && (ZSTD_isError(ZSTD_initDStream(d)) ||
		  ZSTD_isError(ZSTD_DCtx_setParameter(d, ZSTD_d_windowLogMax,
						      CONFIG_ZSTD_WINDOW_LOG)))) {
		ZSTD_freeDStream(d);
		d = NULL;
	}
	return d;
}
