/* SPDX-License-Identifier: Apache-2.0 */
#include "api/containers/containers.h"

#include "api/router/reply.h"
#include "runtime/container/container.h"

static void put_reply(struct call *call, const struct container *c, const struct texts *warnings,
		      struct buf *out)
{
	struct json_writer w;

	reply_begin(call, out, &w);
	json_object_open(&w);
	json_kv_text(&w, "Id", c->id);
	json_key(&w, "Warnings");
	json_array_open(&w);
	for (size_t i = 0; i < warnings->n; i++)
		json_put_text(&w, warnings->items[i]);
	json_array_close(&w);
	json_object_close(&w);
}

static int hear_nothing(struct progress_sink *sink, const struct progress *p) FIBER_FN
{
	(void)sink;
	(void)p;
	return 0;
}

/* With --auto-pull an image that is missing is fetched; what cannot be is told by the create. */
static int pull_missing(struct call *call, const char *image, const char *platform, struct err *e)
	FIBER_FN
{
	CLEANUP(image_unrefp) struct image *there = NULL;
	struct progress_sink silent = {hear_nothing};
	struct registry_auth auth = {0};
	struct reference ref;
	int r;

	if (!call->eng->opt->auto_pull || !image || !*image ||
	    image_lookup(call->eng->images, image, &there, NULL) == 0 ||
	    reference_parse(str_from(image), &ref, NULL) < 0)
		return 0;
	reference_default_tag(&ref);
	registry_auth_decode(http_get_header(&call->http->head, "X-Registry-Auth"), call->a, &auth);
	http_watch_client(call->http, true);
	r = image_pull(call->eng->images, &ref, platform, &auth, &silent, e);
	http_watch_client(call->http, false);
	return r;
}

/* POST /containers/create */
int api_containers_create(struct call *call, struct err *e)
{
	CLEANUP(container_unrefp) struct container *c = NULL;
	struct create_request *req = arena_alloc(call->a, sizeof(*req));
	struct container_create in = {.req = req, .api_minor = call->api_minor, .a = call->a};
	const char *name = query_text(call, "name"), *platform = query_text(call, "platform");
	struct texts warnings = {0};
	struct json_node body;
	struct buf out;

	if (!req)
		return err_set(e, ERR_UNAVAILABLE, "no memory for the request");
	if (body_json(call, false, &body, e) < 0)
		return err_code(e);
	if (create_request_decode(body, call->a, req, e) < 0)
		return e->kind == ERR_INVALID ? err_wrap(e, "invalid JSON") : err_code(e);
	if (!create_request_has_config(body))
		return err_set(e, ERR_INVALID,
			       "config cannot be empty in order to create a container");
	in.name = *name ? name : NULL;
	in.platform = call->api_minor >= 41 && *platform ? platform : NULL;
	if (pull_missing(call, req->config.image, in.platform, e) < 0)
		return err_code(e);
	if (container_create(call->eng, &in, &c, &warnings, e) < 0)
		return err_code(e);
	put_reply(call, c, &warnings, &out);
	return reply_json(call, 201, &out, e);
}
