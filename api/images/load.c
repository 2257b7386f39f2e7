/* SPDX-License-Identifier: Apache-2.0 */
#include "api/images/body_source.h"
#include "api/images/images.h"
#include "api/images/progress.h"
#include "api/router/reply.h"

/* POST /images/load. Errors are told in the stream, as the engine does. */
int api_images_load(struct call *call, struct err *e)
{
	struct body_source body;
	struct progress_out out;
	int r;

	body_source_init(&body, call->http);
	progress_out_init(&out, call);
	out.quiet = query_bool(call, "quiet", true);
	r = http_has_body(call->http)
		    ? image_load(call->eng->images, &body.source, &out.sink, e)
		    : err_set(e, ERR_INVALID, "no image archive: the request has no body");
	if (r < 0 && e->kind != ERR_CANCELLED && progress_out_begin(&out) < 0)
		return err_code(e);
	return progress_out_finish(&out, r, e);
}
