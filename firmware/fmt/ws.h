/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Websocket frames (RFC 6455), the server's side: a decoder of what a client sends, piece by piece
 * and in place, and the heads of what goes out. A frame's payload is never collected, whatever its
 * length; only the few bytes of a head and of a control frame are.
 *
 * Refused with 1002: frames that are not masked, reserved bits (no extension is spoken), unknown
 * opcodes, control frames that are fragmented or longer than 125 bytes, lengths that are not in
 * their shortest form or have the top bit set, a message inside of another, a continuation of
 * nothing, malformed Close payloads. Refused with 1009: frames above a limit. Whether text is UTF-8
 * is not looked at.
 *
 * Thread: any. Yields: no. Owns: nothing.
 */
#ifndef FIRMWARE_FMT_WS_H
#define FIRMWARE_FMT_WS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WS_HEAD_MAX 10	   /* of a frame that is not masked */
#define WS_CONTROL_MAX 125 /* payload of a control frame */

enum ws_opcode {
	WS_CONTINUATION = 0,
	WS_TEXT = 1,
	WS_BINARY = 2,
	WS_CLOSE = 8,
	WS_PING = 9,
	WS_PONG = 10,
};

enum ws_code {
	WS_CODE_NONE = 0, /* a Close without a code */
	WS_CODE_NORMAL = 1000,
	WS_CODE_PROTOCOL = 1002,
	WS_CODE_TOO_BIG = 1009,
	WS_CODE_FAILED = 1011,
};

enum ws_event {
	WS_GOT_MORE,  /* all was used, nothing to tell */
	WS_GOT_DATA,  /* payload of a message */
	WS_GOT_PING,  /* payload in control[0…control_n) */
	WS_GOT_PONG,  /* the same */
	WS_GOT_CLOSE, /* code is the peer's; nothing after it counts */
	WS_GOT_ERROR, /* code says why */
};

struct ws_decoder {
	uint64_t max;  /* bytes of payload that a frame may have */
	uint64_t left; /* of the frame at hand */
	uint32_t at;   /* of its payload; only the last two bits matter */
	uint16_t code;
	uint8_t mask[4];
	uint8_t opcode;
	bool in_payload;
	bool final, in_message;
	bool over; /* after a Close or an error */
	uint8_t head_n, control_n;
	uint8_t head[14];
	uint8_t control[WS_CONTROL_MAX];
};

void ws_decoder_init(struct ws_decoder *d, uint64_t max);
/*
 * Take from n bytes at in: *ret_used were. With WS_GOT_DATA, *ret_data and *ret_n are payload
 * inside of in, unmasked in place. Call again with the rest until WS_GOT_MORE; a decoder that told
 * of a Close or an error uses up whatever follows.
 */
enum ws_event ws_decode(struct ws_decoder *d, uint8_t *in, size_t n, size_t *ret_used,
			uint8_t **ret_data, size_t *ret_n);

/* The head of one whole frame, not masked, with n bytes of payload. Its length. */
size_t ws_put_head(uint8_t out[WS_HEAD_MAX], enum ws_opcode opcode, uint64_t n);
/* A Close frame, without payload for WS_CODE_NONE. Its length, at most 4. */
size_t ws_put_close(uint8_t out[4], unsigned code);

#define WS_ACCEPT_SIZE 29 /* 28 characters and the terminator */
/* Sec-WebSocket-Accept for the value of Sec-WebSocket-Key; false when that is not 16 bytes in
 * base64. */
bool ws_accept(const char *key, size_t n, char out[WS_ACCEPT_SIZE]);

#endif
