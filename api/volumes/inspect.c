/* SPDX-License-Identifier: Apache-2.0 */
#include "api/volumes/volumes.h"

#include "api/router/reply.h"
#include "api/shape/text.h"

static void put_map(struct json_writer *w, const char *key, const struct text_map *map)
{
	if (!map->n) {
		json_kv_null(w, key);
		return;
	}
	json_key(w, key);
	json_object_open(w);
	for (size_t i = 0; i < map->n; i++)
		json_kv_text(w, map->items[i].key, map->items[i].value);
	json_object_close(w);
}

void shape_volume(const struct volume *v, const struct volume_usage *usage, struct json_writer *w)
{
	json_object_open(w);
	text_kv_time(w, "CreatedAt", v->created_ns);
	json_kv_text(w, "Driver", VOLUME_DRIVER);
	put_map(w, "Labels", &v->labels);
	json_kv_text(w, "Mountpoint", v->mountpoint);
	json_kv_text(w, "Name", v->name);
	put_map(w, "Options", &v->options);
	json_kv_text(w, "Scope", "local");
	if (usage) {
		json_key(w, "UsageData");
		json_object_open(w);
		json_kv_i64(w, "RefCount", usage->users);
		json_kv_i64(w, "Size", usage->size);
		json_object_close(w);
	}
	json_object_close(w);
}

/* GET /volumes/{name} */
int api_volumes_inspect(struct call *call, struct err *e)
{
	CLEANUP(volume_unrefp) struct volume *v = NULL;
	struct json_writer w;
	struct buf out;

	if (volume_lookup(call->eng->volumes, call->params[0], &v, e) < 0)
		return err_code(e);
	reply_begin(call, &out, &w);
	shape_volume(v, NULL, &w);
	return reply_json(call, 200, &out, e);
}

/* PUT /volumes/{name} */
int api_volumes_update(struct call *call, struct err *e)
{
	(void)e;
	return reply_message(
		call->http, 503,
		"volume update only valid for cluster volumes, but swarm is unavailable");
}
