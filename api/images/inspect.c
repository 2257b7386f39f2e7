/* SPDX-License-Identifier: Apache-2.0 */
#include "api/images/images.h"

#include "api/router/reply.h"
#include "api/shape/image.h"

/* GET /images/{name}/json */
int api_images_inspect(struct call *call, struct err *e)
{
	CLEANUP(image_unrefp) struct image *img = NULL;
	struct json_writer w;
	struct buf out;

	if (image_lookup(call->eng->images, call->params[0], &img, e) < 0)
		return err_code(e);
	reply_begin(call, &out, &w);
	shape_image_inspect(call->eng->images, img, &w, call->a, call->api_minor);
	return reply_json(call, 200, &out, e);
}
