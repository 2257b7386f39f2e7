/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Base64: standard and URL alphabets, both accepted on input, padding optional (as clients differ).
 *
 * Thread: any. Yields: no. Owns: nothing.
 */
#ifndef FIRMWARE_FMT_BASE64_H
#define FIRMWARE_FMT_BASE64_H

#include "firmware/core/arena.h"
#include "firmware/core/buf.h"

/* Decode into the arena (terminated). -EINVAL on foreign characters or bad length, -ENOMEM. */
int base64_decode(struct str text, struct arena *a, struct str *ret) WARN_UNUSED;
void base64_encode(struct buf *out, const void *p, size_t n);	  /* standard, padded */
void base64_encode_url(struct buf *out, const void *p, size_t n); /* URL alphabet, padded */

#endif
