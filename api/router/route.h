/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Routes and calls. A handler reads its call (path parameters, query, body), does the work and
 * replies; when it returns a negative errno with the error filled and nothing has been sent, the
 * router replies for it.
 *
 * Thread: loop. Yields: handlers do. Owns: a call lives as long as its handler runs; its arena is
 * the request's.
 */
#ifndef API_ROUTER_ROUTE_H
#define API_ROUTER_ROUTE_H

#include <stdbool.h>
#include <stdint.h>

#include "firmware/core/arena.h"
#include "firmware/core/err.h"
#include "firmware/core/str.h"
#include "firmware/fmt/bind.h"
#include "firmware/fmt/json.h"
#include "firmware/net/http_server.h"
#include "runtime/engine.h"

#define ROUTE_PARAMS_MAX 2
#define API_MINOR_NEWEST 51
#define API_MINOR_OLDEST 24

struct call {
	struct engine *eng;
	struct http_request *http;
	struct arena *a;
	unsigned api_minor;		      /* 1.N asked for; the newest when none was */
	const char *params[ROUTE_PARAMS_MAX]; /* {name}s of the pattern, decoded, in order */
	const struct route *route;
};

enum route_flags {
	ROUTE_URGENT = 1 << 0, /* may use reserved slots: ping, kill, stop, inspect */
	ROUTE_PREFIX = 1 << 1, /* the pattern matches everything below it too */
	ROUTE_LAX = 1 << 2,    /* a malformed query is none of its business */
};

struct route {
	const char *method; /* "GET", …; "*" any */
	/* "{x}" is one segment; "{x*}" takes what is between its neighbours, slashes included. */
	const char *pattern;
	int (*handle)(struct call *call, struct err *e) FIBER_FN;
	uint8_t flags;
	uint8_t since;	     /* first API minor version that has it; 0: all */
	const char *missing; /* not carried out: 501 with this text */
};

extern const struct route route_table[];
extern const size_t route_count;

/*
 * Find the route of a path that has no version prefix; params are terminated texts in the arena.
 * NULL: there is none. -ENOMEM cannot be told from that and need not be.
 */
const struct route *route_find(struct str method, struct str path, struct arena *a,
			       const char *params[ROUTE_PARAMS_MAX]);
/*
 * Cut "/v1.41" off. ERR_INVALID with the engine's words when too old or too new. *ret_minor is the
 * newest without a prefix; *ret_old_text is set when the error must be plain text (below 1.24).
 */
int route_cut_version(struct str *path, unsigned *ret_minor, bool *ret_plain, struct err *e)
	WARN_UNUSED;

/* The handler and the helpers given to http_server. */
void api_handle(struct http_request *req, void *arg) FIBER_FN;
bool api_urgent(const struct http_request *req, void *arg);
void api_refuse(struct http_request *req, int status, const char *message, void *arg) FIBER_FN;

#endif
