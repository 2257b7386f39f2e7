/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Docker Engine API over an engine: the HTTP server's handler, its routes and replies.
 *
 * Thread: loop. Yields: what carries FIBER_FN. Owns: the servers, until api_stop.
 */
#ifndef API_API_H
#define API_API_H

#include "firmware/core/err.h"
#include "firmware/net/http_server.h"
#include "firmware/net/socket.h"
#include "runtime/engine.h"

/* Serve the API of eng on l; both must outlive the server. */
int api_start(struct engine *eng, struct listener *l, struct http_server **ret, struct err *e)
	WARN_UNUSED;

#endif
