/* SPDX-License-Identifier: Apache-2.0 */
#include "api/containers/containers.h"

#include "api/router/reply.h"
#include "runtime/container/look.h"

static void put_texts(struct json_writer *w, const struct texts *t)
{
	json_array_open(w);
	for (size_t i = 0; i < t->n; i++)
		json_put_text(w, t->items[i]);
	json_array_close(w);
}

/* GET /containers/{name}/top */
int api_containers_top(struct call *call, struct err *e)
{
	CLEANUP(container_unrefp) struct container *c = NULL;
	const char *args = query_text(call, "ps_args");
	struct json_writer w;
	struct buf out;
	struct top top;

	if (container_lookup(call->eng, call->params[0], &c, e) < 0 ||
	    container_top(c, *args ? args : "-ef", call->a, &top, e) < 0)
		return err_code(e);
	reply_begin(call, &out, &w);
	json_object_open(&w);
	json_key(&w, "Processes");
	json_array_open(&w);
	for (size_t i = 0; i < top.n; i++)
		put_texts(&w, &top.rows[i]);
	json_array_close(&w);
	json_key(&w, "Titles");
	put_texts(&w, &top.titles);
	json_object_close(&w);
	return reply_json(call, 200, &out, e);
}
