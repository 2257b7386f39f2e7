/* SPDX-License-Identifier: Apache-2.0 */
#include "api/images/body_source.h"
#include "api/images/images.h"
#include "api/images/progress.h"
#include "api/router/reply.h"
#include "runtime/build/config.h"
#include "runtime/image/manifest.h"

static int read_platform(struct call *call, const struct platform **ret, struct err *e)
{
	const char *text = query_text(call, "platform");
	struct platform *platform;

	*ret = NULL;
	if (!*text || call->api_minor < 32)
		return 0;
	platform = arena_alloc(call->a, sizeof(*platform));
	if (!platform)
		return err_set(e, ERR_UNAVAILABLE, "no memory for the request");
	if (platform_parse(text, call->a, platform, e) < 0)
		return err_code(e);
	if (strcmp(platform->os, "linux"))
		return err_set(e, ERR_INVALID, "operating system is not supported");
	*ret = platform;
	return 0;
}

/* POST /images/create with fromSrc=-: the body is the tar of a root filesystem. */
int api_images_import(struct call *call, struct err *e)
{
	CLEANUP(image_unrefp) struct image *img = NULL;
	struct body_source body;
	struct container_config config = {0};
	struct image_commit what = {.config = &config};
	struct texts changes;
	struct progress_out out;
	struct progress done = {.current = -1, .total = -1};
	int r;

	if (strcmp(query_text(call, "fromSrc"), "-"))
		return err_set(e, ERR_NOT_IMPLEMENTED,
			       "importing from a URL is not supported by this engine: fetch it and "
			       "send it as the body (fromSrc=-)");
	what.comment = query_text(call, "message");
	if (!*what.comment)
		what.comment = "Imported from -";
	if (query_repo_tag(call, &what.name, e) < 0 ||
	    query_texts(call, "changes", &changes, e) < 0 ||
	    read_platform(call, &what.platform, e) < 0 ||
	    build_config_changes(&config, &changes, call->a, e) < 0)
		return err_code(e);
	body_source_init(&body, call->http);
	progress_out_init(&out, call);
	r = image_import(call->eng->images, &body.source, &what, &img, e);
	if (r < 0 && e->kind == ERR_INVALID)
		e->kind = ERR_SYSTEM; /* a bad tar is not a bad request, says the engine */
	if (r == 0) {
		done.status = img->id.text;
		if (out.sink.emit(&out.sink, &done) < 0)
			r = err_sys(e, ECONNRESET, "sending progress");
	}
	return progress_out_finish(&out, r, e);
}
