/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SHA-1 of a short text, as the websocket handshake wants it (RFC 6455): a fingerprint that shows
 * that the handshake was read, not a protection of anything. Whatever needs a digest that holds
 * uses sha256.h.
 *
 * Thread: any. Yields: no. Owns: nothing.
 */
#ifndef FIRMWARE_FMT_SHA1_H
#define FIRMWARE_FMT_SHA1_H

#include <stddef.h>
#include <stdint.h>

#define SHA1_SIZE 20

void sha1_of(const void *p, size_t n, uint8_t out[SHA1_SIZE]);

#endif
