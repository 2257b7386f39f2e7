/* SPDX-License-Identifier: Apache-2.0 */
#include "api/containers/containers.h"

#include "api/router/reply.h"
#include "runtime/container/container.h"

/* repo and tag as one familiar name; NULL when there is no repo. */
static int read_name(struct call *call, const char **ret, struct err *e)
{
	const char *repo = query_text(call, "repo"), *tag = query_text(call, "tag");
	char *name = arena_alloc(call->a, REFERENCE_TEXT_MAX);
	struct reference ref;

	*ret = NULL;
	if (!*repo)
		return 0;
	if (!name)
		return err_set(e, ERR_UNAVAILABLE, "no memory");
	if (reference_parse(str_from(repo), &ref, e) < 0)
		return err_code(e);
	if (ref.digest.text[0])
		return err_set(e, ERR_INVALID, "cannot import digest reference");
	if (*tag) {
		ref.tag[0] = '\0';
		if (reference_set_tag(&ref, str_from(tag), e) < 0)
			return err_code(e);
		if (ref.digest.text[0])
			return err_set(e, ERR_INVALID, "invalid tag format");
	}
	reference_default_tag(&ref);
	reference_familiar(&ref, name);
	if (!strcmp(name, "sha256") || strz_starts(name, "sha256:"))
		return err_set(
			e, ERR_INVALID,
			"refusing to create an ambiguous tag using digest algorithm as name");
	*ret = name;
	return 0;
}

static int read_changes(struct call *call, struct texts *ret, struct err *e)
{
	struct texts list = {.set = true};
	struct str text;

	for (size_t i = 0;; i++) {
		if (http_query_get(call->http->query, "changes", i, call->a, &text) < 0)
			return err_set(e, ERR_INVALID, "invalid URL escape");
		if (!text.p)
			break;
		list.items = arena_grow(call->a, list.items, i * sizeof(*list.items),
					(i + 1) * sizeof(*list.items));
		if (!list.items || !(list.items[list.n++] = arena_strndup(call->a, text.p, text.n)))
			return err_set(e, ERR_UNAVAILABLE, "no memory for the request");
	}
	*ret = list;
	return 0;
}

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
	if (read_config(call, &in.config, e) < 0 || read_name(call, &in.name, e) < 0 ||
	    read_changes(call, &in.changes, e) < 0 ||
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
