/* SPDX-License-Identifier: Apache-2.0 */
/* Structs into JSON. */
#include "firmware/fmt/bind_private.h"

/* What Go's omitempty leaves out: never a struct held by value, and a false that was set stays. */
static bool is_omitted(const struct shape_field *f, const void *p)
{
	const char *text;

	switch (f->kind) {
	case SHAPE_TEXT:
		text = *(const char *const *)p;
		return !text || !*text;
	case SHAPE_BOOL:
		return !*(const bool *)p;
	case SHAPE_TRI:
		return *(const int8_t *)p == SHAPE_TRI_UNSET;
	case SHAPE_I64:
		return *(const int64_t *)p == 0;
	case SHAPE_OPT_I64:
		return !((const struct opt_i64 *)p)->set;
	case SHAPE_TEXTS:
	case SHAPE_TEXTS_OR_ONE:
	case SHAPE_TEXT_SET:
		return ((const struct texts *)p)->n == 0;
	case SHAPE_TEXT_MAP:
		return ((const struct text_map *)p)->n == 0;
	case SHAPE_STRUCT:
		return false;
	case SHAPE_PTR:
		return !pointer_get(p);
	case SHAPE_ARRAY:
		return ((const struct shape_array *)p)->n == 0;
	case SHAPE_MAP:
	case SHAPE_MAP_ARRAY:
		return ((const struct shape_map *)p)->n == 0;
	case SHAPE_RAW:
		return ((const struct str *)p)->n == 0;
	}
	return false;
}

static void encode_texts(const struct texts *t, struct json_writer *w)
{
	json_array_open(w);
	for (size_t i = 0; i < t->n; i++)
		json_put_text(w, t->items[i]);
	json_array_close(w);
}

static void encode_text_set(const struct texts *t, struct json_writer *w)
{
	json_object_open(w);
	for (size_t i = 0; i < t->n; i++) {
		json_key(w, t->items[i]);
		json_object_open(w);
		json_object_close(w);
	}
	json_object_close(w);
}

static void encode_text_map(const struct text_map *m, struct json_writer *w)
{
	json_object_open(w);
	for (size_t i = 0; i < m->n; i++)
		json_kv_text(w, m->items[i].key, m->items[i].value);
	json_object_close(w);
}

static void encode_array(const struct shape *s, const struct shape_array *array,
			 struct json_writer *w, unsigned minor)
{
	json_array_open(w);
	for (size_t i = 0; i < array->n; i++)
		shape_encode(s, array_item(s, array, i), w, minor);
	json_array_close(w);
}

static void encode_map(const struct shape_field *f, const struct shape_map *map,
		       struct json_writer *w, unsigned minor)
{
	json_object_open(w);
	for (size_t i = 0; i < map->n; i++) {
		const void *value = map->items[i].value;

		json_key(w, map->items[i].key);
		if (!value)
			json_put_null(w);
		else if (f->kind == SHAPE_MAP)
			shape_encode(f->sub, value, w, minor);
		else
			encode_array(f->sub, value, w, minor);
	}
	json_object_close(w);
}

static void encode_scalar(const struct shape_field *f, const void *p, struct json_writer *w)
{
	const struct opt_i64 *optional = p;

	if (f->kind == SHAPE_TEXT)
		json_put_text(w, *(const char *const *)p);
	else if (f->kind == SHAPE_BOOL)
		json_put_bool(w, *(const bool *)p);
	else if (f->kind == SHAPE_I64)
		json_put_i64(w, *(const int64_t *)p);
	else if (f->kind == SHAPE_TRI && *(const int8_t *)p != SHAPE_TRI_UNSET)
		json_put_bool(w, *(const int8_t *)p != 0);
	else if (f->kind == SHAPE_OPT_I64 && optional->set)
		json_put_i64(w, optional->v);
	else if (f->kind == SHAPE_RAW)
		json_put_raw(w, *(const struct str *)p);
	else
		json_put_null(w);
}

/* Whether a list or map is written as such; otherwise it is null. */
static bool is_present(const struct shape_field *f, const void *items, bool set)
{
	return items || set || (f->flags & SHAPE_EMPTY_ARRAY);
}

static void encode_value(const struct shape_field *f, const void *p, struct json_writer *w,
			 unsigned minor)
{
	const struct texts *texts = p;
	const struct text_map *text_map = p;
	const struct shape_array *array = p;
	const struct shape_map *map = p;
	const void *object;

	switch (f->kind) {
	case SHAPE_TEXTS:
	case SHAPE_TEXTS_OR_ONE:
		if (is_present(f, texts->items, texts->set)) {
			encode_texts(texts, w);
			return;
		}
		break;
	case SHAPE_TEXT_SET:
		if (is_present(f, texts->items, texts->set)) {
			encode_text_set(texts, w);
			return;
		}
		break;
	case SHAPE_TEXT_MAP:
		if (is_present(f, text_map->items, text_map->set)) {
			encode_text_map(text_map, w);
			return;
		}
		break;
	case SHAPE_ARRAY:
		if (is_present(f, array->items, array->set)) {
			encode_array(f->sub, array, w, minor);
			return;
		}
		break;
	case SHAPE_MAP:
	case SHAPE_MAP_ARRAY:
		if (is_present(f, map->items, map->set)) {
			encode_map(f, map, w, minor);
			return;
		}
		break;
	case SHAPE_STRUCT:
		shape_encode(f->sub, p, w, minor);
		return;
	case SHAPE_PTR:
		object = pointer_get(p);
		if (object) {
			shape_encode(f->sub, object, w, minor);
			return;
		}
		break;
	default:
		encode_scalar(f, p, w);
		return;
	}
	json_put_null(w);
}

static bool is_shown(const struct shape_field *f, unsigned minor)
{
	return minor == 0 || (minor >= f->since && (f->until == 0 || minor < f->until));
}

void shape_encode_members(const struct shape *s, const void *in, struct json_writer *w,
			  unsigned api_minor)
{
	for (size_t i = 0; i < s->n_fields; i++) {
		const struct shape_field *f = &s->fields[i];
		const void *p = field_in(f, in);

		if (!is_shown(f, api_minor) || ((f->flags & SHAPE_OMIT_EMPTY) && is_omitted(f, p)))
			continue;
		json_key(w, f->name);
		encode_value(f, p, w, api_minor);
	}
}

void shape_encode(const struct shape *s, const void *in, struct json_writer *w, unsigned api_minor)
{
	json_object_open(w);
	shape_encode_members(s, in, w, api_minor);
	json_object_close(w);
}
