/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An image between its three forms: the configuration document (a blob), our record of it (a small
 * JSON file) and the object in memory.
 */
#include <errno.h>

#include "firmware/core/clock.h"
#include "firmware/core/mem.h"
#include "runtime/image/store.h"

static const struct shape_field layer_record_fields[] = {
	SHAPE_FIELD(struct layer_record, "chainID", chain_id, SHAPE_TEXT),
	SHAPE_FIELD(struct layer_record, "diffID", diff_id, SHAPE_TEXT),
	SHAPE_FIELD(struct layer_record, "blob", blob, SHAPE_TEXT),
	SHAPE_FIELD(struct layer_record, "size", size, SHAPE_I64),
};
static const struct shape shape_layer_record = {
	.name = "LayerRecord",
	.size = sizeof(struct layer_record),
	.fields = layer_record_fields,
	.n_fields = ARRAY_LEN(layer_record_fields),
};

static const struct shape_field image_record_fields[] = {
	SHAPE_FIELD(struct image_record, "id", id, SHAPE_TEXT),
	SHAPE_FIELD(struct image_record, "manifest", manifest, SHAPE_TEXT),
	SHAPE_FIELD(struct image_record, "manifestType", manifest_type, SHAPE_TEXT),
	SHAPE_FIELD(struct image_record, "manifestSize", manifest_size, SHAPE_I64),
	SHAPE_FIELD(struct image_record, "parent", parent, SHAPE_TEXT),
	SHAPE_FIELD(struct image_record, "lastTagTime", last_tag_time, SHAPE_I64),
	SHAPE_FIELD(struct image_record, "layers", layers, SHAPE_ARRAY, .flags = SHAPE_EMPTY_ARRAY,
		    .sub = &shape_layer_record),
};
const struct shape shape_image_record = {
	.name = "ImageRecord",
	.size = sizeof(struct image_record),
	.fields = image_record_fields,
	.n_fields = ARRAY_LEN(image_record_fields),
};

int image_spec_parse(struct str config, struct arena *a, struct image_spec *ret,
		     struct digest **ret_diff_ids, size_t *ret_n, struct err *e)
{
	struct image_spec spec;
	struct digest *diff_ids;
	size_t n;
	int rc = shape_decode_text(&shape_image_spec, config, a, &spec, e);

	if (rc < 0)
		return err_wrap(e, "invalid image configuration");
	if (!spec.rootfs.type || strcmp(spec.rootfs.type, "layers"))
		return err_set(e, ERR_INVALID, "invalid image configuration: no RootFS of layers");
	n = spec.rootfs.diff_ids.n;
	if (n > CONFIG_IMAGE_LAYERS_MAX)
		return err_set(e, ERR_TOO_LARGE, "max depth exceeded: %zu layers (at most %d)", n,
			       CONFIG_IMAGE_LAYERS_MAX);
	diff_ids = arena_alloc_array(a, n + 1, sizeof(*diff_ids));
	if (!diff_ids)
		return err_sys(e, ENOMEM, "read an image configuration");
	for (size_t i = 0; i < n; i++) {
		rc = digest_parse(str_from(spec.rootfs.diff_ids.items[i]), &diff_ids[i], e);
		if (rc < 0)
			return err_wrap(e, "invalid image configuration");
	}
	*ret = spec;
	*ret_diff_ids = diff_ids;
	*ret_n = n;
	return 0;
}

static int parse_digest(const char *text, struct digest *ret, struct err *e)
{
	return digest_parse(str_from(text ? text : ""), ret, e);
}

static int fill_layers(struct image *img, const struct image_record *r,
		       const struct digest *diff_ids, struct err *e)
{
	const struct layer_record *layers = r->layers.items;
	size_t n = img->n_layers;

	img->diff_ids = arena_alloc_array(&img->mem, n + 1, sizeof(struct digest));
	img->chain_ids = arena_alloc_array(&img->mem, n + 1, sizeof(struct digest));
	img->blobs = arena_alloc_array(&img->mem, n + 1, sizeof(struct digest));
	img->layer_sizes = arena_alloc_array(&img->mem, n + 1, sizeof(uint64_t));
	if (!img->diff_ids || !img->chain_ids || !img->blobs || !img->layer_sizes)
		return err_sys(e, ENOMEM, "keep an image");
	for (size_t i = 0; i < n; i++) {
		img->diff_ids[i] = diff_ids[i];
		chain_id_next(i ? &img->chain_ids[i - 1] : NULL, &diff_ids[i], &img->chain_ids[i]);
		if (!strz_eq(layers[i].chain_id, img->chain_ids[i].text) || layers[i].size < 0)
			return err_set(e, ERR_INVALID, "layer %zu does not match the configuration",
				       i);
		if (parse_digest(layers[i].blob, &img->blobs[i], e) < 0)
			return err_code(e);
		img->layer_sizes[i] = (uint64_t)layers[i].size;
		img->size += img->layer_sizes[i];
	}
	return 0;
}

int image_from_record(const struct image_record *r, struct str config, struct image **ret,
		      struct err *e)
{
	CLEANUP_ARENA struct arena tmp = {0};
	struct image *img = mem_alloc(sizeof(*img));
	struct image_spec spec;
	struct digest *diff_ids;
	int rc;

