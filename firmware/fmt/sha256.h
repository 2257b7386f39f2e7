/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SHA-256 (libcrypto's block function, with the CPU's SHA instructions) and OCI digests, the texts
 * "sha256:<64 hex>".
 *
 * Thread: any. Yields: no. Owns: nothing.
 */
#ifndef FIRMWARE_FMT_SHA256_H
#define FIRMWARE_FMT_SHA256_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "firmware/core/attr.h"
#include "firmware/core/err.h"
#include "firmware/core/str.h"

struct sha256 {
	uint32_t opaque[32]; /* holds libcrypto's SHA256_CTX; checked at compile time */
};
void sha256_init(struct sha256 *s);
void sha256_update(struct sha256 *s, const void *p, size_t n);
void sha256_final(struct sha256 *s, uint8_t out[32]);

#define DIGEST_HEX 64
#define DIGEST_TEXT_MAX 72 /* "sha256:" + 64 + NUL */
struct digest {
	char text[DIGEST_TEXT_MAX]; /* "sha256:…", or "" */
};
/* Strict: "sha256:" and 64 lower-case hex digits. ERR_INVALID "invalid checksum digest format". */
int digest_parse(struct str text, struct digest *ret, struct err *e) WARN_UNUSED;
bool digest_eq(const struct digest *a, const struct digest *b);
static inline const char *digest_hex(const struct digest *d)
{
	return d->text[0] ? d->text + 7 : "";
}
void digest_from_sha256(struct sha256 *s, struct digest *ret); /* finishes s */
void digest_of(const void *p, size_t n, struct digest *ret);

#endif
