/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Access to the members of a described struct, shared by the files that walk shapes.
 *
 * Thread: any. Yields: no.
 */
#ifndef FIRMWARE_FMT_BIND_PRIVATE_H
#define FIRMWARE_FMT_BIND_PRIVATE_H

#include "firmware/fmt/bind.h"

/* The member a field describes. */
static inline void *field_at(const struct shape_field *f, void *object)
{
	return (char *)object + f->offset;
}
static inline const void *field_in(const struct shape_field *f, const void *object)
{
	return (const char *)object + f->offset;
}
/* The i-th struct of an array. */
static inline void *array_item(const struct shape *s, const struct shape_array *array, size_t i)
{
	return (char *)array->items + i * s->size;
}

/* A pointer to a struct of any type, read and written without assuming its type. */
static inline void *pointer_get(const void *slot)
{
	void *p;

	memcpy(&p, slot, sizeof(p));
	return p;
}
static inline void pointer_set(void *slot, void *p)
{
	memcpy(slot, &p, sizeof(p));
}

/* Zero the object and set what is not zero by default: unset markers, then the shape's init. */
void bind_init(const struct shape *s, void *object);

/*
 * Of n entries of size bytes, each beginning with a pointer to its key, drop those whose key comes
 * again later; the order stays. -ENOMEM.
 */
int bind_drop_repeats(struct arena *a, void *items, size_t *n, size_t size) WARN_UNUSED;

#endif
