/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GET /finch/credentials {"buildID","serverAddr"}: whoever asks must be this daemon's user and its
 * grandchild (daemon, build program, helper). What is asked and answered is never logged.
 */
#include <unistd.h>

#include "api/finch/credentials.h"
#include "api/router/reply.h"
#include "firmware/core/log.h"
#include "firmware/fmt/json.h"

#define BODY_MAX 8192

static int check_peer(const struct http_request *req, struct err *e)
{
	if (req->peer.kind != LISTENER_UNIX)
		return err_set(e, ERR_FORBIDDEN, "not a local peer");
	if (req->peer.uid != getuid() || req->peer.gid != getgid())
		return err_set(e, ERR_FORBIDDEN, "process %d is of user %u and group %u",
			       (int)req->peer.pid, (unsigned)req->peer.uid,
			       (unsigned)req->peer.gid);
	return finch_check_grandchild(req->peer.pid, getpid(), req->arena, e);
}

static struct str member(struct json_node root, const char *name, struct arena *a)
{
	struct str text;

	return json_string(json_get(root, name), a, &text) < 0 ? STR("") : text;
}

static void answer(struct http_request *req) FIBER_FN
{
	struct err e = ERR_INIT;
	struct json_node root;
	struct str body, id, server, found;

	if (http_read_body_all(req, BODY_MAX, &body, &e) < 0 ||
	    json_parse(body, req->arena, &root, &e) < 0 || json_type(root) != JSON_OBJECT) {
		reply_message(req, 400, "failed to decode request");
		return;
	}
	id = member(root, "buildID", req->arena);
	server = member(root, "serverAddr", req->arena);
	if (!id.n) {
		reply_message(req, 400, "request rejected: missing build ID");
		return;
	}
	if (!server.n) {
		reply_message(req, 400, "request rejected: missing server address");
		return;
	}
	if (finch_credentials_find(id, server, req->arena, &found, &e) < 0) {
		reply_message(req, 404, "failed to get credentials");
		return;
	}
	http_reply(req, 200, "application/json", found);
}

static void handle(struct http_request *req, void *arg) FIBER_FN
{
	struct err e = ERR_INIT;

	(void)arg;
	if (check_peer(req, &e) < 0) {
		log_warn("credential socket: turned away: %s", e.msg);
		reply_message(req, 401, "unauthorized access");
	} else if (!str_eqz(req->path, "/finch/credentials")) {
		http_reply(req, 404, "text/plain; charset=utf-8", STR("404 page not found\n"));
	} else if (req->head.method != HTTP_GET) {
		http_reply(req, 405, NULL, STR(""));
	} else {
		answer(req);
	}
}

static bool never_urgent(const struct http_request *req, void *arg)
{
	(void)req;
	(void)arg;
	return false;
}

int finch_credentials_serve(struct listener *l, struct http_server **ret, struct err *e)
{
	static const struct http_server_config cfg = {
		.handle = handle,
		.urgent = never_urgent,
		.refuse = api_refuse,
		.default_headers = "",
	};

	return http_server_start(ret, l, &cfg, e);
}
