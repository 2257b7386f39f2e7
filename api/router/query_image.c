/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the verbs that make images have in common in their queries.
 */
#include "api/router/reply.h"
#include "runtime/image/reference.h"

int query_repo_tag(struct call *call, const char **ret, struct err *e)
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

int query_texts(struct call *call, const char *key, struct texts *ret, struct err *e)
{
	struct texts list = {.set = true};
	struct str text;

	for (size_t i = 0;; i++) {
		if (http_query_get(call->http->query, key, i, call->a, &text) < 0)
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
