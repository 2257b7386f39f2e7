/* SPDX-License-Identifier: Apache-2.0 */
#include "api/containers/containers.h"

#include "api/router/reply.h"
#include "runtime/container/container.h"

/*
 * POST /containers/{name}/wait. The head is flushed before the wait: clients start the container
 * only after they have seen it.
 */
int api_containers_wait(struct call *call, struct err *e)
{
	CLEANUP(container_unrefp) struct container *c = NULL;
	enum wait_condition cond = WAIT_NOT_RUNNING;
	struct container_waiter waiter;
	struct json_writer w;
	struct buf out;
	char error[256];
	int r, code;

	if (call->api_minor >= 30 &&
	    wait_condition_parse(str_from(query_text(call, "condition")), &cond, e) < 0)
		return err_code(e);
	if (container_lookup(call->eng, call->params[0], &c, e) < 0)
		return err_code(e);
	container_wait_begin(&waiter, c, cond);
	r = http_stream_begin(call->http, 200, "application/json");
	if (r == 0)
		r = http_stream_flush(call->http);
	if (r < 0) {
		container_unref(waiter.c);
		return err_sys(e, -r, "answering a wait");
	}
	r = container_wait_finish(&waiter, &code, error);
	if (r < 0)
		return err_sys(e, -r, "waiting for container %s", c->id);
	reply_begin(call, &out, &w);
	json_object_open(&w);
	json_kv_i64(&w, "StatusCode", code);
	if (!*error && call->api_minor < 42) { /* which always had it */
		json_key(&w, "Error");
		json_put_null(&w);
	}
	if (*error) {
		json_key(&w, "Error");
		json_object_open(&w);
		json_kv_text(&w, "Message", error);
		json_object_close(&w);
	}
	json_object_close(&w);
	buf_putc(&out, '\n');
	r = http_stream_write(call->http, buf_text(&out), out.n);
	return r < 0 ? err_sys(e, -r, "answering a wait") : http_stream_end(call->http);
}
