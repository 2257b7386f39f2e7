/* SPDX-License-Identifier: Apache-2.0 */
#include "api/shape/event.h"

#include "firmware/core/clock.h"

#define IMAGE_CREATE_SINCE 46

bool shape_event_is_known(const struct event *ev, unsigned api_minor)
{
	return ev->type != EVENT_IMAGE || api_minor >= IMAGE_CREATE_SINCE ||
	       strcmp(ev->action, "create") != 0;
}

static void kv_filled(struct json_writer *w, const char *key, const char *value)
{
	if (value && *value)
		json_kv_text(w, key, value);
}

/* What events looked like before they had a type; kept for containers and images. */
static void put_legacy(const struct event *ev, struct json_writer *w)
{
	if (ev->type != EVENT_CONTAINER && ev->type != EVENT_IMAGE)
		return;
	kv_filled(w, "status", ev->action);
	kv_filled(w, "id", ev->id);
	if (ev->type == EVENT_CONTAINER)
		kv_filled(w, "from", text_map_get(&ev->attributes, "image"));
}

void shape_event(const struct event *ev, struct json_writer *w)
{
	json_object_open(w);
	put_legacy(ev, w);
	json_kv_text(w, "Type", event_type_name(ev->type));
	json_kv_text(w, "Action", ev->action);
	json_key(w, "Actor");
	json_object_open(w);
	json_kv_text(w, "ID", ev->id);
	json_key(w, "Attributes");
	json_object_open(w);
	for (size_t i = 0; i < ev->attributes.n; i++)
		json_kv_text(w, ev->attributes.items[i].key, ev->attributes.items[i].value);
	json_object_close(w);
	json_object_close(w);
	json_kv_text(w, "scope", "local");
	json_kv_i64(w, "time", ev->time_ns / NSEC_PER_SEC);
	json_kv_i64(w, "timeNano", ev->time_ns);
	json_object_close(w);
}
