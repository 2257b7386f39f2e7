/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON in and out. Reading: jsmn tokens behind a strict checker (RFC 8259: one value, valid UTF-8,
 * valid escapes and numbers, bounded depth and token count), so that a document that parses is a
 * document Go's decoder would take. Writing: straight into a struct buf, commas and nesting kept by
 * the writer; text is escaped but not HTML-escaped; invalid UTF-8 becomes U+FFFD.
 *
 * Thread: any. Yields: no. Owns: a document lives in its arena and points into the source text.
 * Limits: CONFIG_JSON_DEPTH, CONFIG_JSON_TOKENS.
 */
#ifndef FIRMWARE_FMT_JSON_H
#define FIRMWARE_FMT_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "firmware/core/arena.h"
#include "firmware/core/buf.h"
#include "firmware/core/err.h"
#include "firmware/core/str.h"

/* --- reading --- */

enum json_type {
	JSON_NONE,
	JSON_NULL,
	JSON_BOOL,
	JSON_NUMBER,
	JSON_STRING,
	JSON_ARRAY,
	JSON_OBJECT
};

struct json_doc; /* tokens of one text */

/* A value inside a document; cheap to copy. A zeroed node is JSON_NONE ("not there"). */
struct json_node {
	const struct json_doc *doc;
	uint32_t index;
};

/*
 * Parse one whole text. text must outlive the document. ERR_INVALID with Go-like words
 * ("unexpected end of JSON input", "invalid character 'x' …", "unexpected content after JSON"),
 * ERR_TOO_LARGE when a limit is hit.
 */
int json_parse(struct str text, struct arena *a, struct json_node *ret_root, struct err *e)
	WARN_UNUSED;

enum json_type json_type(struct json_node n);
/* Exact source text of the value (strings with quotes and escapes). */
struct str json_raw(struct json_node n);
/* Member by name: exact match first, then but for ASCII case, the last one wins; NONE if absent. */
struct json_node json_get(struct json_node object, const char *name);
/* Number of elements or members; 0 for other types. */
size_t json_count(struct json_node n);
/*
 * Iterate: it starts zeroed; false at the end. For objects the key (decoded) is set; ret_key may be
 * NULL, then nothing is ever allocated.
 */
struct json_iter {
	uint32_t next, left;
	bool started;
	bool failed; /* ended early: no memory for a key with escapes in it */
};
bool json_next(struct json_node container, struct json_iter *it, struct arena *a,
	       struct str *ret_key, struct json_node *ret_value);
/* Decoded text (points into the source when there was no escape); -EINVAL if not a string. */
int json_string(struct json_node n, struct arena *a, struct str *ret) WARN_UNUSED;
int json_bool(struct json_node n, bool *ret) WARN_UNUSED;
int json_i64(struct json_node n, int64_t *ret)
	WARN_UNUSED; /* integers only, incl. 1e3 forms that are whole */
int json_f64(struct json_node n, double *ret) WARN_UNUSED;

/* --- writing --- */

struct json_writer {
	struct buf *out;
	uint64_t comma; /* private: bit per depth */
	uint8_t depth;
	bool after_key;
	bool pretty; /* two-space indentation, for files people read */
};

void json_begin(struct json_writer *w, struct buf *out);
void json_object_open(struct json_writer *w);
void json_object_close(struct json_writer *w);
void json_array_open(struct json_writer *w);
void json_array_close(struct json_writer *w);
void json_key(struct json_writer *w, const char *key);
void json_key_str(struct json_writer *w, struct str key);
void json_put_str(struct json_writer *w, struct str s);
void json_put_text(struct json_writer *w, const char *s); /* NULL writes "" */
void json_put_i64(struct json_writer *w, int64_t v);
void json_put_u64(struct json_writer *w, uint64_t v);
void json_put_f64(struct json_writer *w, double v);
void json_put_bool(struct json_writer *w, bool v);
void json_put_null(struct json_writer *w);
void json_put_raw(struct json_writer *w, struct str json); /* trusted, already JSON */
/* key + value in one */
void json_kv_text(struct json_writer *w, const char *key, const char *s);
void json_kv_str(struct json_writer *w, const char *key, struct str s);
void json_kv_i64(struct json_writer *w, const char *key, int64_t v);
void json_kv_bool(struct json_writer *w, const char *key, bool v);
void json_kv_null(struct json_writer *w, const char *key);
/* Escape s as a JSON string body with quotes into b. */
void json_escape(struct buf *b, struct str s);

#endif
