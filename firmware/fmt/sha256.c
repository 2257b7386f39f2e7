/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The low-level SHA256_* functions of libcrypto are called out of date by their headers, but they
 * are the only entry that links the block code alone (some 20 KiB) instead of the provider
 * machinery.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "firmware/fmt/sha256.h"

#include <openssl/sha.h>

_Static_assert(sizeof(SHA256_CTX) <= sizeof(struct sha256), "struct sha256 is too small");
_Static_assert(_Alignof(SHA256_CTX) <= _Alignof(struct sha256), "struct sha256 is misaligned");

static SHA256_CTX *context_of(struct sha256 *s)
{
	return (SHA256_CTX *)(void *)s->opaque;
}

void sha256_init(struct sha256 *s)
{
	(void)SHA256_Init(context_of(s));
}

void sha256_update(struct sha256 *s, const void *p, size_t n)
{
	if (n > 0)
		(void)SHA256_Update(context_of(s), p, n);
}

void sha256_final(struct sha256 *s, uint8_t out[32])
{
	(void)SHA256_Final(out, context_of(s));
}

int digest_parse(struct str text, struct digest *ret, struct err *e)
{
	bool good = text.n == 7 + DIGEST_HEX && str_starts(text, "sha256:");

	for (size_t i = 7; good && i < text.n; i++) {
		char c = text.p[i];

		good = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
	}
	if (!good)
		return err_set(e, ERR_INVALID, "invalid checksum digest format");
	(void)str_copy(ret->text, sizeof(ret->text), text);
	return 0;
}

bool digest_eq(const struct digest *a, const struct digest *b)
{
	return strcmp(a->text, b->text) == 0;
}

void digest_from_sha256(struct sha256 *s, struct digest *ret)
{
	uint8_t hash[32];

	sha256_final(s, hash);
	memcpy(ret->text, "sha256:", 7);
	hex_encode(hash, sizeof(hash), ret->text + 7);
}

void digest_of(const void *p, size_t n, struct digest *ret)
{
	struct sha256 s;

	sha256_init(&s);
	sha256_update(&s, p, n);
	digest_from_sha256(&s, ret);
}
