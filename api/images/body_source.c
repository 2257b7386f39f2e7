/* SPDX-License-Identifier: Apache-2.0 */
#include "api/images/body_source.h"

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

void body_source_init(struct body_source *b, struct http_request *http)
{
	*b = (struct body_source){.source = {begin_body, end_body}, .http = http};
}
