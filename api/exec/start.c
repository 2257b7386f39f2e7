/* SPDX-License-Identifier: Apache-2.0 */
#include "api/exec/exec.h"

#include "api/router/hijack.h"
#include "api/router/reply.h"
#include "api/router/size.h"

struct start_body {
	bool detach, tty;
	struct str console_size;
};
static const struct shape_field start_fields[] = {
	SHAPE_FIELD(struct start_body, "Detach", detach, SHAPE_BOOL, .flags = 0),
	SHAPE_FIELD(struct start_body, "Tty", tty, SHAPE_BOOL, .flags = 0),
	SHAPE_FIELD(struct start_body, "ConsoleSize", console_size, SHAPE_RAW, .flags = 0),
};
static const struct shape start_shape = {
	.name = "ExecStartOptions",
	.size = sizeof(struct start_body),
	.fields = start_fields,
	.n_fields = ARRAY_LEN(start_fields),
};

static const char standard_headers[] = "Api-Version: " CONFIG_API_VERSION "\r\n"
				       "Docker-Experimental: false\r\n"
				       "Ostype: linux\r\n"
				       "Server: Docker/" CONFIG_VERSION " (linux)\r\n";

static int start_attached(struct call *call, struct exec *x, const struct start_body *body,
			  uint16_t height, uint16_t width, struct err *e) FIBER_FN
{
	struct attach_client *client = arena_alloc(call->a, sizeof(*client));
	const char *keys = x->config.detach_keys;

	if (!client)
		return err_set(e, ERR_UNAVAILABLE, "no memory");
	if (keys && *keys &&
	    detach_keys_parse(str_from(keys), "escape", call->a, &client->detach_keys, e) < 0)
		return err_code(e);
	if (hijack_begin(call, !body->tty, standard_headers, client, e) < 0)
		return err_code(e);
	return exec_start(x, body->tty, height, width, client, e);
}

/* POST /exec/{id}/start */
int api_exec_start(struct call *call, struct err *e)
{
	CLEANUP(exec_unrefp) struct exec *x = NULL;
	struct start_body body = {0};
	struct json_node node;
	uint16_t height = 0, width = 0;

	if (body_json(call, true, &node, e) < 0)
		return err_code(e);
	if (json_type(node) == JSON_OBJECT &&
	    shape_decode(&start_shape, node, call->a, &body, e) < 0)
		return err_wrap(e, "invalid JSON");
	if (exec_lookup(call->eng, call->params[0], &x, e) < 0 || exec_start_check(x, e) < 0)
		return err_code(e);
	if (body.tty && call->api_minor >= 42)
		console_size_from_json(body.console_size.n ? body.console_size
							   : x->config.console_size_raw,
				       &height, &width);
	if (!body.detach)
		return start_attached(call, x, &body, height, width, e);
	if (exec_start(x, body.tty, height, width, NULL, e) < 0)
		return err_code(e);
	return reply_empty(call, 200);
}
