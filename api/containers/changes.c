/* SPDX-License-Identifier: Apache-2.0 */
#include "api/containers/containers.h"

#include "api/router/reply.h"
#include "runtime/container/look.h"

/* GET /containers/{name}/changes: null when there are none. */
int api_containers_changes(struct call *call, struct err *e)
{
	CLEANUP(container_unrefp) struct container *c = NULL;
	struct change *list;
	struct json_writer w;
	struct buf out;
	size_t n;

	if (container_lookup(call->eng, call->params[0], &c, e) < 0 ||
	    container_changes(c, call->a, &list, &n, e) < 0)
		return err_code(e);
	reply_begin(call, &out, &w);
	if (!n)
		json_put_null(&w);
	else
		json_array_open(&w);
	for (size_t i = 0; i < n; i++) {
		json_object_open(&w);
		json_kv_text(&w, "Path", list[i].path);
		json_kv_i64(&w, "Kind", list[i].kind);
		json_object_close(&w);
	}
	if (n)
		json_array_close(&w);
	return reply_json(call, 200, &out, e);
}
