/* SPDX-License-Identifier: Apache-2.0 */
/* What a registry says when it does not do as asked, in the engine's words. */
#include <errno.h>

#include "firmware/core/buf.h"
#include "runtime/image/registry.h"

#define ERROR_BODY_MAX (64u * 1024)

int registry_read_body(struct reader *body, size_t max, struct arena *a, struct str *ret,
		       struct err *e)
{
	struct buf b;
	ssize_t got;

	buf_init(&b, a, max + 1);
	do {
		if (buf_reserve(&b, MIN((size_t)16384, max + 1 - b.n)) < 0)
			return err_sys(e, ENOMEM, "read an answer");
		got = reader_read(body, b.p + b.n, MIN((size_t)16384, max + 1 - b.n), e);
		if (got < 0)
			return (int)got;
		b.n += (size_t)got;
		if (b.n > max)
			return err_set(e, ERR_TOO_LARGE,
				       "the registry's answer is larger than %zu bytes", max);
	} while (got > 0);
	buf_put(&b, "", 0);
	*ret = buf_str(&b);
	return 0;
}

void registry_read_error(struct http_client_response *r, struct arena *a, struct str *code,
			 struct str *message)
{
	struct json_node root, one;
	struct json_iter it = {0};
	struct str body, key;

	if (registry_read_body(&r->body, ERROR_BODY_MAX, a, &body, NULL) < 0 ||
	    json_parse(body, a, &root, NULL) < 0 ||
	    !json_next(json_get(root, "errors"), &it, a, &key, &one))
		return;
	if (json_string(json_get(one, "code"), a, code) < 0)
		*code = (struct str){0};
	if (json_string(json_get(one, "message"), a, message) < 0)
		*message = (struct str){0};
	message->n = MIN(message->n, (size_t)300);
}

int registry_fail(struct registry_session *s, struct http_client_response *r, const char *reference,
		  struct err *e)
{
	CLEANUP_ARENA struct arena a = {0};
	struct str code = {0}, message = {0};
	const char *name = s->target->familiar;
	bool digest = reference && strchr(reference, ':');
	int status = r->head.status;

	arena_open_heap(&a, 8 * ERROR_BODY_MAX);
	registry_read_error(r, &a, &code, &message);
	if (str_eqz(code, "DENIED") || status == 403)
		return err_set(
			e, ERR_NOT_FOUND,
			"pull access denied for %s, repository does not exist or may require "
			"'docker "
			"login': denied: " STR_FMT,
			name,
			STR_ARG(message.n ? message
					  : STR("requested access to the resource is denied")));
	if (str_eqz(code, "NAME_UNKNOWN"))
		return err_set(e, ERR_NOT_FOUND, "repository %s not found: name unknown: " STR_FMT,
			       name, STR_ARG(message));
	if (status == 404 && reference)
		return err_set(e, ERR_NOT_FOUND,
			       "manifest for %s%s%s not found: manifest unknown: " STR_FMT, name,
			       digest ? "@" : ":", reference,
			       STR_ARG(message.n ? message : STR("manifest unknown")));
	if (status == 404)
		return err_set(e, ERR_NOT_FOUND, "%s: " STR_FMT, name,
			       STR_ARG(message.n ? message : STR("blob unknown to registry")));
	if (status == 429)
		return err_set(e, ERR_SYSTEM, "toomanyrequests: " STR_FMT,
			       STR_ARG(message.n ? message : STR("too many requests")));
	if (message.n)
		return err_set(e, ERR_SYSTEM, "received unexpected HTTP status: %d %s: " STR_FMT,
			       status, http_status_text(status), STR_ARG(message));
	return err_set(e, ERR_SYSTEM, "received unexpected HTTP status: %d %s", status,
		       http_status_text(status));
}
