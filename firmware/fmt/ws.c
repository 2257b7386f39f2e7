/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/fmt/ws.h"

#include <string.h>

#include "firmware/fmt/sha1.h"

#define FINAL 0x80
#define RESERVED 0x70
#define MASKED 0x80
#define KEY_LEN 24

void ws_decoder_init(struct ws_decoder *d, uint64_t max)
{
	memset(d, 0, sizeof(*d));
	d->max = max;
}

static enum ws_event fail(struct ws_decoder *d, unsigned code)
{
	d->over = true;
	d->code = (uint16_t)code;
	return WS_GOT_ERROR;
}

static bool is_control(uint8_t opcode)
{
	return opcode & 8;
}

/* Bytes of the head, as far as its first two tell. */
static size_t head_size(const struct ws_decoder *d)
{
	uint8_t len = d->head_n < 2 ? 0 : d->head[1] & 0x7f;

	if (d->head_n < 2)
		return 2;
	return (size_t)2 + (len == 127 ? 8 : len == 126 ? 2 : 0) + 4;
}

/* What the first two bytes must not say. */
static bool is_bad_start(const struct ws_decoder *d)
{
	uint8_t opcode = d->head[0] & 0x0f;

	if ((d->head[0] & RESERVED) || !(d->head[1] & MASKED))
		return true;
	if (is_control(opcode))
		return opcode > WS_PONG || !(d->head[0] & FINAL) ||
		       (d->head[1] & 0x7f) > WS_CONTROL_MAX;
	if (opcode > WS_BINARY)
		return true;
	return (opcode == WS_CONTINUATION) != d->in_message;
}

/* The head is whole. */
static enum ws_event begin_frame(struct ws_decoder *d)
{
	uint8_t len = d->head[1] & 0x7f;
	size_t n = len == 127 ? 8 : len == 126 ? 2 : 0;
	uint64_t size = n ? 0 : len;

	for (size_t i = 0; i < n; i++)
		size = size << 8 | d->head[2 + i];
	if ((n == 2 && size < 126) || (n == 8 && (size < 65536 || size >> 63)))
		return fail(d, WS_CODE_PROTOCOL);
	if (size > d->max)
		return fail(d, WS_CODE_TOO_BIG);
	memcpy(d->mask, d->head + 2 + n, sizeof(d->mask));
	d->opcode = d->head[0] & 0x0f;
	d->final = d->head[0] & FINAL;
	d->left = size;
	d->at = 0;
	d->head_n = 0;
	d->in_payload = true;
	if (is_control(d->opcode))
		d->control_n = 0;
	else
		d->in_message = !d->final;
	return WS_GOT_MORE;
}

static void unmask(struct ws_decoder *d, uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[i] ^= d->mask[(d->at + i) & 3];
	d->at = (uint32_t)((d->at + n) & 3);
	d->left -= n;
}

/* Codes that may stand on the wire. */
static bool is_close_code(unsigned code)
{
	return (code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006) ||
	       (code >= 3000 && code <= 4999);
}

static enum ws_event end_control(struct ws_decoder *d)
{
	unsigned code;

	d->in_payload = false;
	if (d->opcode == WS_PING)
		return WS_GOT_PING;
	if (d->opcode == WS_PONG)
		return WS_GOT_PONG;
	code = d->control_n >= 2 ? (unsigned)d->control[0] << 8 | d->control[1] : WS_CODE_NONE;
	if (d->control_n && !is_close_code(code))
		return fail(d, WS_CODE_PROTOCOL);
	d->over = true;
	d->code = (uint16_t)code;
	return WS_GOT_CLOSE;
}

/* Bytes of a head from in; *ret_used of them. WS_GOT_MORE also when the head is whole. */
static enum ws_event take_head(struct ws_decoder *d, const uint8_t *in, size_t n, size_t *ret_used)
{
	size_t used = 0;

