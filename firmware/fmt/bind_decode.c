/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON into structs. One function a kind; `struct site` carries where in the Go world a value
 * stands, so that a type error reads as the engine's clients expect it.
 */
#include "firmware/fmt/bind_private.h"

#include <stdio.h>

/* What is being decoded: the field (NULL for the whole), its shape, the arena and the error. */
struct site {
	const struct shape *shape;
	const struct shape_field *field;
	struct arena *a;
	struct err *e;
};

static int decode_members(const struct shape *s, struct json_node n, void *out, struct arena *a,
			  struct err *e);

static int no_memory(const struct site *at)
{
	return err_set(at->e, ERR_UNAVAILABLE, "no memory left to decode %s", at->shape->name);
}

static const char *value_word(struct json_node n)
{
	static const char *const words[] = {
		[JSON_NONE] = "nothing",  [JSON_NULL] = "null",	    [JSON_BOOL] = "bool",
		[JSON_NUMBER] = "number", [JSON_STRING] = "string", [JSON_ARRAY] = "array",
		[JSON_OBJECT] = "object",
	};

	return words[json_type(n)];
}

static int wrong_type(const struct site *at, struct json_node n, const char *go_type)
{
	char number[72] = "";

	/* Go shows a number's text when a number was wanted, but not this one. */
	if (json_type(n) == JSON_NUMBER && str_starts(str_from(go_type + (*go_type == 'u')), "int"))
		snprintf(number, sizeof(number), " %.*s", (int)MIN(json_raw(n).n, 64U),
			 json_raw(n).p);
	if (!at->field)
		return err_set(at->e, ERR_INVALID,
			       "json: cannot unmarshal %s%s into Go value of type %s",
			       value_word(n), number, go_type);
	return err_set(at->e, ERR_INVALID,
		       "json: cannot unmarshal %s%s into Go struct field %s.%s of type %s",
		       value_word(n), number, at->shape->name, at->field->name, go_type);
}

/* Where a value of type sub, or a list or map of them, was wanted. */
static int wrong_sub_type(const struct site *at, struct json_node n, const char *prefix)
{
	char go_type[96];

	snprintf(go_type, sizeof(go_type), "%s%s", prefix, at->field->sub->name);
	return wrong_type(at, n, go_type);
}

/* A terminated copy in the arena. */
static int keep_text(const struct site *at, struct str s, const char **ret)
{
	char *copy;

	if (s.n && memchr(s.p, 0, s.n))
		return err_set(at->e, ERR_INVALID, "json: NUL character in %s.%s", at->shape->name,
			       at->field ? at->field->name : "");
	copy = arena_strndup(at->a, s.n ? s.p : "", s.n);
	if (!copy)
		return no_memory(at);
	*ret = copy;
	return 0;
}

static int decode_text(const struct site *at, struct json_node n, const char **out)
{
	struct str s;

	if (json_type(n) != JSON_STRING)
		return wrong_type(at, n, "string");
	if (json_string(n, at->a, &s) < 0)
		return no_memory(at);
	return keep_text(at, s, out);
}

/* Go's name of an integer field's type, and the range of it. */
static const char *integer_type(const struct site *at, int64_t *ret_min, int64_t *ret_max)
{
	unsigned flags = at->field ? at->field->flags : 0;

	*ret_min = 0;
	*ret_max = flags & SHAPE_U16 ? UINT16_MAX : flags & SHAPE_U32 ? UINT32_MAX : INT64_MAX;
	if (flags & (SHAPE_U16 | SHAPE_U32 | SHAPE_U64))
		return flags & SHAPE_U16 ? "uint16" : flags & SHAPE_U32 ? "uint32" : "uint64";
	if (flags & SHAPE_PAIR)
		return "uint";
	*ret_min = INT64_MIN;
	return "int64";
}

