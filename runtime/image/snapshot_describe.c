/* SPDX-License-Identifier: Apache-2.0 */
/* Where a snapshot is on disk, for people and for who looks at what changed in it. */
#include <errno.h>

#include "runtime/image/rootfs.h"
#include "runtime/image/snapshot.h"

int snapshot_describe(struct image_store *s, const char *id, const struct image *img,
		      struct arena *a, struct text_map *ret)
{
	struct text_pair *pairs = arena_alloc_array(a, 4, sizeof(*pairs));
	struct snapshot *snap = snapshot_find(s, id);
	char path[STORE_PATH_MAX];
	struct buf lower;

	(void)img;
	*ret = (struct text_map){.set = true};
	if (!pairs)
		return -ENOMEM;
	if (s->vfs || !snap)
		return 0;
	buf_init(&lower, a, 64 * 1024);
	init_layer_path(snap->n_layers ? &snap->layers[snap->n_layers - 1]->chain : NULL,
			snap->n_layers ? 1 : 0, "/diff", path);
	buf_printf(&lower, "%s/%s", s->root, path);
	for (size_t i = snap->n_layers; i-- > 0;) {
		layer_path(&snap->layers[i]->chain, "/diff", path);
		buf_printf(&lower, ":%s/%s", s->root, path);
	}
	pairs[0] = (struct text_pair){"LowerDir", buf_text(&lower)};
	pairs[1].key = "MergedDir";
	pairs[1].value = arena_printf(a, "%s/" SNAPSHOTS_DIR "/%s/merged", s->root, id);
	pairs[2].key = "UpperDir";
	pairs[2].value = arena_printf(a, "%s/" SNAPSHOTS_DIR "/%s/diff", s->root, id);
	pairs[3].key = "WorkDir";
	pairs[3].value = arena_printf(a, "%s/" SNAPSHOTS_DIR "/%s/work", s->root, id);
	if (lower.failed || !pairs[1].value || !pairs[2].value || !pairs[3].value)
		return -ENOMEM;
	ret->items = pairs;
	ret->n = 4;
	return 0;
}

int snapshot_places(struct image_store *s, const char *id, struct arena *a,
		    struct snapshot_places *ret)
{
	struct snapshot *snap = snapshot_find(s, id);
	struct snapshot_places p = {.plain = s->vfs};
	char path[STORE_PATH_MAX];

	if (!snap)
		return -ENOENT;
	p.layers.items = arena_alloc_array(a, snap->n_layers + 2, sizeof(*p.layers.items));
	if (!p.layers.items)
		return -ENOMEM;
	if (!s->vfs) {
		init_layer_path(snap->n_layers ? &snap->layers[snap->n_layers - 1]->chain : NULL,
				snap->n_layers ? 1 : 0, "/diff", path);
		p.layers.items[p.layers.n++] = arena_printf(a, "%s/%s", s->root, path);
	}
	for (size_t i = snap->n_layers; i-- > 0;) {
		layer_path(&snap->layers[i]->chain, "/diff", path);
		p.layers.items[p.layers.n++] = arena_printf(a, "%s/%s", s->root, path);
	}
	for (size_t i = 0; i < p.layers.n; i++)
		if (!p.layers.items[i])
			return -ENOMEM;
	p.tree = arena_printf(a, "%s/" SNAPSHOTS_DIR "/%s/%s", s->root, id,
			      s->vfs ? "merged" : "diff");
	if (!p.tree)
		return -ENOMEM;
	*ret = p;
	return 0;
}
