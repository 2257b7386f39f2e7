/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a request to its handler, and from a handler's error to the reply: the one place where
 * errors are logged and turned into HTTP.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "api/api.h"
#include "api/metrics/metrics.h"
#include "api/router/reply.h"
#include "api/router/route.h"
#include "firmware/core/clock.h"
#include "firmware/core/config.h"
#include "firmware/core/log.h"

#define TURNED_AWAY_MS 10000 /* between two lines on it */

static const char default_headers[] = "Api-Version: " CONFIG_API_VERSION "\r\n"
				      "Docker-Experimental: false\r\n"
				      "Ostype: linux\r\n"
				      "Server: Docker/" CONFIG_VERSION " (linux)\r\n";

/* "//", "/./" and "/../" are redirected to the clean path, as the engine's router does. */
static bool is_unclean(struct str path)
{
	for (size_t i = 0; i + 1 < path.n; i++) {
		struct str rest = str_span(path.p + i, path.n - i);

		if (str_starts(rest, "//") || str_starts(rest, "/./") || str_starts(rest, "/../") ||
		    (rest.n <= 3 && (str_eqz(rest, "/.") || str_eqz(rest, "/.."))))
			return true;
	}
	return !path.n || path.p[0] != '/';
}

static const char *clean_path(struct str path, struct arena *a)
{
	char *out = arena_alloc(a, path.n + 2);
	struct str rest = path;
	size_t n = 0;

	if (!out)
		return NULL;
	while (rest.n) {
		struct str seg = str_cut(rest, '/', &rest);

		if (str_eqz(seg, "..")) {
			while (n > 0 && out[--n] != '/')
				;
		} else if (seg.n && !str_eqz(seg, ".")) {
			out[n++] = '/';
			memcpy(out + n, seg.p, seg.n);
			n += seg.n;
		}
	}
	if (!n || path.p[path.n - 1] == '/')
		out[n++] = '/';
	out[n] = 0;
	return out;
}

/* As it stands in a Location: what is not plain in a path becomes %XX. */
static const char *encode_path(const char *path, struct arena *a)
{
	char *out = path ? arena_alloc(a, 3 * strlen(path) + 1) : NULL;
	size_t n = 0;

	for (; out && *path; path++) {
		unsigned char c = (unsigned char)*path;

		if (c > ' ' && c < 0x7f && !strchr("\"#%<>?[\\]^`{|}", c))
			out[n++] = (char)c;
		else
			n += (size_t)snprintf(out + n, 4, "%%%02X", c);
	}
	if (out)
		out[n] = 0;
	return out;
}

static void redirect_clean(struct http_request *req) FIBER_FN
{
	const char *path = encode_path(clean_path(req->path, req->arena), req->arena);
	const char *target = path && req->query.n ? arena_printf(req->arena, "%s?" STR_FMT, path,
								 STR_ARG(req->query))
						  : path;

	if (!target || http_add_header(req, "Location", target) < 0) {
		reply_message(req, 400, "malformed path");
		return;
	}
	http_reply(req, 301, NULL, STR(""));
}

/* Clients leave when they please, before the reply or in its midst: nothing is wrong with us. */
static bool client_left(const struct err *e)
{
	return e->kind == ERR_CANCELLED || e->sys_errno == ECONNRESET || e->sys_errno == EPIPE;
}

static void finish(struct call *call, int r, struct err *e) FIBER_FN
{
	struct http_request *req = call->http;

	if (r >= 0)
		return;
	if (!e->kind)
		err_sys(e, -r, "handling the request");
	if (client_left(e))
		log_debug("request %" PRIu64 ": the client went away", req->id);
	else if (reply_status(e) >= 500)
		log_error("Handler for " STR_FMT " " STR_FMT " returned error: %s",
			  STR_ARG(req->head.method_text), STR_ARG(req->path), e->msg);
	else
		log_debug("Handler for " STR_FMT " " STR_FMT " returned error: %s",
			  STR_ARG(req->head.method_text), STR_ARG(req->path), e->msg);
	if (!http_replied(req))
		reply_error(req, e);
}

/* call->route is set when there is one. */
static void answer(struct call *call) FIBER_FN
{
	struct http_request *req = call->http;
	struct err e = ERR_INIT;
	struct str path = req->path;
	bool plain;
	int r;

	log_debug("Calling " STR_FMT " " STR_FMT, STR_ARG(req->head.method_text),
		  STR_ARG(req->raw_path));
	if (req->head.method == HTTP_OPTIONS) {
		http_reply(req, 200, NULL, STR(""));
		return;
	}
	if (is_unclean(req->path)) {
		redirect_clean(req);
		return;
	}
	r = route_cut_version(&path, &call->api_minor, &plain, &e);
	call->route = route_find(req->head.method_text, path, req->arena, call->params);
	if (!call->route || call->api_minor < call->route->since)
		reply_message(req, 404, "page not found");
	else if (r < 0 && plain)
		http_reply(req, 400, "text/plain; charset=utf-8",
			   str_from(arena_printf(req->arena, "%s\n", e.msg)));
	else if (r < 0)
		reply_error(req, &e);
	else if (call->route->missing)
		reply_message(req, 501, call->route->missing);
	else if (!(call->route->flags & ROUTE_LAX) && http_query_check(req->query, &e) < 0)
		finish(call, err_code(&e), &e);
	else
		finish(call, call->route->handle(call, &e), &e);
}

void api_handle(struct http_request *req, void *arg)
{
	struct call call = {.eng = arg, .http = req, .a = req->arena};
	int64_t began = CONFIG(METRICS) ? clock_mono() : 0;

	answer(&call);
	if (CONFIG(METRICS))
		metrics_count(call.route, req, began);
}

bool api_urgent(const struct http_request *req, void *arg)
{
	struct err e = ERR_INIT;
	struct str path = req->path;
	const struct route *r;
	unsigned minor;
	bool plain;

	(void)arg;
	if (route_cut_version(&path, &minor, &plain, &e) < 0)
		return false;
	r = route_find(req->head.method_text, path, NULL, NULL);
	return r && (r->flags & ROUTE_URGENT);
}

void api_refuse(struct http_request *req, int status, const char *message, void *arg)
{
	(void)arg;
	if (status == 503 && http_add_header(req, "Retry-After", "1") < 0)
		log_debug("no room for a Retry-After header");
	reply_message(req, status, message);
}

/* Said now and then only: whoever is turned away may come as often as it likes. */
static void api_turned_away(const char *why, void *arg)
{
	static unsigned int unsaid;
	static int64_t quiet_until;

	(void)arg;
	unsaid++;
	if (clock_mono() < quiet_until)
		return;
	log_warn("turned away %u connection%s: %s", unsaid, unsaid == 1 ? "" : "s", why);
	unsaid = 0;
	quiet_until = clock_in_ms(TURNED_AWAY_MS);
}

int api_start(struct engine *eng, struct listener *l, struct http_server **ret, struct err *e)
{
	struct http_server_config cfg = {
		.handle = api_handle,
		.urgent = api_urgent,
		.refuse = api_refuse,
		.turned_away = api_turned_away,
		.arg = eng,
		.default_headers = default_headers,
	};

	return http_server_start(ret, l, &cfg, e);
}
