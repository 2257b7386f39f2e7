/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An intrusive hash map from text to objects. The key text lives in the object (or its arena); the
 * bucket array doubles on the heap as the map fills. The hash is seeded per process, so that names
 * chosen by a client cannot be made to collide.
 *
 * Thread: the owner's. Yields: no. Owns: the bucket array.
 */
#ifndef FIRMWARE_CORE_MAP_H
#define FIRMWARE_CORE_MAP_H

#include <stddef.h>
#include <stdint.h>

#include "firmware/core/attr.h"
#include "firmware/core/str.h"

struct map_node {
	struct map_node *next;
	struct str key;
	uint64_t hash;
};

struct map {
	struct map_node **buckets;
	size_t n_buckets; /* a power of two, or 0 */
	size_t count;
};

void map_init(struct map *m);
void map_done(struct map *m); /* frees the buckets, not the objects */
/* Insert under node->key, set by the call. -EEXIST when the key is there, -ENOMEM. */
int map_insert(struct map *m, struct map_node *node, struct str key) WARN_UNUSED;
struct map_node *map_find(const struct map *m, struct str key); /* NULL when absent */
void map_remove(struct map *m, struct map_node *node);		/* must be in the map */
/* Walk in no order: map_next(m, NULL) is the first, NULL ends. The map must not change meanwhile.
 */
struct map_node *map_next(const struct map *m, const struct map_node *after);

#define map_entry(ptr, type, member) container_of(ptr, type, member)

#endif
