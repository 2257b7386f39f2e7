/* SPDX-License-Identifier: Apache-2.0 */
#include "api/system/system.h"

#include "api/router/reply.h"
#include "runtime/image/image.h"

/* POST /auth */
int api_system_auth(struct call *call, struct err *e)
{
	struct registry_auth auth;
	const char *token = NULL;
	struct json_node body;
	struct json_writer w;
	struct buf out;
	int r;

	if (body_json_untyped(call, false, &body, e) < 0 ||
	    registry_auth_parse(body, call->a, &auth, e) < 0)
		return err_code(e);
	http_watch_client(call->http, true);
	r = image_registry_login(call->eng->images, &auth, call->a, &token, e);
	http_watch_client(call->http, false);
	if (r < 0)
		return r;
	reply_begin(call, &out, &w);
	json_object_open(&w);
	json_kv_text(&w, "IdentityToken", token);
	json_kv_text(&w, "Status", "Login Succeeded");
	json_object_close(&w);
	return reply_json(call, 200, &out, e);
}
