/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/fmt/base64.h"

#include <stdint.h>

static int value_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+' || c == '-')
		return 62;
	return c == '/' || c == '_' ? 63 : -1;
}

/* The text without its padding; false when there is padding, but not the right one. */
static bool strip_padding(struct str *text)
{
	size_t padding = 0;

	while (padding < 3 && text->n > padding && text->p[text->n - 1 - padding] == '=')
		padding++;
	if (padding > 0 && (padding > 2 || text->n % 4 != 0))
		return false;
	text->n -= padding;
	return text->n % 4 != 1;
}

int base64_decode(struct str text, struct arena *a, struct str *ret)
{
	char *out, *o;
	uint32_t bits = 0;
	unsigned have = 0;

	if (!strip_padding(&text))
		return -EINVAL;
	out = o = arena_alloc(a, text.n / 4 * 3 + 3);
	if (!out)
		return -ENOMEM;
	for (size_t i = 0; i < text.n; i++) {
		int v = value_of(text.p[i]);

		if (v < 0)
			return -EINVAL;
		bits = bits << 6 | (uint32_t)v;
		have += 6;
		if (have >= 8) {
			have -= 8;
			*o++ = (char)(bits >> have & 0xff);
		}
	}
	*ret = str_span(out, (size_t)(o - out));
	return 0;
}

static void encode(struct buf *out, const uint8_t *p, size_t n, const char *alphabet)
{
	while (n > 0) {
		uint32_t v = (uint32_t)p[0] << 16;
		size_t take = MIN(n, 3U);
		char text[4];

		if (take > 1)
			v |= (uint32_t)p[1] << 8;
		if (take > 2)
			v |= p[2];
		for (int i = 0; i < 4; i++)
			text[i] = alphabet[v >> (18 - 6 * i) & 63];
		for (size_t i = take + 1; i < 4; i++)
			text[i] = '=';
		buf_put(out, text, sizeof(text));
		p += take;
		n -= take;
	}
}

void base64_encode(struct buf *out, const void *p, size_t n)
{
	encode(out, p, n, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
}

void base64_encode_url(struct buf *out, const void *p, size_t n)
{
	encode(out, p, n, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");
}