static int decode_i64(const struct site *at, struct json_node n, int64_t *out)
{
	struct str raw = json_raw(n);
	int64_t v, min, max;
	const char *type = integer_type(at, &min, &max);

	/* As strict as Go: no fraction and no exponent, even where the value is whole. */
	if (json_type(n) != JSON_NUMBER || memchr(raw.p, '.', raw.n) || memchr(raw.p, 'e', raw.n) ||
	    memchr(raw.p, 'E', raw.n) || json_i64(n, &v) < 0 || v < min || v > max)
		return wrong_type(at, n, type);
	*out = v;
	return 0;
}

static int decode_texts(const struct site *at, struct json_node n, bool one, struct texts *out)
{
	struct texts list = {.set = true};
	struct json_iter it = {0};
	struct json_node v;
	bool lone = one && json_type(n) == JSON_STRING;
	int r = 0;

	if (json_type(n) != JSON_ARRAY && !lone)
		return wrong_type(at, n, "[]string");
	list.n = lone ? 1 : json_count(n);
	list.items = arena_alloc_array(at->a, list.n + 1, sizeof(*list.items));
	if (!list.items)
		return no_memory(at);
	if (lone)
		r = decode_text(at, n, &list.items[0]);
	for (size_t i = 0; r == 0 && !lone && json_next(n, &it, at->a, NULL, &v); i++) {
		list.items[i] = "";
		if (json_type(v) != JSON_NULL)
			r = decode_text(at, v, &list.items[i]);
	}
	if (r == 0)
		*out = list;
	return r;
}

/* Step to the next member of an object, its key kept. 1, 0 at the end, or an error. */
static int next_member(const struct site *at, struct json_node n, struct json_iter *it,
		       const char **ret_key, struct json_node *ret_value)
{
	struct str key;
	int r;

	if (!json_next(n, it, at->a, &key, ret_value))
		return it->failed ? no_memory(at) : 0;
	r = keep_text(at, key, ret_key);
	return r < 0 ? r : 1;
}

static int decode_text_map(const struct site *at, struct json_node n, struct text_map *out)
{
	struct text_map map = {.set = true};
	struct json_iter it = {0};
	struct json_node v;
	const char *key;
	int r;

	if (json_type(n) != JSON_OBJECT)
		return wrong_type(at, n, "map[string]string");
	map.items = arena_alloc_array(at->a, json_count(n) + 1, sizeof(*map.items));
	if (!map.items)
		return no_memory(at);
	while ((r = next_member(at, n, &it, &key, &v)) > 0) {
		struct text_pair *pair = &map.items[map.n++];

		*pair = (struct text_pair){key, ""};
		if (json_type(v) == JSON_NULL)
			continue;
		r = decode_text(at, v, &pair->value);
		if (r < 0)
			return r;
	}
	if (r < 0)
		return r;
	if (bind_drop_repeats(at->a, map.items, &map.n, sizeof(*map.items)) < 0)
		return no_memory(at);
	*out = map;
	return 0;
}

static int decode_text_set(const struct site *at, struct json_node n, struct texts *out)
{
	struct texts set = {.set = true};
	struct json_iter it = {0};
	struct json_node v;
	const char *key;
	int r;

	if (json_type(n) != JSON_OBJECT)
		return wrong_type(at, n, "map[string]struct {}");
	set.items = arena_alloc_array(at->a, json_count(n) + 1, sizeof(*set.items));
	if (!set.items)
		return no_memory(at);
	while ((r = next_member(at, n, &it, &key, &v)) > 0) {
		if (json_type(v) != JSON_OBJECT && json_type(v) != JSON_NULL)
			return wrong_type(at, v, "struct {}");
		set.items[set.n++] = key;
	}
	if (r < 0)
		return r;
	if (bind_drop_repeats(at->a, set.items, &set.n, sizeof(*set.items)) < 0)
		return no_memory(at);
	*out = set;
	return 0;
}

/* A fresh struct of the field's sub-shape from an object; null leaves it at its defaults. */
static int decode_object(const struct site *at, struct json_node n, void *out)
{
	bind_init(at->field->sub, out);
	if (json_type(n) == JSON_NULL)
		return 0;
	if (json_type(n) != JSON_OBJECT)
		return wrong_sub_type(at, n, "");
	return decode_members(at->field->sub, n, out, at->a, at->e);
}

