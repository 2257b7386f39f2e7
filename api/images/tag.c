/* SPDX-License-Identifier: Apache-2.0 */
#include "api/images/images.h"

#include "api/router/reply.h"
#include "runtime/image/image.h"

/* POST /images/{name}/tag?repo=&tag= */
int api_images_tag(struct call *call, struct err *e)
{
	CLEANUP(image_unrefp) struct image *img = NULL;
	const char *repo = query_text(call, "repo"), *tag = query_text(call, "tag");
	struct reference ref;

	if (reference_parse(str_from(repo), &ref, e) < 0)
		return err_code(e);
	if (ref.digest.text[0])
		return err_set(e, ERR_INVALID, "cannot tag an image by digest");
	if (strchr(tag, ':'))
		return err_set(e, ERR_INVALID, "invalid tag format");
	if (*tag && reference_set_tag(&ref, str_from(tag), e) < 0)
		return err_code(e);
	reference_default_tag(&ref);
	if (image_lookup(call->eng->images, call->params[0], &img, e) < 0 ||
	    image_tag(call->eng->images, img, &ref, e) < 0)
		return err_code(e);
	return reply_empty(call, 201);
}
