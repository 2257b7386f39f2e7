/* SPDX-License-Identifier: Apache-2.0 */
#include "api/router/prune.h"

int prune_filter_read(struct call *call, const char *const *allowed, struct prune_filter *ret,
		      struct err *e)
{
	const struct texts *until;

	ret->until_ns = INT64_MAX;
	if (filters_read(call, allowed, &ret->filters, e) < 0)
		return err_code(e);
	until = filters_get(&ret->filters, "until");
	if (until->n > 1)
		return err_set(e, ERR_INVALID, "more than one until filter specified");
	if (until->n &&
	    clock_parse_query(str_from(until->items[0]), clock_wall(), &ret->until_ns) < 0)
		return err_set(e, ERR_INVALID, "invalid filter 'until=[%s]'", until->items[0]);
	return 0;
}

bool prune_filter_wants(const struct prune_filter *f, int64_t created_ns,
			const struct text_map *labels)
{
	if (created_ns > f->until_ns || !filters_labels(&f->filters, "label", labels))
		return false;
	return !filters_get(&f->filters, "label!")->n ||
	       !filters_labels(&f->filters, "label!", labels);
}

void prune_put_list(struct json_writer *w, const char *key, const struct texts *list)
{
	json_key(w, key);
	if (!list->n) {
		json_put_null(w);
		return;
	}
	json_array_open(w);
	for (size_t i = 0; i < list->n; i++)
		json_put_text(w, list->items[i]);
	json_array_close(w);
}

int prune_finish(struct call *call, struct buf *out, struct json_writer *w, enum event_type type,
		 uint64_t reclaimed, struct err *e)
{
	char text[24];

	json_key(w, "SpaceReclaimed");
	json_put_u64(w, reclaimed);
	json_object_close(w);
	text_format(text, sizeof(text), "%llu", (unsigned long long)reclaimed);
	event_publish_one(call->eng->events, type, "prune", "", "reclaimed", text);
	return reply_json(call, 200, out, e);
}