static int decode_pointer(const struct site *at, struct json_node n, void *slot)
{
	void *object = arena_alloc(at->a, MAX(at->field->sub->size, 1U));
	int r;

	if (!object)
		return no_memory(at);
	r = decode_object(at, n, object);
	if (r == 0)
		pointer_set(slot, object);
	return r;
}

static int decode_array(const struct site *at, struct json_node n, struct shape_array *out)
{
	const struct shape *sub = at->field->sub;
	struct shape_array array = {.set = true};
	struct json_iter it = {0};
	struct json_node v;

	if (json_type(n) != JSON_ARRAY)
		return wrong_sub_type(at, n, "[]");
	array.items = arena_alloc_array(at->a, json_count(n) + 1, sub->size);
	if (!array.items)
		return no_memory(at);
	while (json_next(n, &it, at->a, NULL, &v)) {
		int r = decode_object(at, v, array_item(sub, &array, array.n));

		if (r < 0)
			return r;
		array.n++;
	}
	*out = array;
	return 0;
}

static int decode_map_value(const struct site *at, struct json_node n, void **out)
{
	struct shape_array *array;

	if (json_type(n) == JSON_NULL)
		return 0;
	if (at->field->kind == SHAPE_MAP)
		return decode_pointer(at, n, out);
	array = arena_alloc(at->a, sizeof(*array));
	if (!array)
		return no_memory(at);
	*out = array;
	return decode_array(at, n, array);
}

static int decode_map(const struct site *at, struct json_node n, struct shape_map *out)
{
	struct shape_map map = {.set = true};
	struct json_iter it = {0};
	struct json_node v;
	const char *key;
	int r;

	if (json_type(n) != JSON_OBJECT)
		return wrong_sub_type(
			at, n, at->field->kind == SHAPE_MAP ? "map[string]" : "map[string][]");
	map.items = arena_alloc_array(at->a, json_count(n) + 1, sizeof(*map.items));
	if (!map.items)
		return no_memory(at);
	while ((r = next_member(at, n, &it, &key, &v)) > 0) {
		struct shape_map_entry *entry = &map.items[map.n++];

		entry->key = key;
		r = decode_map_value(at, v, &entry->value);
		if (r < 0)
			return r;
	}
	if (r < 0)
		return r;
	if (bind_drop_repeats(at->a, map.items, &map.n, sizeof(*map.items)) < 0)
		return no_memory(at);
	*out = map;
	return 0;
}

/* What stands in lists that are kept as text: as Go has it, null is no element of a wrong type. */
static int check_items(const struct site *at, struct json_node n, enum json_type wanted,
		       const char *go_type)
{
	struct json_iter it = {0};
	struct json_node v;
	int64_t number;

	while (json_next(n, &it, at->a, NULL, &v)) {
		if (json_type(v) == JSON_NULL)
			continue;
		if (json_type(v) != wanted)
			return wrong_type(at, v, go_type);
		if (wanted == JSON_NUMBER && (decode_i64(at, v, &number) < 0 || number < 0))
			return wrong_type(at, v, go_type);
		if (wanted == JSON_ARRAY && check_items(at, v, JSON_STRING, "string") < 0)
			return err_code(at->e);
	}
	return 0;
}

static int check_raw(const struct site *at, struct json_node n)
{
	bool pair = at->field->flags & SHAPE_PAIR, lists = at->field->flags & SHAPE_LISTS;

	if (!pair && !lists)
		return 0;
	if (json_type(n) != JSON_ARRAY)
		return wrong_type(at, n, pair ? "[2]uint" : "[][]string");
	return pair ? check_items(at, n, JSON_NUMBER, "uint")
		    : check_items(at, n, JSON_ARRAY, "[]string");
}

