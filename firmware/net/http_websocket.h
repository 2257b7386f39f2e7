/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The opening handshake of a websocket (RFC 6455, section 4.2), the server's side, as a pure
 * function over a request's head. The frames are firmware/fmt/ws.h's.
 *
 * Thread: any. Yields: no. Owns: nothing; slices point into the head.
 */
#ifndef FIRMWARE_NET_HTTP_WEBSOCKET_H
#define FIRMWARE_NET_HTTP_WEBSOCKET_H

#include "firmware/fmt/ws.h"
#include "firmware/net/http.h"

#define WEBSOCKET_VERSION "13"

struct websocket_offer {
	char accept[WS_ACCEPT_SIZE]; /* value of Sec-WebSocket-Accept */
	struct str protocol;	     /* the first that the client offers, or empty */
};

/*
 * Is this a handshake that can be answered with 101? 0, or the status of the refusal with e filled:
 * 400 for what is no handshake, 426 for another version than WEBSOCKET_VERSION (the reply then says
 * Sec-WebSocket-Version).
 */
int websocket_handshake(const struct http_head *head, struct websocket_offer *ret, struct err *e)
	WARN_UNUSED;

#endif
