/* SPDX-License-Identifier: Apache-2.0 */
#include "api/containers/containers.h"

#include <errno.h>

#include "api/containers/log_out.h"
#include "api/router/hijack.h"
#include "api/router/reply.h"

static int replay(struct call *call, struct container *c, const struct attach_client *client,
		  struct err *e) FIBER_FN
{
	struct log_query q = {
		.want_stdout = client->want_stdout, .want_stderr = client->want_stderr, .tail = -1};
	struct log_out *s = arena_alloc(call->a, sizeof(*s));
	int r;

	if (!s)
		return err_set(e, ERR_UNAVAILABLE, "no memory");
	if (container_log_path(c, call->a, &q.path, e) < 0) {
		err_clear(e); /* nothing is kept: nothing to replay */
		return 0;
	}
	log_out_init(s, call->http, !c->config.tty);
	s->hijacked = true;
	r = log_read(&q, &s->sink, e);
	log_out_done(s);
	return r < 0 && !e->kind ? err_sys(e, -r, "replaying logs") : r;
}

static int find(struct call *call, struct container **ret, struct attach_client *client,
		struct err *e)
{
	const char *keys = query_text(call, "detachKeys");

	if (*keys &&
	    detach_keys_parse(str_from(keys), "detach", call->a, &client->detach_keys, e) < 0)
		return err_code(e);
	if (container_lookup(call->eng, call->params[0], ret, e) < 0)
		return err_code(e);
	return container_attach_check(*ret, e);
}

/* POST /containers/{name}/attach */
int api_containers_attach(struct call *call, struct err *e)
{
	CLEANUP(container_unrefp) struct container *c = NULL;
	struct attach_client *client = arena_alloc(call->a, sizeof(*client));

	if (!client)
		return err_set(e, ERR_UNAVAILABLE, "no memory");
	if (find(call, &c, client, e) < 0)
		return hijack_refuse(call, e);
	client->want_stdin = query_bool(call, "stdin", false);
	client->want_stdout = query_bool(call, "stdout", false);
	client->want_stderr = query_bool(call, "stderr", false);
	if (hijack_begin(call, !c->config.tty, "", client, e) < 0)
		return err_code(e);
	if (query_bool(call, "logs", false) && replay(call, c, client, e) < 0)
		return err_code(e);
	if (!query_bool(call, "stream", false))
		return 0;
	return container_attach(c, client, e);
}
