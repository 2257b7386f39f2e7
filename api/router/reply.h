/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What handlers say: JSON replies, errors, and the reading of queries, filters and bodies with the
 * engine's messages.
 *
 * Thread: loop. Yields: what carries FIBER_FN. Owns: nothing kept; texts are the call's arena's.
 * Limits: CONFIG_API_BODY_KIB, CONFIG_API_REPLY_KIB.
 */
#ifndef API_ROUTER_REPLY_H
#define API_ROUTER_REPLY_H

#include "api/router/route.h"
#include "firmware/core/buf.h"

#define JSON_BODY_MAX ((size_t)CONFIG_API_BODY_KIB << 10)
#define JSON_REPLY_MAX ((size_t)CONFIG_API_REPLY_KIB << 10)
#define FILTER_KEYS_MAX 24 /* more than any list has */

/* HTTP status of an error kind. */
int reply_status(const struct err *e);
/* {"message":"…"} with the status of e (Retry-After with 503; no body with 304). */
int reply_error(struct http_request *req, const struct err *e) FIBER_FN;
int reply_message(struct http_request *req, int status, const char *message) FIBER_FN;
/* A buffer for a JSON reply in the call's arena, with a writer on it. */
void reply_begin(struct call *call, struct buf *out, struct json_writer *w);
/* Send it (adds the newline the engine ends its documents with). */
int reply_json(struct call *call, int status, struct buf *out, struct err *e) FIBER_FN;
int reply_empty(struct call *call, int status) FIBER_FN;

/* The JSON body decoded: ERR_INVALID for a wrong Content-Type or bad JSON. An absent body is
 * JSON_NONE when optional. */
int body_json(struct call *call, bool optional, struct json_node *ret, struct err *e)
	FIBER_FN WARN_UNUSED;
/* The same of whatever Content-Type. */
int body_json_untyped(struct call *call, bool optional, struct json_node *ret, struct err *e)
	FIBER_FN WARN_UNUSED;

/* Query values. Absent texts are "" (or the default); numbers that are none are ERR_INVALID. */
const char *query_text(struct call *call, const char *key);
bool query_has(struct call *call, const char *key);
bool query_bool(struct call *call, const char *key, bool absent);
int query_i64(struct call *call, const char *key, int64_t absent, int64_t *ret, struct err *e)
	WARN_UNUSED;

/* --- query_image.c --- */

/* repo and tag as one familiar name with a tag, in the arena; NULL when there is no repo. */
int query_repo_tag(struct call *call, const char **ret, struct err *e) WARN_UNUSED;
/* All values of a key that may be there several times, in the arena. */
int query_texts(struct call *call, const char *key, struct texts *ret, struct err *e) WARN_UNUSED;

/* --- query.c --- */

/* Filters: {"k":{"v":true}} or {"k":["v"]}. */
struct filter_expression {	 /* private: a value as an expression, made when first asked for */
	struct pattern *pattern; /* NULL: it is none */
	bool made;
};
struct filter {
	const char *key;
	struct texts values;
	struct filter_expression *expressions;
};
struct filters {
	struct arena *a;
	struct filter items[FILTER_KEYS_MAX];
	size_t n;
};
/* allowed: NULL-terminated list of keys (NULL: all are); others are ERR_INVALID "invalid filter
 * 'k'". */
int filters_read(struct call *call, const char *const *allowed, struct filters *ret, struct err *e)
	WARN_UNUSED;
/* The values of a key; an empty list when it was not given. */
const struct texts *filters_get(const struct filters *f, const char *key);
/* True when key was not given or one of its values equals text. */
bool filters_exact(const struct filters *f, const char *key, const char *text);
/* The same with unanchored regular expressions (id, name); one that makes no sense matches only
 * itself. */
bool filters_match(const struct filters *f, const char *key, const char *text);
/* All "k" or "k=v" of the key "label" hold. */
bool filters_labels(const struct filters *f, const char *key, const struct text_map *labels);

#endif
