/* SPDX-License-Identifier: Apache-2.0 */
#include "api/images/images.h"

#include "api/router/list_reply.h"
#include "api/router/reply.h"
#include "api/shape/image.h"
#include "firmware/fmt/pattern.h"

static const char *const filter_keys[] = {"before", "dangling", "label", "reference",
					  "since",  "until",	NULL};

struct list_query {
	struct filters filters;
	bool all;
	struct image *before, *since; /* referenced */
	struct pattern **references;
	size_t n_references;
	int64_t until_ns;
	struct name_filter names; /* shown are those that were asked for */
};

/* A pattern matches the familiar name, with or without its tag or digest. */
static bool name_matches(const struct name_filter *f, const char *name)
{
	const struct list_query *q = container_of(f, struct list_query, names);
	struct str whole = str_from(name), bare = whole;
	ptrdiff_t colon = str_rfind(whole, ':'), slash = str_rfind(whole, '/');
	ptrdiff_t at = str_find(whole, '@');

	if (at >= 0)
		bare.n = (size_t)at;
	else if (colon > slash)
		bare.n = (size_t)colon;
	for (size_t i = 0; i < q->n_references; i++)
		if (pattern_match(q->references[i], whole) || pattern_match(q->references[i], bare))
			return true;
	return false;
}

static bool reference_matches(const struct list_query *q, const struct texts *tags,
			      const struct texts *digests)
{
	for (size_t i = 0; q->n_references && i < tags->n; i++)
		if (name_matches(&q->names, tags->items[i]))
			return true;
	for (size_t i = 0; q->n_references && i < digests->n; i++)
		if (name_matches(&q->names, digests->items[i]))
			return true;
	return !q->n_references;
}

static int read_references(struct call *call, struct list_query *q, struct err *e)
{
	const struct texts *values = filters_get(&q->filters, "reference");

	q->references = arena_alloc_array(call->a, values->n, sizeof(*q->references));
	for (size_t i = 0; q->references && i < values->n; i++) {
		int r = pattern_compile_glob(str_from(values->items[i]), call->a,
					     &q->references[i]);

		if (r == -EINVAL)
			return err_set(e, ERR_INVALID, "invalid filter 'reference=[%s]'",
				       values->items[i]);
		if (r < 0)
			return err_set(e, ERR_UNAVAILABLE, "no memory");
	}
	q->n_references = values->n;
	return q->references ? 0 : err_set(e, ERR_UNAVAILABLE, "no memory");
}

static bool dangling_matches(const struct filters *f, bool is_dangling, bool *ret_bad)
{
	const struct texts *values = filters_get(f, "dangling");

	*ret_bad = false;
	for (size_t i = 0; i < values->n; i++) {
		bool yes = !strcmp(values->items[i], "true") || !strcmp(values->items[i], "1");

		*ret_bad |=
			!yes && strcmp(values->items[i], "false") && strcmp(values->items[i], "0");
		if (yes == is_dangling)
			return true;
	}
	return !values->n;
}

static bool wanted(struct call *call, struct list_query *q, struct image *img)
{
	struct texts tags = {0}, digests = {0};
	bool bad;

	if (img->gone || image_names(call->eng->images, img, call->a, &tags, &digests) < 0)
		return false;
	/* Steps on the way to others; nameless ones with children are not dangling either. */
	if (!tags.n && !digests.n && img->children &&
	    (!q->all || filters_get(&q->filters, "dangling")->n))
		return false;
	if ((q->before && img->created_ns >= q->before->created_ns) ||
	    (q->since && img->created_ns <= q->since->created_ns) ||
	    (q->until_ns && img->created_ns >= q->until_ns))
		return false;
	return dangling_matches(&q->filters, !tags.n && !digests.n, &bad) &&
	       filters_labels(&q->filters, "label", &img->spec.config.labels) &&
	       reference_matches(q, &tags, &digests);
}

static int read_query(struct call *call, struct list_query *q, struct err *e)
{
	const struct texts *values;
	bool bad;

	if (filters_read(call, filter_keys, &q->filters, e) < 0)
		return err_code(e);
	(void)dangling_matches(&q->filters, false, &bad);
	if (bad)
		return err_set(e, ERR_INVALID, "invalid filter 'dangling=[%s]'",
			       filters_get(&q->filters, "dangling")->items[0]);
	values = filters_get(&q->filters, "before");
	if (values->n && image_lookup(call->eng->images, values->items[0], &q->before, e) < 0)
		return err_code(e);
	values = filters_get(&q->filters, "since");
	if (values->n && image_lookup(call->eng->images, values->items[0], &q->since, e) < 0)
		return err_code(e);
	values = filters_get(&q->filters, "until");
	if (values->n &&
	    clock_parse_query(str_from(values->items[0]), clock_wall(), &q->until_ns) < 0)
		return err_set(e, ERR_INVALID, "invalid filter 'until=[%s]'", values->items[0]);
	return read_references(call, q, e);
}

static int put_all(struct call *call, struct list_query *q, struct image **all, size_t n,
		   struct err *e) FIBER_FN
{
	struct list_reply list;
	int r = list_reply_begin(&list, call, "[");

	for (size_t i = 0; r == 0 && i < n; i++) {
		if (!wanted(call, q, all[i]))
			continue;
		shape_image_summary(call->eng->images, all[i], q->n_references ? &q->names : NULL,
				    list_reply_item(&list), call->a, call->api_minor);
		r = list_reply_send(&list);
	}
	return list_reply_end(&list, r, "]\n", e);
}

/* GET /images/json */
int api_images_list(struct call *call, struct err *e)
{
	struct list_query *q = arena_alloc(call->a, sizeof(*q));
	struct image **all;
	size_t n = 0;
	int r;

	if (!q)
		return err_set(e, ERR_UNAVAILABLE, "no memory");
	q->names.keep = name_matches;
	q->all = query_bool(call, "all", false);
	r = read_query(call, q, e);
	if (r == 0)
		r = image_list(call->eng->images, call->a, &all, &n, e);
	if (r == 0) {
		r = put_all(call, q, all, n, e);
		for (size_t i = 0; i < n; i++)
			image_unref(all[i]);
	}
	image_unref(q->before);
	image_unref(q->since);
	return r;
}
