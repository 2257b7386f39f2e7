/* SPDX-License-Identifier: Apache-2.0 */
#include "api/images/images.h"

#include "api/images/progress.h"
#include "api/router/reply.h"

struct body_source {
	struct image_source source;
	struct http_request *http;
};

static int begin_body(struct image_source *src, struct job *job, struct reader **ret, struct err *e)
	FIBER_FN
{
	struct body_source *b = container_of(src, struct body_source, source);

	return http_body_begin_blocking(b->http, job, ret, e);
}

static void end_body(struct image_source *src)
{
	http_body_end_blocking(container_of(src, struct body_source, source)->http);
}

/* POST /images/load. Errors are told in the stream, as the engine does. */
int api_images_load(struct call *call, struct err *e)
{
	struct body_source body = {.source = {begin_body, end_body}, .http = call->http};
	struct progress_out out;
	int r;

	progress_out_init(&out, call);
	out.quiet = query_bool(call, "quiet", false);
	if (!http_has_body(call->http))
		return err_set(e, ERR_INVALID, "invalid archive: the request has no body");
	r = image_load(call->eng->images, &body.source, &out.sink, e);
	if (r < 0 && e->kind != ERR_CANCELLED && progress_out_begin(&out) < 0)
		return err_code(e);
	return progress_out_finish(&out, r, e);
}
