/* SPDX-License-Identifier: Apache-2.0 */
#include "api/containers/containers.h"

#include "api/router/reply.h"
#include "runtime/container/container.h"

/* The body is optional, and so is what is in it: null and {} mean the container's own. */
static int read_config(struct call *call, const struct container_config **ret, struct err *e)
	FIBER_FN
{
	struct container_config *config;
	struct json_node body;

	*ret = NULL;
	if (body_json(call, true, &body, e) < 0)
		return err_code(e);
	if (json_type(body) == JSON_NONE || json_type(body) == JSON_NULL ||
	    (json_type(body) == JSON_OBJECT && !json_count(body)))
		return 0;
	config = arena_alloc(call->a, sizeof(*config));
	if (!config)
		return err_set(e, ERR_UNAVAILABLE, "no memory for the request");
	if (shape_decode(&shape_container_config, body, call->a, config, e) < 0)
		return e->kind == ERR_INVALID ? err_wrap(e, "invalid JSON") : err_code(e);
	*ret = config;
	return 0;
}

/* POST /commit */
int api_containers_commit(struct call *call, struct err *e)
{
	CLEANUP(container_unrefp) struct container *c = NULL;
	CLEANUP(image_unrefp) struct image *img = NULL;
	struct container_commit in = {.author = query_text(call, "author"),
				      .comment = query_text(call, "comment"),
				      .a = call->a};
	struct json_writer w;
	struct buf out;
	int r;

	in.pause = !*query_text(call, "pause") || query_bool(call, "pause", true);
	if (read_config(call, &in.config, e) < 0 || query_repo_tag(call, &in.name, e) < 0 ||
	    query_texts(call, "changes", &in.changes, e) < 0 ||
	    container_lookup(call->eng, query_text(call, "container"), &c, e) < 0)
		return err_code(e);
	http_watch_client(call->http, true);
	r = container_commit(c, &in, &img, e);
	http_watch_client(call->http, false);
	if (r < 0)
		return r;
	reply_begin(call, &out, &w);
	json_object_open(&w);
	json_kv_text(&w, "Id", img->id.text);
	json_object_close(&w);
	return reply_json(call, 201, &out, e);
}
