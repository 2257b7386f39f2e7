/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HEAD, GET and PUT /containers/{name}/archive, and GET …/export. The streams are written and read
 * by the jobs that do the work.
 */
#include "api/containers/containers.h"

#include "api/router/coding.h"
#include "api/router/reply.h"
#include "api/shape/text.h"
#include "firmware/fmt/base64.h"
#include "firmware/fmt/deflate.h"
#include "runtime/container/look.h"

#define STAT_HEADER "X-Docker-Container-Path-Stat"
#define STAT_MAX (32u << 10)
#define TYPE_TAR "application/x-tar"

static int add_stat_header(struct call *call, const struct path_stat *st, struct err *e)
{
	struct buf json, text;
	struct json_writer w;

	buf_init(&json, call->a, STAT_MAX);
	json_begin(&w, &json);
	json_object_open(&w);
	json_kv_text(&w, "name", st->name);
	json_kv_i64(&w, "size", st->size);
	json_kv_i64(&w, "mode", st->mode);
	text_kv_time(&w, "mtime", st->mtime_ns);
	json_kv_text(&w, "linkTarget", st->link_target);
	json_object_close(&w);
	buf_init(&text, call->a, 2 * STAT_MAX);
	base64_encode(&text, json.p, json.n);
	if (json.failed || text.failed ||
	    http_add_header(call->http, STAT_HEADER, buf_text(&text)) < 0)
		return err_set(e, ERR_UNAVAILABLE, "no memory for the reply");
	return 0;
}

static int archive_path(struct call *call, const char **ret, struct err *e)
{
	*ret = query_text(call, "path");
	/* The engine's words. */
	return **ret ? 0 : err_set(e, ERR_INVALID, "bad parameter: pathcannot be empty");
}

/* HEAD /containers/{name}/archive */
int api_containers_archive_stat(struct call *call, struct err *e)
{
	CLEANUP(container_unrefp) struct container *c = NULL;
	struct path_stat st;
	const char *path;

	if (archive_path(call, &path, e) < 0 ||
	    container_lookup(call->eng, call->params[0], &c, e) < 0 ||
	    container_archive_stat(c, call->params[0], path, call->a, &st, e) < 0 ||
	    add_stat_header(call, &st, e) < 0)
		return err_code(e);
	return http_reply(call->http, 200, NULL, STR(""));
}

struct reply_sink {
	struct look_sink sink;
	struct call *call;
	const char *type;
	enum coding coding;
	struct deflate *deflate;
};

static int begin_reply(struct look_sink *sink, struct job *job, struct writer **ret, struct err *e)
	FIBER_FN
{
	struct reply_sink *s = container_of(sink, struct reply_sink, sink);
	int r;

	if (sink->stat && add_stat_header(s->call, sink->stat, e) < 0)
		return err_code(e);
	if (s->coding &&
	    http_add_header(s->call->http, "Content-Encoding", coding_name(s->coding)) < 0)
		return err_set(e, ERR_UNAVAILABLE, "no memory for the reply");
	r = http_stream_begin(s->call->http, 200, s->type);
	if (r < 0)
		return err_sys(e, -r, "sending an archive");
	r = http_stream_begin_blocking(s->call->http, job, ret, e);
	if (r < 0 || !s->coding)
		return r;
	r = deflate_open(&s->deflate, *ret, s->coding == CODING_GZIP ? DEFLATE_GZIP : DEFLATE_ZLIB,
			 e);
	if (r < 0)
		http_stream_end_blocking(s->call->http);
	else
		*ret = deflate_writer(s->deflate);
	return r;
}

static int finish_reply(struct look_sink *sink, struct err *e)
{
	struct reply_sink *s = container_of(sink, struct reply_sink, sink);

	return s->deflate ? deflate_finish(s->deflate, e) : 0;
}

static void end_reply(struct look_sink *sink)
{
	struct reply_sink *s = container_of(sink, struct reply_sink, sink);

	deflate_free(TAKE_PTR(s->deflate));
	http_stream_end_blocking(s->call->http);
}

/* GET /containers/{name}/archive */
int api_containers_archive_get(struct call *call, struct err *e)
{
	CLEANUP(container_unrefp) struct container *c = NULL;
	struct reply_sink out = {
		.sink = {begin_reply, finish_reply, end_reply, NULL},
		.call = call,
		.type = TYPE_TAR,
		.coding = coding_choose(http_get_header(&call->http->head, "Accept-Encoding")),
	};
	const char *path;

	if (archive_path(call, &path, e) < 0 ||
	    container_lookup(call->eng, call->params[0], &c, e) < 0 ||
	    container_archive_get(c, call->params[0], path, call->a, &out.sink, e) < 0)
		return err_code(e);
	return http_stream_end(call->http);
}

/* GET /containers/{name}/export */
int api_containers_export(struct call *call, struct err *e)
{
	CLEANUP(container_unrefp) struct container *c = NULL;
	struct reply_sink out = {.sink = {begin_reply, NULL, end_reply, NULL},
				 .call = call,
				 .type = "application/octet-stream"};

	if (container_lookup(call->eng, call->params[0], &c, e) < 0 ||
	    container_export(c, call->a, &out.sink, e) < 0)
		return err_code(e);
	return http_stream_end(call->http);
}

struct body_source {
	struct look_source source;
	struct http_request *http;
};

static int begin_body(struct look_source *source, struct job *job, struct reader **ret,
		      struct err *e) FIBER_FN
{
	struct body_source *b = container_of(source, struct body_source, source);

	return http_body_begin_blocking(b->http, job, ret, e);
}

static void end_body(struct look_source *source)
{
	http_body_end_blocking(container_of(source, struct body_source, source)->http);
}

/* PUT /containers/{name}/archive */
int api_containers_archive_put(struct call *call, struct err *e)
{
	CLEANUP(container_unrefp) struct container *c = NULL;
	struct body_source body = {{begin_body, end_body}, call->http};
	struct archive_put in = {
		.no_overwrite_dir_nondir = query_bool(call, "noOverwriteDirNonDir", false),
		.copy_uid_gid = query_bool(call, "copyUIDGID", false),
	};

	if (archive_path(call, &in.path, e) < 0 ||
	    container_lookup(call->eng, call->params[0], &c, e) < 0 ||
	    container_archive_put(c, call->params[0], &in, call->a, &body.source, e) < 0)
		return err_code(e);
	return reply_empty(call, 200);
}
