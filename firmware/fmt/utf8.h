/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UTF-8, strictly: no overlong forms, no surrogates, nothing above U+10FFFF.
 *
 * Thread: any. Yields: no. Owns: nothing.
 */
#ifndef FIRMWARE_FMT_UTF8_H
#define FIRMWARE_FMT_UTF8_H

#include <stddef.h>

/* Length (1 to 4) of the well-formed sequence that begins at p; 0 when there is none. */
size_t utf8_length(const unsigned char *p, const unsigned char *end);

#endif
