/* SPDX-License-Identifier: Apache-2.0 */
#include "api/router/reply.h"

#include <errno.h>

static const int status_of_kind[] = {
	[ERR_NONE] = 500,	  [ERR_INVALID] = 400,	 [ERR_UNAUTHORIZED] = 401,
	[ERR_FORBIDDEN] = 403,	  [ERR_NOT_FOUND] = 404, [ERR_CONFLICT] = 409,
	[ERR_NOT_MODIFIED] = 304, [ERR_TOO_LARGE] = 413, [ERR_NOT_IMPLEMENTED] = 501,
	[ERR_UNAVAILABLE] = 503,  [ERR_TIMEOUT] = 500,	 [ERR_CANCELLED] = 500,
	[ERR_SYSTEM] = 500,
};

int reply_status(const struct err *e)
{
	return status_of_kind[e->kind];
}

int reply_message(struct http_request *req, int status, const char *message)
{
	struct json_writer w;
	struct buf out;

	buf_init(&out, req->arena, 8192);
	json_begin(&w, &out);
	json_object_open(&w);
	json_kv_text(&w, "message", message);
	json_object_close(&w);
	buf_putc(&out, '\n');
	return http_reply(req, status, "application/json", buf_str(&out));
}

int reply_error(struct http_request *req, const struct err *e)
{
	int status = reply_status(e);

	if (status == 304)
		return http_reply(req, 304, NULL, STR(""));
	if (status == 503 && http_add_header(req, "Retry-After", "1") < 0)
		status = 500;
	return reply_message(req, status, e->msg);
}

void reply_begin(struct call *call, struct buf *out, struct json_writer *w)
{
	buf_init(out, call->a, JSON_REPLY_MAX);
	json_begin(w, out);
}

int reply_json(struct call *call, int status, struct buf *out, struct err *e)
{
	buf_putc(out, '\n');
	if (out->failed)
		return err_set(e, ERR_UNAVAILABLE,
			       "the reply is larger than the memory set aside for it");
	return http_reply(call->http, status, "application/json", buf_str(out));
}

int reply_empty(struct call *call, int status)
{
	return http_reply(call->http, status, NULL, STR(""));
}

static bool is_json_type(struct str type)
{
	struct str params, media = str_cut(type, ';', &params);

	return str_ieqz(str_trim(media), "application/json");
}

int body_json(struct call *call, bool optional, struct json_node *ret, struct err *e)
{
	struct str type = http_get_header(&call->http->head, "Content-Type");

	*ret = (struct json_node){0};
	if (!is_json_type(type) && (type.n || http_has_body(call->http)))
		return err_set(e, ERR_INVALID,
			       "unsupported Content-Type header (" STR_FMT
			       "): must be 'application/json'",
			       STR_ARG(type));
	return body_json_untyped(call, optional, ret, e);
}

int body_json_untyped(struct call *call, bool optional, struct json_node *ret, struct err *e)
{
	struct str body;
	int r;

	*ret = (struct json_node){0};
	if (!http_has_body(call->http))
		return optional ? 0
				: err_set(e, ERR_INVALID,
					  "invalid JSON: got EOF while reading request body");
	r = http_read_body_all(call->http, JSON_BODY_MAX, &body, e);
	if (r < 0)
		return r;
	if (!str_trim(body).n)
		return optional ? 0
				: err_set(e, ERR_INVALID,
					  "invalid JSON: got EOF while reading request body");
	r = json_parse(body, call->a, ret, e);
	if (r < 0 && e->kind == ERR_TOO_LARGE)
		return err_set(e, ERR_INVALID,
			       "invalid JSON: nested too deeply or too many values");
	if (r < 0 && e->kind == ERR_INVALID && strncmp(e->msg, "unexpected content after JSON", 29))
		return err_wrap(e, "invalid JSON");
	return r;
}
