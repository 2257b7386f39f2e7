/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What images take on disk: layers are counted once however many images stand on them, and of each
 * image that part is told that it has in common with others.
 */
#include "runtime/image/store.h"

static void count_images(struct image_store *s, struct image *const *images, size_t n)
{
	struct map_node *node = NULL;

	while ((node = map_next(&s->layers, node)))
		map_entry(node, struct layer, node)->images = 0;
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < images[i]->n_layers; k++) {
			struct layer *l = layer_find(s, &images[i]->chain_ids[k]);

			if (l)
				l->images++;
		}
	}
}

void image_store_usage(struct image_store *s, struct image *const *images, size_t n,
		       uint64_t *ret_shared, uint64_t *ret_layers)
{
	struct map_node *node = NULL;
	uint64_t all = 0;

	count_images(s, images, n);
	for (size_t i = 0; i < n; i++) {
		ret_shared[i] = 0;
		for (size_t k = 0; k < images[i]->n_layers; k++) {
			const struct layer *l = layer_find(s, &images[i]->chain_ids[k]);

			if (l && l->images > 1)
				ret_shared[i] += images[i]->layer_sizes[k];
		}
	}
	while ((node = map_next(&s->layers, node)))
		all += map_entry(node, struct layer, node)->size;
	*ret_layers = all;
}
