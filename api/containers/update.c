/* SPDX-License-Identifier: Apache-2.0 */
#include "api/containers/containers.h"

#include "api/router/reply.h"
#include "runtime/container/look.h"

/* POST /containers/{name}/update: Resources and RestartPolicy, as HostConfig has them. */
int api_containers_update(struct call *call, struct err *e)
{
	CLEANUP(container_unrefp) struct container *c = NULL;
	struct host_config *h = arena_alloc(call->a, sizeof(*h));
	struct texts warnings = {0};
	struct json_node body;
	struct json_writer w;
	struct buf out;

	if (!h)
		return err_set(e, ERR_UNAVAILABLE, "no memory");
	if (body_json(call, true, &body, e) < 0)
		return err_code(e);
	if (shape_decode(&shape_host_config, body, call->a, h, e) < 0)
		return err_wrap(e, "invalid JSON");
	if (call->api_minor < 40)
		h->pids_limit = (struct opt_i64){0};
	if (container_lookup(call->eng, call->params[0], &c, e) < 0 ||
	    container_update(c, h, call->a, &warnings, e) < 0)
		return err_code(e);
	reply_begin(call, &out, &w);
	json_object_open(&w);
	json_key(&w, "Warnings");
	if (!warnings.n) {
		json_put_null(&w);
	} else {
		json_array_open(&w);
		for (size_t i = 0; i < warnings.n; i++)
			json_put_text(&w, warnings.items[i]);
		json_array_close(&w);
	}
	json_object_close(&w);
	return reply_json(call, 200, &out, e);
}