static int decode_raw(const struct site *at, struct json_node n, struct str *out)
{
	struct str raw = json_raw(n);
	char *copy = arena_strndup(at->a, raw.p, raw.n);

	if (!copy)
		return no_memory(at);
	*out = str_span(copy, raw.n);
	return 0;
}

static int decode_bool(const struct site *at, struct json_node n, bool *out)
{
	return json_bool(n, out) < 0 ? wrong_type(at, n, "bool") : 0;
}

static int decode_tri(const struct site *at, struct json_node n, int8_t *out)
{
	bool v;
	int r = decode_bool(at, n, &v);

	if (r == 0)
		*out = v;
	return r;
}

static int decode_opt_i64(const struct site *at, struct json_node n, struct opt_i64 *out)
{
	struct opt_i64 v = {.set = true};
	int r = decode_i64(at, n, &v.v);

	if (r == 0)
		*out = v;
	return r;
}

static int decode_field(const struct site *at, struct json_node n, void *p)
{
	switch (at->field->kind) {
	case SHAPE_TEXT:
		return decode_text(at, n, p);
	case SHAPE_BOOL:
		return decode_bool(at, n, p);
	case SHAPE_TRI:
		return decode_tri(at, n, p);
	case SHAPE_I64:
		return decode_i64(at, n, p);
	case SHAPE_OPT_I64:
		return decode_opt_i64(at, n, p);
	case SHAPE_TEXTS:
		return decode_texts(at, n, false, p);
	case SHAPE_TEXTS_OR_ONE:
		return decode_texts(at, n, true, p);
	case SHAPE_TEXT_MAP:
		return decode_text_map(at, n, p);
	case SHAPE_TEXT_SET:
		return decode_text_set(at, n, p);
	case SHAPE_STRUCT:
		return decode_object(at, n, p);
	case SHAPE_PTR:
		return decode_pointer(at, n, p);
	case SHAPE_ARRAY:
		return decode_array(at, n, p);
	case SHAPE_MAP:
	case SHAPE_MAP_ARRAY:
		return decode_map(at, n, p);
	case SHAPE_RAW:
		return check_raw(at, n) < 0 ? err_code(at->e) : decode_raw(at, n, p);
	}
	return err_set(at->e, ERR_INVALID, "json: unknown kind of field %s", at->field->name);
}

static const struct shape_field *find_field(const struct shape *s, struct str key)
{
	const struct shape_field *folded = NULL;

	for (size_t i = 0; i < s->n_fields; i++) {
		const struct shape_field *f = &s->fields[i];

		if (f->flags & SHAPE_WRITE_ONLY)
			continue;
		if (str_eqz(key, f->name))
			return f;
		if (!folded && str_ieqz(key, f->name))
			folded = f;
	}
	return folded;
}

static int decode_members(const struct shape *s, struct json_node n, void *out, struct arena *a,
			  struct err *e)
{
	struct json_iter it = {0};
	struct json_node v;
	struct str key;

	while (json_next(n, &it, a, &key, &v)) {
		struct site at = {.shape = s, .field = find_field(s, key), .a = a, .e = e};
		int r;

		if (!at.field || json_type(v) == JSON_NULL)
			continue;
		r = decode_field(&at, v, field_at(at.field, out));
		if (r < 0)
			return r;
	}
	return it.failed ? err_set(e, ERR_UNAVAILABLE, "no memory left to decode %s", s->name) : 0;
}

int shape_decode(const struct shape *s, struct json_node n, struct arena *a, void *out,
		 struct err *e)
{
	struct site at = {.shape = s, .a = a, .e = e};

	bind_init(s, out);
	if (json_type(n) == JSON_NULL || json_type(n) == JSON_NONE)
		return 0;
	if (json_type(n) != JSON_OBJECT)
		return wrong_type(&at, n, s->name);
	return decode_members(s, n, out, a, e);
}

int shape_decode_text(const struct shape *s, struct str json, struct arena *a, void *out,
		      struct err *e)
{
	struct json_node root;
	int r = json_parse(json, a, &root, e);

	return r < 0 ? r : shape_decode(s, root, a, out, e);
}
