/* SPDX-License-Identifier: Apache-2.0 */
#include "api/containers/containers.h"

#include <errno.h>

#include "api/containers/log_out.h"
#include "api/router/hijack.h"
#include "api/router/reply.h"
#include "firmware/core/config.h"
#include "firmware/fmt/ws.h"

#define BINARY_SINCE 28	   /* websocket frames were text before */
#define SELECTION_SINCE 42 /* before, a websocket had all three streams */
#define CLOSE_TIMEOUT_MS 10000

static int replay(struct call *call, struct container *c, const struct attach_client *client,
		  struct err *e) FIBER_FN
{
	struct log_query q = {
		.want_stdout = client->want_stdout, .want_stderr = client->want_stderr, .tail = -1};
	struct log_out *s = arena_alloc(call->a, sizeof(*s));
	int r;

	if (!s)
		return err_set(e, ERR_UNAVAILABLE, "no memory");
	if (container_log_find(c, call->a, &q, e) < 0) {
		err_clear(e); /* nothing is kept: nothing to replay */
		return 0;
	}
	log_out_init(s, call->http, !c->config.tty && !client->websocket);
	s->hijacked = true;
	s->websocket = client->websocket;
	s->ws_text = client->ws_text;
	r = log_read(&q, &s->sink, e);
	log_out_done(s);
	return r < 0 && !e->kind ? err_sys(e, -r, "replaying logs") : r;
}

static int find(struct call *call, struct container **ret, struct attach_client *client,
		struct err *e) FIBER_FN
{
	const char *keys = query_text(call, "detachKeys");

	if (*keys &&
	    detach_keys_parse(str_from(keys), "detach", call->a, &client->detach_keys, e) < 0)
		return err_code(e);
	if (container_lookup(call->eng, call->params[0], ret, e) < 0)
		return err_code(e);
	/* Who wants the log alone takes no place. */
	return query_bool(call, "stream", false) ? container_attach_reserve(*ret, client, e)
						 : container_attach_check(*ret, e);
}

/* What follows the upgrade. */
static int serve(struct call *call, struct container *c, struct attach_client *client,
		 struct err *e) FIBER_FN
{
	if (query_bool(call, "logs", false) && replay(call, c, client, e) < 0)
		return err_code(e);
	if (!query_bool(call, "stream", false))
		return 0;
	return container_attach(c, client, e);
}

/* POST /containers/{name}/attach */
int api_containers_attach(struct call *call, struct err *e)
{
	CLEANUP(container_unrefp) struct container *c = NULL;
	struct attach_client *client = arena_alloc(call->a, sizeof(*client));
	int r;

	if (!client)
		return err_set(e, ERR_UNAVAILABLE, "no memory");
	if (find(call, &c, client, e) < 0)
		return hijack_refuse(call, e);
	client->want_stdin = query_bool(call, "stdin", false);
	client->want_stdout = query_bool(call, "stdout", false);
	client->want_stderr = query_bool(call, "stderr", false);
	r = hijack_begin(call, !c->config.tty, "", client, e);
	if (r == 0)
		r = serve(call, c, client, e);
	container_attach_give_up(c, client);
	return r;
}

static int refuse_handshake(struct call *call, int status, const struct err *why) FIBER_FN
{
	if (status == 426 &&
	    (http_add_header(call->http, "Sec-WebSocket-Version", WEBSOCKET_VERSION) < 0 ||
	     http_add_header(call->http, "Upgrade", "websocket") < 0))
		status = 400;
	return reply_message(call->http, status, why->msg);
}

/* The session ends while the connection is still ours: nothing came to be, or it was the log alone.
 */
static void say_close(struct call *call, unsigned code) FIBER_FN
{
	uint8_t frame[4];
	size_t n = ws_put_close(frame, code);

	/* A client that is gone already need not hear it. */
	(void)!io_write(http_hijacked_io(call->http), frame, n, clock_in_ms(CLOSE_TIMEOUT_MS));
}

/* GET /containers/{name}/attach/ws */
int api_containers_attach_ws(struct call *call, struct err *e)
{
	CLEANUP(container_unrefp) struct container *c = NULL;
	struct attach_client *client = arena_alloc(call->a, sizeof(*client));
	bool selects = call->api_minor >= SELECTION_SINCE;
	struct websocket_offer offer;
	int r, status;

	if (!CONFIG(WEBSOCKET))
		return err_set(e, ERR_NOT_IMPLEMENTED,
			       "attach over a websocket is not built in (CONFIG_WEBSOCKET)");
	if (!client)
		return err_set(e, ERR_UNAVAILABLE, "no memory");
	r = find(call, &c, client, e);
	if (r < 0)
		return r;
	status = websocket_handshake(&call->http->head, &offer, e);
	if (status) {
		container_attach_give_up(c, client);
		return refuse_handshake(call, status, e);
	}
	client->websocket = true;
	client->ws_text = call->api_minor < BINARY_SINCE;
	client->want_stdin = !selects || query_bool(call, "stdin", false);
	client->want_stdout = !selects || query_bool(call, "stdout", false);
	client->want_stderr = !selects || query_bool(call, "stderr", false);
	r = hijack_websocket(call, &offer, client, e);
	if (r == 0) {
		r = serve(call, c, client, e);
		if (!client->taken)
			say_close(call, r < 0 ? WS_CODE_FAILED : WS_CODE_NORMAL);
	}
	container_attach_give_up(c, client);
	return r;
}
