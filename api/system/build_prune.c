/* SPDX-License-Identifier: Apache-2.0 */
#include "api/router/prune.h"
#include "api/system/system.h"

/*
 * POST /build/prune: nothing is built here so far, so the cache is empty, as /system/df says too;
 * `docker system prune` asks for it among the rest.
 */
int api_system_build_prune(struct call *call, struct err *e)
{
	static const char *const keys[] = {"id",	 "parent", "type",   "description",
					   "inuse",	 "until",  "shared", "private",
					   "unused-for", "label",  "label!", NULL};
	struct prune_filter *f = arena_alloc(call->a, sizeof(*f));
	struct json_writer w;
	struct buf out;

	if (!f)
		return err_set(e, ERR_UNAVAILABLE, "no memory");
	if (prune_filter_read(call, keys, f, e) < 0)
		return err_code(e);
	reply_begin(call, &out, &w);
	json_object_open(&w);
	json_kv_null(&w, "CachesDeleted");
	return prune_finish(call, &out, &w, EVENT_BUILDER, 0, e);
}
