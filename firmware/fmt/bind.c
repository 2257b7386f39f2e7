/* SPDX-License-Identifier: Apache-2.0 */
/* What walks shapes without JSON: defaults, repeated keys, emptiness, refused fields. */
#include "firmware/fmt/bind_private.h"

void bind_init(const struct shape *s, void *object)
{
	memset(object, 0, s->size);
	for (size_t i = 0; i < s->n_fields; i++) {
		const struct shape_field *f = &s->fields[i];

		if (f->kind == SHAPE_TRI)
			*(int8_t *)field_at(f, object) = SHAPE_TRI_UNSET;
		else if (f->kind == SHAPE_STRUCT)
			bind_init(f->sub, field_at(f, object));
	}
	if (s->init)
		s->init(object);
}

/* --- repeated keys --- */

static const char *key_at(const void *items, size_t size, uint32_t i)
{
	return *(const char *const *)(const void *)((const char *)items + (size_t)i * size);
}

/* Stable merge sort of the entries' indices by key; returns which of the two arrays holds it. */
static uint32_t *sort_indices(const void *items, size_t n, size_t size, uint32_t *from,
			      uint32_t *to)
{
	for (size_t width = 1; width < n; width *= 2) {
		uint32_t *swap = from;

		for (size_t start = 0; start < n; start += 2 * width) {
			size_t middle = MIN(start + width, n), end = MIN(start + 2 * width, n);
			size_t l = start, r = middle;

			for (size_t i = start; i < end; i++) {
				bool left = l < middle &&
					    (r >= end || strcmp(key_at(items, size, from[l]),
								key_at(items, size, from[r])) <= 0);

				to[i] = left ? from[l++] : from[r++];
			}
		}
		from = to;
		to = swap;
	}
	return from;
}

int bind_drop_repeats(struct arena *a, void *items, size_t *n, size_t size)
{
	uint32_t *index, *sorted;
	char *base = items;
	size_t kept = 0;

	if (*n < 2)
		return 0;
	index = arena_alloc_array(a, *n, 2 * sizeof(*index));
	if (!index)
		return -ENOMEM;
	for (size_t i = 0; i < *n; i++)
		index[i] = (uint32_t)i;
	sorted = sort_indices(items, *n, size, index, index + *n);
	/* Of equal keys the last in the input comes last here too: the others lose their key. */
	for (size_t i = 0; i + 1 < *n; i++) {
		if (strcmp(key_at(items, size, sorted[i]), key_at(items, size, sorted[i + 1])) == 0)
			*(const char **)(void *)(base + sorted[i] * size) = NULL;
	}
	for (size_t i = 0; i < *n; i++) {
		if (!key_at(items, size, (uint32_t)i))
			continue;
		if (kept != i)
			memcpy(base + kept * size, base + i * size, size);
		kept++;
	}
	*n = kept;
	return 0;
}

/* --- emptiness and refusal --- */

static bool raw_is_empty(struct str s)
{
	static const char *const empty[] = {"", "null", "{}", "[]", "\"\"", "0", "false"};

	for (size_t i = 0; i < ARRAY_LEN(empty); i++) {
		if (str_eqz(s, empty[i]))
			return true;
	}
	return false;
}

static bool integer_is_empty(const struct shape_field *f, int64_t v)
{
	return v == 0 || (v == -1 && (f->flags & SHAPE_MINUS_ONE_EMPTY));
}

static bool field_is_empty(const struct shape_field *f, const void *p)
{
	const struct opt_i64 *optional = p;
	const char *text;
	const void *object;

	switch (f->kind) {
	case SHAPE_TEXT:
		text = *(const char *const *)p;
		return !text || !*text;
	case SHAPE_BOOL:
		return !*(const bool *)p;
	case SHAPE_TRI:
		return *(const int8_t *)p != 1;
	case SHAPE_I64:
		return integer_is_empty(f, *(const int64_t *)p);
	case SHAPE_OPT_I64:
		return !optional->set || integer_is_empty(f, optional->v);
	case SHAPE_TEXTS:
	case SHAPE_TEXTS_OR_ONE:
	case SHAPE_TEXT_SET:
		return ((const struct texts *)p)->n == 0;
	case SHAPE_TEXT_MAP:
		return ((const struct text_map *)p)->n == 0;
	case SHAPE_STRUCT:
		return shape_is_empty(f->sub, p);
	case SHAPE_PTR:
		object = pointer_get(p);
		return !object || shape_is_empty(f->sub, object);
	case SHAPE_ARRAY:
		return ((const struct shape_array *)p)->n == 0;
	case SHAPE_MAP:
	case SHAPE_MAP_ARRAY:
		return ((const struct shape_map *)p)->n == 0;
	case SHAPE_RAW:
		return raw_is_empty(*(const struct str *)p);
	}
	return true;
}

bool shape_is_empty(const struct shape *s, const void *in)
{
	for (size_t i = 0; i < s->n_fields; i++) {
		if (!field_is_empty(&s->fields[i], field_in(&s->fields[i], in)))
			return false;
	}
	return true;
}

static int check_array(const struct shape *s, const struct shape_array *array, struct err *e)
{
	int r = 0;

	for (size_t i = 0; array && i < array->n && r == 0; i++)
		r = shape_check_refused(s, array_item(s, array, i), e);
	return r;
}

/* Refused fields of the structs below a field. */
static int check_below(const struct shape_field *f, const void *p, struct err *e)
{
	const struct shape_map *map = p;
	const void *object;
	int r = 0;

	switch (f->kind) {
	case SHAPE_STRUCT:
		return shape_check_refused(f->sub, p, e);
	case SHAPE_PTR:
		object = pointer_get(p);
		return object ? shape_check_refused(f->sub, object, e) : 0;
	case SHAPE_ARRAY:
		return check_array(f->sub, p, e);
	case SHAPE_MAP:
		for (size_t i = 0; i < map->n && r == 0; i++) {
			if (map->items[i].value)
				r = shape_check_refused(f->sub, map->items[i].value, e);
		}
		return r;
	case SHAPE_MAP_ARRAY:
		for (size_t i = 0; i < map->n && r == 0; i++)
			r = check_array(f->sub, map->items[i].value, e);
		return r;
	default:
		return 0;
	}
}

int shape_check_refused(const struct shape *s, const void *in, struct err *e)
{
	for (size_t i = 0; i < s->n_fields; i++) {
		const struct shape_field *f = &s->fields[i];
		const void *p = field_in(f, in);
		int r;

		if ((f->flags & SHAPE_REFUSED) && !field_is_empty(f, p))
			return err_set(e, ERR_NOT_IMPLEMENTED,
				       "%s.%s is not supported by this engine", s->name, f->name);
		r = check_below(f, p, e);
		if (r < 0)
			return r;
	}
	return 0;
}

/* --- looking things up --- */

const char *text_map_get(const struct text_map *m, const char *key)
{
	for (size_t i = 0; i < m->n; i++) {
		if (strcmp(m->items[i].key, key) == 0)
			return m->items[i].value;
	}
	return NULL;
}

bool texts_contain(const struct texts *t, const char *text)
{
	for (size_t i = 0; i < t->n; i++) {
		if (strcmp(t->items[i], text) == 0)
			return true;
	}
	return false;
}
