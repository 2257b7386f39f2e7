/* SPDX-License-Identifier: Apache-2.0 */
#include "api/exec/exec.h"

#include "api/router/hijack.h"
#include "api/router/reply.h"
#include "runtime/model/console_size.h"

#define SAY_TIMEOUT_MS 10000

struct start_body {
	bool detach, tty;
	struct str console_size;
};
static const struct shape_field start_fields[] = {
	SHAPE_FIELD(struct start_body, "Detach", detach, SHAPE_BOOL, .flags = 0),
	SHAPE_FIELD(struct start_body, "Tty", tty, SHAPE_BOOL, .flags = 0),
	SHAPE_FIELD(struct start_body, "ConsoleSize", console_size, SHAPE_RAW, .flags = SHAPE_PAIR),
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

/* What kept the process from being started, as its output (WIRE: errors after the upgrade). */
static int say_in_stream(struct call *call, bool tty, const struct err *why) FIBER_FN
{
	size_t n = strlen(why->msg) + 2;
	uint8_t head[8] = {1, 0, 0, 0, 0, 0, (uint8_t)(n >> 8), (uint8_t)n};
	struct iovec parts[] = {{head, tty ? 0 : sizeof(head)},
				{(void *)(uintptr_t)why->msg, n - 2},
				{(char[]){'\r', '\n'}, 2}};

	return io_writev(http_hijacked_io(call->http), parts, ARRAY_LEN(parts),
			 clock_in_ms(SAY_TIMEOUT_MS));
}

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
	if (exec_start_reserve(x, client, e) < 0)
		return err_code(e);
	if (hijack_begin(call, !body->tty, standard_headers, client, e) < 0) {
		exec_start_give_up(x, client);
		return err_code(e);
	}
	if (exec_start(x, body->tty, height, width, client, e) < 0 && !client->taken)
		return say_in_stream(call, body->tty, e);
	return 0; /* what failed later was told by the shim */
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
	if (json_type(node) != JSON_NONE && shape_decode(&start_shape, node, call->a, &body, e) < 0)
		return err_wrap(e, "invalid JSON");
	if (exec_lookup(call->eng, call->params[0], &x, e) < 0 || exec_start_check(x, e) < 0)
		return err_code(e);
	if (x->config.tty && call->api_minor >= 42)
		(void)console_size_parse(body.tty && body.console_size.n
						 ? body.console_size
						 : x->config.console_size_raw,
					 &height, &width);
	if (!body.detach)
		return start_attached(call, x, &body, height, width, e);
	if (exec_start(x, body.tty, height, width, NULL, e) < 0)
		return err_code(e);
	return reply_empty(call, 200);
}
