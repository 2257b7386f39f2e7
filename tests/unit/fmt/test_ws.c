/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "firmware/core/attr.h"
#include "firmware/fmt/sha1.h"
#include "firmware/fmt/ws.h"

#define FRAME_MAX (1u << 20)

static void sha1_is(const char *text, size_t n, const char *hex)
{
	uint8_t sum[SHA1_SIZE];
	char got[2 * SHA1_SIZE + 1];

	sha1_of(text, n, sum);
	for (size_t i = 0; i < SHA1_SIZE; i++)
		snprintf(got + 2 * i, 3, "%02x", sum[i]);
	assert_string_equal(got, hex);
}

static void sha1_of_known_texts(void **state)
{
	char as[1000];

	(void)state;
	memset(as, 'a', sizeof(as));
	sha1_is("", 0, "da39a3ee5e6b4b0d3255bfef95601890afd80709");
	sha1_is("abc", 3, "a9993e364706816aba3e25717850c26c9cd0d89d");
	sha1_is("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56,
		"84983e441c3bd26ebaae4aa1f95129e5e54670f1");
	sha1_is(as, 55, "c1c8bbdc22796e28c0e15163d20899b65621d65a");
	sha1_is(as, 56, "c2db330f6083854c99d4b5bfb6e8f29f201be699");
	sha1_is(as, 63, "03f09f5b158a7a8cdad920bddc29b81c18a551f5");
	sha1_is(as, 64, "0098ba824b5c16427bd7a1122a5a442a25ec644d");
	sha1_is(as, 65, "11655326c708d70319be2610e8a57d9a5b959d3b");
	sha1_is(as, 1000, "291e9a6c66994949b57ba5e650361e98fc36b1ba");
}

static void accept_key(void **state)
{
	char out[WS_ACCEPT_SIZE];

	(void)state;
	assert_true(ws_accept("dGhlIHNhbXBsZSBub25jZQ==", 24, out));
	assert_string_equal(out, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
	assert_false(ws_accept("dGhlIHNhbXBsZSBub25jZQ=", 23, out));
	assert_false(ws_accept("dGhlIHNhbXBsZSBub25jZQAA", 24, out));
	assert_false(ws_accept("dGhlIHNhbXBsZSBub25j-Q==", 24, out));
	assert_false(ws_accept("dGhlIHNhbXBsZSBub25j\0Q==", 24, out));
	assert_false(ws_accept("", 0, out));
}

/* A client's frame at out; its length. */
static size_t put(uint8_t *out, unsigned first, const void *data, size_t n)
{
	static const uint8_t mask[4] = {0xa1, 0x02, 0x7f, 0x80};
	size_t at = ws_put_head(out, WS_BINARY, n);

	out[0] = (uint8_t)first;
	out[1] |= 0x80;
	memcpy(out + at, mask, sizeof(mask));
	at += sizeof(mask);
	for (size_t i = 0; i < n; i++)
		out[at + i] = ((const uint8_t *)data)[i] ^ mask[i & 3];
	return at + n;
}

/* What comes out of bytes given in pieces of so many: events and data one after the other. */
struct outcome {
	char events[256];
	uint8_t data[70000];
	size_t n_events, n;
	unsigned code;
};

static void run(const uint8_t *in, size_t n, size_t piece, struct outcome *o)
{
	static const char names[] = {
		[WS_GOT_MORE] = 0,   [WS_GOT_DATA] = 0,	   [WS_GOT_PING] = 'i',
		[WS_GOT_PONG] = 'o', [WS_GOT_CLOSE] = 'c', [WS_GOT_ERROR] = 'e',
	};
	static uint8_t copy[80000];
	struct ws_decoder d;

	memset(o, 0, sizeof(*o));
	memcpy(copy, in, n);
	ws_decoder_init(&d, FRAME_MAX);
	for (size_t at = 0; at < n;) {
		size_t room = MIN(piece, n - at), used = 0, size = 0;
		uint8_t *data = NULL;
		enum ws_event got = ws_decode(&d, copy + at, room, &used, &data, &size);

		assert_true(used <= room);
		assert_true(used > 0);
		if (got == WS_GOT_MORE)
			assert_int_equal(used, room);
		if (got == WS_GOT_DATA) {
			assert_true(data >= copy + at && data + size <= copy + at + used);
			memcpy(o->data + o->n, data, size);
			o->n += size;
		}
		if (names[got])
			o->events[o->n_events++] = names[got];
		if (got == WS_GOT_PING || got == WS_GOT_PONG) {
			memcpy(o->data + o->n, d.control, d.control_n);
			o->n += d.control_n;
		}
		if (got == WS_GOT_CLOSE || got == WS_GOT_ERROR)
			o->code = d.code;
		at += used;
	}
}

static void pieces_of_any_size(void **state)
{
	static struct outcome o;
	static uint8_t in[80000], big[66000];
	static const size_t pieces[] = {1, 2, 3, 5, 7, 64, 4096, 80000};
	size_t n = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(big); i++)
		big[i] = (uint8_t)(i * 7 + i / 256);
	n += put(in + n, 0x82, "whole", 5);
	n += put(in + n, 0x01, "begin ", 6);
	n += put(in + n, 0x89, "ping", 4);
	n += put(in + n, 0x00, "", 0);
	n += put(in + n, 0x80, "end", 3);
	n += put(in + n, 0x82, "", 0);
	n += put(in + n, 0x8a, "", 0);
	n += put(in + n, 0x82, big, 125);
	n += put(in + n, 0x82, big, 126);
	n += put(in + n, 0x82, big, sizeof(big));
	n += put(in + n, 0x88, "\x0f\xa0why", 5);
	n += put(in + n, 0x82, "ignored", 7);
	for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
		run(in, n, pieces[i], &o);
		assert_string_equal(o.events, "ioc");
		assert_int_equal(o.code, 4000);
		assert_int_equal(o.n, 5 + 6 + 4 + 3 + 125 + 126 + sizeof(big));
		assert_memory_equal(o.data, "wholebegin pingend", 18);
		assert_memory_equal(o.data + 18, big, 125);
		assert_memory_equal(o.data + 18 + 125 + 126, big, sizeof(big));
	}
}

