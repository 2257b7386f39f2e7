/* SPDX-License-Identifier: Apache-2.0 */
#include "api/images/images.h"

#include "api/images/progress.h"
#include "api/router/reply.h"

/* POST /images/create: pull (fromImage), or import (fromSrc, import.c). */
int api_images_create(struct call *call, struct err *e)
{
	const char *image = query_text(call, "fromImage"), *tag = query_text(call, "tag");
	const char *platform = query_text(call, "platform");
	struct reference ref;
	struct registry_auth auth = {0};
	struct progress_out out;
	int r;

	if (!*image)
		return *query_text(call, "fromSrc")
			       ? api_images_import(call, e)
			       : err_set(e, ERR_INVALID, "invalid reference format");
	if (reference_parse(str_from(image), &ref, e) < 0)
		return err_code(e);
	if (*tag && reference_set_tag(&ref, str_from(tag), e) < 0)
		return err_code(e);
	if (!strcmp(ref.domain, "docker.io") && !strcmp(ref.path, "library/scratch"))
		return err_set(e, ERR_FORBIDDEN, "'scratch' is a reserved name");
	registry_auth_decode(http_get_header(&call->http->head, "X-Registry-Auth"), call->a, &auth);
	progress_out_init(&out, call);
	r = image_pull(call->eng->images, &ref, *platform ? platform : NULL, &auth, &out.sink, e);
	return progress_out_finish(&out, r, e);
}