	if (!img)
		return err_sys(e, ENOMEM, "keep an image");
	img->refs = 1;
	arena_open_heap(&img->mem, DOCUMENT_MAX);
	arena_open_heap(&tmp, 16 * DOCUMENT_MAX);
	rc = image_spec_parse(config, &tmp, &spec, &diff_ids, &img->n_layers, e);
	if (rc == 0 && r->layers.n != img->n_layers)
		rc = err_set(e, ERR_INVALID, "the image has %zu layers, its configuration %zu",
			     r->layers.n, img->n_layers);
	if (rc == 0)
		rc = fill_layers(img, r, diff_ids, e);
	if (rc == 0)
		rc = parse_digest(r->id, &img->id, e);
	if (rc == 0)
		rc = parse_digest(r->manifest, &img->manifest, e);
	if (rc == 0 && r->parent && *r->parent)
		rc = parse_digest(r->parent, &img->parent, e);
	if (rc == 0) {
		/* The history is most of the text and rarely asked for; the other nobody asks for.
		 */
		spec.history = (struct shape_array){0};
		spec.container_config = NULL;
		img->manifest_type =
			arena_strdup(&img->mem, r->manifest_type ? r->manifest_type : "");
		if (!img->manifest_type ||
		    shape_copy(&shape_image_spec, &spec, &img->mem, &img->spec) < 0)
			rc = err_sys(e, ENOMEM, "keep an image");
	}
	if (rc < 0) {
		image_unref(img);
		return rc;
	}
	img->manifest_size = (uint64_t)r->manifest_size;
	img->last_tag_ns = r->last_tag_time;
	if (!spec.created || clock_parse_rfc3339(str_from(spec.created), &img->created_ns) < 0)
		img->created_ns = 0;
	*ret = img;
	return 0;
}

void image_record_encode(const struct image *img, int64_t last_tag_ns, struct buf *out)
{
	struct json_writer w;

	json_begin(&w, out);
	w.pretty = true;
	json_object_open(&w);
	json_kv_text(&w, "id", img->id.text);
	json_kv_text(&w, "manifest", img->manifest.text);
	json_kv_text(&w, "manifestType", img->manifest_type);
	json_kv_i64(&w, "manifestSize", (int64_t)img->manifest_size);
	if (img->parent.text[0])
		json_kv_text(&w, "parent", img->parent.text);
	json_kv_i64(&w, "lastTagTime", last_tag_ns);
	json_key(&w, "layers");
	json_array_open(&w);
	for (size_t i = 0; i < img->n_layers; i++) {
		json_object_open(&w);
		json_kv_text(&w, "chainID", img->chain_ids[i].text);
		json_kv_text(&w, "diffID", img->diff_ids[i].text);
		json_kv_text(&w, "blob", img->blobs[i].text);
		json_kv_i64(&w, "size", (int64_t)img->layer_sizes[i]);
		json_object_close(&w);
	}
	json_array_close(&w);
	json_object_close(&w);
	buf_putc(out, '\n');
}

/* --- in and out of the store --- */

static void release_parts(struct image_store *s, struct image *img, size_t n_layers, size_t n_blobs)
{
	for (size_t i = 0; i < n_layers; i++)
		layer_release(s, layer_find(s, &img->chain_ids[i]));
	/* The blobs: configuration, manifest, layers. */
	if (n_blobs > 0)
		blob_release(s, &img->id);
	if (n_blobs > 1)
		blob_release(s, &img->manifest);
	for (size_t i = 2; i < n_blobs; i++)
		blob_release(s, &img->blobs[i - 2]);
}

/* Parents may come in after their children (start). */
static void join_family(struct image_store *s, struct image *img)
{
	struct image *parent = img->parent.text[0] ? store_find_id(s, &img->parent) : NULL;
	struct map_node *n = NULL;

	img->children = 0;
	while (s->orphans && (n = map_next(&s->images, n))) {
		const struct image *other = map_entry(n, struct image, node);

		if (digest_eq(&other->parent, &img->id)) {
			img->children++;
			s->orphans--;
		}
	}
	if (parent)
		parent->children++;
	else if (img->parent.text[0])
		s->orphans++;
}

static void leave_family(struct image_store *s, struct image *img)
{
	struct image *parent = img->parent.text[0] ? store_find_id(s, &img->parent) : NULL;

	if (parent)
		parent->children--;
	else if (img->parent.text[0])
		s->orphans--;
	s->orphans += img->children;
}

int image_insert(struct image_store *s, struct image *img, struct err *e)
{
	size_t n_blobs = 0, n_layers = 0;
	int rc = 0;

	for (; n_layers < img->n_layers; n_layers++) {
		struct layer *l = layer_find(s, &img->chain_ids[n_layers]);

		if (!l || l->making) {
			rc = err_set(e, ERR_NOT_FOUND, "layer %s is missing",
				     img->chain_ids[n_layers].text);
			break;
		}
		layer_hold(l);
	}
	for (; rc == 0 && n_blobs < img->n_layers + 2; n_blobs++) {
		const struct digest *d = n_blobs == 0	? &img->id
					 : n_blobs == 1 ? &img->manifest
							: &img->blobs[n_blobs - 2];

		rc = blob_hold(s, d, e);
		if (rc < 0)
			break;
	}
	if (rc == 0 && map_insert(&s->images, &img->node, str_from(digest_hex(&img->id))) < 0)
		rc = err_sys(e, ENOMEM, "keep image %s", img->id.text);
	if (rc < 0)
		release_parts(s, img, n_layers, n_blobs);
	else
		join_family(s, img);
	return rc;
}

void image_take_out(struct image_store *s, struct image *img)
{
	map_remove(&s->images, &img->node);
	leave_family(s, img);
	img->gone = true;
	release_parts(s, img, img->n_layers, img->n_layers + 2);
	image_unref(img);
}
