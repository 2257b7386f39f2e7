/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes are parsed as JSON. What parses is written again value by value, must parse again, and
 * written once more must give the same bytes. What is no string of valid JSON is still escaped, and
 * the result must parse.
 */
#include <stdint.h>
#include <stdlib.h>

#include "firmware/fmt/json.h"

static void need(bool holds)
{
	if (!holds)
		abort();
}

/* jsmn's text of a number and all decoded strings go through the writer. */
static void rewrite(struct json_node n, struct arena *a, struct json_writer *w)
{
	struct json_iter it = {0};
	struct json_node v;
	struct str key, s;
	int64_t i;
	double f;
	bool b;

	switch (json_type(n)) {
	case JSON_OBJECT:
		json_object_open(w);
		while (json_next(n, &it, a, &key, &v)) {
			json_key_str(w, key);
			rewrite(v, a, w);
		}
		need(!it.failed);
		json_object_close(w);
		return;
	case JSON_ARRAY:
		json_array_open(w);
		while (json_next(n, &it, a, NULL, &v))
			rewrite(v, a, w);
		json_array_close(w);
		return;
	case JSON_STRING:
		need(json_string(n, a, &s) == 0);
		json_put_str(w, s);
		return;
	case JSON_NUMBER:
		if (json_i64(n, &i) == 0)
			json_put_i64(w, i);
		else if (json_f64(n, &f) == 0)
			json_put_f64(w, f);
		else
			json_put_raw(w, json_raw(n));
		return;
	case JSON_BOOL:
		need(json_bool(n, &b) == 0);
		json_put_bool(w, b);
		return;
	case JSON_NULL:
		json_put_null(w);
		return;
	case JSON_NONE:
		break;
	}
	abort();
}

static struct str encode(struct json_node root, struct arena *a, bool pretty)
{
	struct json_writer w;
	struct buf b;

	buf_init(&b, a, 64 << 20);
	json_begin(&w, &b);
	w.pretty = pretty;
	rewrite(root, a, &w);
	need(!b.failed && w.depth == 0);
	return buf_str(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = str_span((const char *)data, size), once, twice;
	struct json_node root, again;
	struct err e = ERR_INIT;
	struct arena a;
	struct buf escaped;

	arena_open_heap(&a, 256 << 20);
	if (json_parse(text, &a, &root, &e) == 0) {
		(void)json_get(root, "Name");
		once = encode(root, &a, true);
		need(json_parse(once, &a, &again, &e) == 0);
		need(json_type(again) == json_type(root) && json_count(again) == json_count(root));
		once = encode(again, &a, false);
		need(json_parse(once, &a, &again, &e) == 0);
		twice = encode(again, &a, false);
		need(str_eq(once, twice));
	} else {
		need(e.kind == ERR_INVALID || e.kind == ERR_TOO_LARGE);
		need(e.msg[0] != 0);
	}
	buf_init(&escaped, &a, 64 << 20);
	json_escape(&escaped, text);
	need(!escaped.failed);
	need(json_parse(buf_str(&escaped), &a, &root, &e) == 0);
	need(json_type(root) == JSON_STRING);
	arena_done(&a);
	return 0;
}
