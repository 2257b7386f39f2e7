/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Leaving HTTP for a raw stream: the upgrade answers of attach and exec start, and the client as
 * the engine wants it.
 *
 * Thread: loop. Yields: hijack_begin. Owns: the connection stays the request's until the engine
 * takes it.
 */
#ifndef API_ROUTER_HIJACK_H
#define API_ROUTER_HIJACK_H

#include "api/router/route.h"
#include "firmware/net/http_websocket.h"
#include "runtime/container/container.h"

/*
 * Answer 101 (or 200 without an Upgrade header), fill client's take_fd and leftover, and let the
 * client's hang-up cancel this fiber. extra_headers are complete lines or "".
 */
int hijack_begin(struct call *call, bool multiplexed, const char *extra_headers,
		 struct attach_client *client, struct err *e) FIBER_FN WARN_UNUSED;
/* The same for a handshake that was found good. */
int hijack_websocket(struct call *call, const struct websocket_offer *offer,
		     struct attach_client *client, struct err *e) FIBER_FN WARN_UNUSED;
/* An error before the upgrade, as attach says it: status line, the text, end of connection. */
int hijack_refuse(struct call *call, const struct err *why) FIBER_FN;

#endif