static void breaches(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
		unsigned code;
	} cases[] = {
		{"\x82\x01x", 3, WS_CODE_PROTOCOL},    /* not masked */
		{"\xc2\x80mask", 6, WS_CODE_PROTOCOL}, /* reserved bits */
		{"\xa2\x80mask", 6, WS_CODE_PROTOCOL},
		{"\x92\x80mask", 6, WS_CODE_PROTOCOL},
		{"\x83\x80mask", 6, WS_CODE_PROTOCOL}, /* unknown opcodes */
		{"\x87\x80mask", 6, WS_CODE_PROTOCOL},
		{"\x8b\x80mask", 6, WS_CODE_PROTOCOL},
		{"\x8f\x80mask", 6, WS_CODE_PROTOCOL},
		{"\x80\x80mask", 6, WS_CODE_PROTOCOL},	     /* continuation of nothing */
		{"\x09\x80mask", 6, WS_CODE_PROTOCOL},	     /* fragmented ping */
		{"\x89\xfe\0\x7emask", 8, WS_CODE_PROTOCOL}, /* long ping */
		{"\x82\xfe\0\x7dmask", 8, WS_CODE_PROTOCOL}, /* not the shortest length */
		{"\x82\xff\0\0\0\0\0\0\xff\xffmask", 14, WS_CODE_PROTOCOL},
		{"\x82\xff\x80\0\0\0\0\0\0\0mask", 14, WS_CODE_PROTOCOL}, /* top bit */
		{"\x82\xff\0\0\0\0\0\x10\0\1mask", 14, WS_CODE_TOO_BIG},
		{"\x02\x80mask\x82\x80mask", 12, WS_CODE_PROTOCOL}, /* message in a message */
		{"\x88\x81\0\0\0\0x", 7, WS_CODE_PROTOCOL},	    /* half a code */
		{"\x88\x82\0\0\0\0\x03\xed", 8, WS_CODE_PROTOCOL},  /* 1005 */
		{"\x88\x82\0\0\0\0\x03\xe7", 8, WS_CODE_PROTOCOL},  /* 999 */
		{"\x88\x82\0\0\0\0\x13\x88", 8, WS_CODE_PROTOCOL},  /* 5000 */
	};
	static struct outcome o;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		for (size_t piece = 1; piece < 20; piece += 18) {
			run((const uint8_t *)cases[i].bytes, cases[i].n, piece, &o);
			assert_string_equal(o.events, "e");
			assert_int_equal(o.code, cases[i].code);
			assert_int_equal(o.n, 0);
		}
	}
}

static void closes(void **state)
{
	static struct outcome o;

	(void)state;
	run((const uint8_t *)"\x88\x80mask", 6, 6, &o);
	assert_string_equal(o.events, "c");
	assert_int_equal(o.code, WS_CODE_NONE);
	run((const uint8_t *)"\x88\x82\0\0\0\0\x03\xe8", 8, 3, &o);
	assert_string_equal(o.events, "c");
	assert_int_equal(o.code, WS_CODE_NORMAL);
}

static void heads(void **state)
{
	uint8_t out[WS_HEAD_MAX];

	(void)state;
	assert_int_equal(ws_put_head(out, WS_BINARY, 0), 2);
	assert_memory_equal(out, "\x82\0", 2);
	assert_int_equal(ws_put_head(out, WS_TEXT, 125), 2);
	assert_memory_equal(out, "\x81\x7d", 2);
	assert_int_equal(ws_put_head(out, WS_BINARY, 126), 4);
	assert_memory_equal(out, "\x82\x7e\0\x7e", 4);
	assert_int_equal(ws_put_head(out, WS_BINARY, 65535), 4);
	assert_memory_equal(out, "\x82\x7e\xff\xff", 4);
	assert_int_equal(ws_put_head(out, WS_BINARY, 65536), 10);
	assert_memory_equal(out, "\x82\x7f\0\0\0\0\0\1\0\0", 10);
	assert_int_equal(ws_put_close(out, WS_CODE_NORMAL), 4);
	assert_memory_equal(out, "\x88\2\3\xe8", 4);
	assert_int_equal(ws_put_close(out, WS_CODE_NONE), 2);
	assert_memory_equal(out, "\x88\0", 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sha1_of_known_texts),
		cmocka_unit_test(accept_key),
		cmocka_unit_test(pieces_of_any_size),
		cmocka_unit_test(breaches),
		cmocka_unit_test(closes),
		cmocka_unit_test(heads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