	while (used < n && d->head_n < head_size(d)) {
		d->head[d->head_n++] = in[used++];
		if (d->head_n == 2 && is_bad_start(d)) {
			*ret_used = used;
			return fail(d, WS_CODE_PROTOCOL);
		}
	}
	*ret_used = used;
	return d->head_n < head_size(d) ? WS_GOT_MORE : begin_frame(d);
}

enum ws_event ws_decode(struct ws_decoder *d, uint8_t *in, size_t n, size_t *ret_used,
			uint8_t **ret_data, size_t *ret_n)
{
	size_t at = 0;

	*ret_used = n;
	while (!d->over) {
		size_t piece;

		if (!d->in_payload) {
			enum ws_event got = take_head(d, in + at, n - at, &piece);

			at += piece;
			if (got != WS_GOT_MORE) {
				*ret_used = at;
				return got;
			}
			if (!d->in_payload)
				return WS_GOT_MORE;
		}
		piece = d->left < n - at ? (size_t)d->left : n - at;
		unmask(d, in + at, piece);
		if (is_control(d->opcode)) {
			memcpy(d->control + d->control_n, in + at, piece);
			d->control_n = (uint8_t)(d->control_n + piece);
			at += piece;
			if (d->left)
				return WS_GOT_MORE;
			*ret_used = at;
			return end_control(d);
		}
		d->in_payload = d->left > 0;
		if (piece) {
			*ret_data = in + at;
			*ret_n = piece;
			*ret_used = at + piece;
			return WS_GOT_DATA;
		}
		if (at == n)
			return WS_GOT_MORE;
	}
	return WS_GOT_MORE;
}

size_t ws_put_head(uint8_t out[WS_HEAD_MAX], enum ws_opcode opcode, uint64_t n)
{
	size_t bytes = n > 0xffff ? 8 : n > 125 ? 2 : 0;

	out[0] = (uint8_t)(FINAL | opcode);
	out[1] = (uint8_t)(bytes == 8 ? 127 : bytes == 2 ? 126 : n);
	for (size_t i = 0; i < bytes; i++)
		out[2 + i] = (uint8_t)(n >> (8 * (bytes - 1 - i)));
	return 2 + bytes;
}

size_t ws_put_close(uint8_t out[4], unsigned code)
{
	out[0] = FINAL | WS_CLOSE;
	out[1] = code ? 2 : 0;
	if (!code)
		return 2;
	out[2] = (uint8_t)(code >> 8);
	out[3] = (uint8_t)code;
	return 4;
}

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* 16 bytes in base64: 22 characters and "==". */
static bool is_key(const char *key, size_t n)
{
	if (n != KEY_LEN || memcmp(key + KEY_LEN - 2, "==", 2))
		return false;
	for (size_t i = 0; i < KEY_LEN - 2; i++)
		if (!key[i] || !strchr(alphabet, key[i]))
			return false;
	return true;
}

bool ws_accept(const char *key, size_t n, char out[WS_ACCEPT_SIZE])
{
	static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
	char text[KEY_LEN + sizeof(guid) - 1];
	uint8_t sum[SHA1_SIZE + 1];
	size_t o = 0;

	if (!is_key(key, n))
		return false;
	memcpy(text, key, KEY_LEN);
	memcpy(text + KEY_LEN, guid, sizeof(guid) - 1);
	sha1_of(text, sizeof(text), sum);
	sum[SHA1_SIZE] = 0; /* 20 bytes are six groups of three and two bytes */
	for (size_t i = 0; i < SHA1_SIZE; i += 3) {
		uint32_t v = (uint32_t)sum[i] << 16 | (uint32_t)sum[i + 1] << 8 | sum[i + 2];

		for (int shift = 18; shift >= 0; shift -= 6)
			out[o++] = alphabet[v >> shift & 63];
	}
	out[o - 1] = '=';
	out[o] = 0;
	return true;
}
