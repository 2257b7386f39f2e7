/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deep copies of structs into another arena: the bytes are copied first, then every pointer is
 * replaced by a copy of what it points to.
 */
#include "firmware/fmt/bind_private.h"

static int copy_text(const char *const *slot_in, struct arena *a, const char **slot)
{
	if (!*slot_in)
		return 0;
	*slot = arena_strdup(a, *slot_in);
	return *slot ? 0 : -ENOMEM;
}

/* Room for n entries; a list that was given but is empty stays given. */
static void *copy_room(const void *items, size_t n, size_t size, struct arena *a, int *ret)
{
	void *room;

	if (!items)
		return NULL;
	room = arena_alloc_array(a, n + 1, size);
	if (!room)
		*ret = -ENOMEM;
	return room;
}

static int copy_texts(const struct texts *in, struct arena *a, struct texts *out)
{
	int r = 0;

	out->items = copy_room(in->items, in->n, sizeof(*in->items), a, &r);
	for (size_t i = 0; r == 0 && out->items && i < in->n; i++)
		r = copy_text(&in->items[i], a, &out->items[i]);
	return r;
}

static int copy_text_map(const struct text_map *in, struct arena *a, struct text_map *out)
{
	int r = 0;

	out->items = copy_room(in->items, in->n, sizeof(*in->items), a, &r);
	for (size_t i = 0; r == 0 && out->items && i < in->n; i++) {
		r = copy_text(&in->items[i].key, a, &out->items[i].key);
		if (r == 0)
			r = copy_text(&in->items[i].value, a, &out->items[i].value);
	}
	return r;
}

static int copy_object(const struct shape *s, const void *in, struct arena *a, void *slot)
{
	void *object = NULL;

	if (in) {
		object = arena_alloc(a, MAX(s->size, 1U));
		if (!object)
			return -ENOMEM;
	}
	pointer_set(slot, object);
	return object ? shape_copy(s, in, a, object) : 0;
}

static int copy_array(const struct shape *s, const struct shape_array *in, struct arena *a,
		      struct shape_array *out)
{
	int r = 0;

	out->items = copy_room(in->items, in->n, s->size, a, &r);
	for (size_t i = 0; r == 0 && out->items && i < in->n; i++)
		r = shape_copy(s, array_item(s, in, i), a, array_item(s, out, i));
	return r;
}

static int copy_map_value(const struct shape_field *f, const void *in, struct arena *a, void **out)
{
	const struct shape_array *array = in;
	struct shape_array *copy;

	if (f->kind == SHAPE_MAP)
		return copy_object(f->sub, in, a, out);
	*out = NULL;
	if (!in)
		return 0;
	copy = arena_alloc(a, sizeof(*copy));
	if (!copy)
		return -ENOMEM;
	*copy = *array;
	*out = copy;
	return copy_array(f->sub, array, a, copy);
}

static int copy_map(const struct shape_field *f, const struct shape_map *in, struct arena *a,
		    struct shape_map *out)
{
	int r = 0;

	out->items = copy_room(in->items, in->n, sizeof(*in->items), a, &r);
	for (size_t i = 0; r == 0 && out->items && i < in->n; i++) {
		r = copy_text(&in->items[i].key, a, &out->items[i].key);
		if (r == 0)
			r = copy_map_value(f, in->items[i].value, a, &out->items[i].value);
	}
	return r;
}

static int copy_raw(const struct str *in, struct arena *a, struct str *out)
{
	if (in->n == 0)
		return 0;
	out->p = arena_strndup(a, in->p, in->n);
	return out->p ? 0 : -ENOMEM;
}

static int copy_field(const struct shape_field *f, const void *in, struct arena *a, void *out)
{
	switch (f->kind) {
	case SHAPE_TEXT:
		return copy_text(in, a, out);
	case SHAPE_TEXTS:
	case SHAPE_TEXTS_OR_ONE:
	case SHAPE_TEXT_SET:
		return copy_texts(in, a, out);
	case SHAPE_TEXT_MAP:
		return copy_text_map(in, a, out);
	case SHAPE_STRUCT:
		return shape_copy(f->sub, in, a, out);
	case SHAPE_PTR:
		return copy_object(f->sub, pointer_get(in), a, out);
	case SHAPE_ARRAY:
		return copy_array(f->sub, in, a, out);
	case SHAPE_MAP:
	case SHAPE_MAP_ARRAY:
		return copy_map(f, in, a, out);
	case SHAPE_RAW:
		return copy_raw(in, a, out);
	case SHAPE_BOOL:
	case SHAPE_TRI:
	case SHAPE_I64:
	case SHAPE_OPT_I64:
		return 0;
	}
	return 0;
}

int shape_copy(const struct shape *s, const void *in, struct arena *a, void *out)
{
	memmove(out, in, s->size);
	for (size_t i = 0; i < s->n_fields; i++) {
		const struct shape_field *f = &s->fields[i];
		int r = copy_field(f, field_in(f, in), a, field_at(f, out));

		if (r < 0)
			return r;
	}
	return 0;
}
