/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decoders of compressions that images do not use but archives may: one shape for each library.
 *
 * Thread: worker. Yields: no. Owns: a decoder until close.
 */
#ifndef FIRMWARE_FMT_INFLATE_LIBRARY_H
#define FIRMWARE_FMT_INFLATE_LIBRARY_H

#include <stdbool.h>
#include <stddef.h>

struct inflate_library {
	void *(*open)(void); /* NULL: no memory */
	/*
	 * Decode; *in_n and *out_n become what was taken and what was written. *ret_end: the stream
	 * is complete, and reset makes the decoder ready for another. 0, -EINVAL for bad data,
	 * -ENOMEM, -E2BIG when it wants more memory than it may have.
	 */
	int (*step)(void *z, const void *in, size_t *in_n, void *out, size_t *out_n, bool *ret_end);
	int (*reset)(void *z); /* 0, -ENOMEM */
	void (*close)(void *z);
};
extern const struct inflate_library bzip2_library; /* CONFIG_BZIP2 */
extern const struct inflate_library xz_library;	   /* CONFIG_XZ */

#endif
