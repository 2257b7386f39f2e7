/* SPDX-License-Identifier: Apache-2.0 */
#include "api/images/images.h"

#include "api/router/reply.h"
#include "runtime/image/image.h"

/* DELETE /images/{name} */
int api_images_remove(struct call *call, struct err *e)
{
	struct image_removed *done;
	struct json_writer w;
	struct buf out;
	size_t n;

	if (image_remove(call->eng->images, call->params[0], query_bool(call, "force", false),
			 query_bool(call, "noprune", false), call->a, &done, &n, e) < 0)
		return err_code(e);
	reply_begin(call, &out, &w);
	json_array_open(&w);
	for (size_t i = 0; i < n; i++) {
		json_object_open(&w);
		json_kv_text(&w, done[i].deleted ? "Deleted" : "Untagged", done[i].what);
		json_object_close(&w);
	}
	json_array_close(&w);
	return reply_json(call, 200, &out, e);
}
