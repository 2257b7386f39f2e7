/* SPDX-License-Identifier: Apache-2.0 */
/* Docker's forms of an image archive: manifest.json, and before that repositories. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "firmware/core/mem.h"
#include "firmware/fmt/inflate.h"
#include "runtime/image/archive.h"

/* --- manifest.json --- */

struct saved_image {
	const char *config;
	struct texts tags, layers;
};
static const struct shape_field saved_image_fields[] = {
	SHAPE_FIELD(struct saved_image, "Config", config, SHAPE_TEXT),
	SHAPE_FIELD(struct saved_image, "RepoTags", tags, SHAPE_TEXTS),
	SHAPE_FIELD(struct saved_image, "Layers", layers, SHAPE_TEXTS),
};
static const struct shape shape_saved_image = {
	.name = "manifestItem",
	.size = sizeof(struct saved_image),
	.fields = saved_image_fields,
	.n_fields = ARRAY_LEN(saved_image_fields),
};

static int familiar_tag(struct archive *a, struct str text, const char **ret, struct err *e)
{
	char *shown = arena_alloc(&a->mem, REFERENCE_TEXT_MAX);
	struct reference ref;
	int rc = reference_parse(text, &ref, e);

	if (rc < 0)
		return err_wrap(e, "invalid tag \"" STR_FMT "\"", STR_ARG(text));
	if (ref.digest.text[0])
		return err_set(e, ERR_INVALID, "invalid tag \"" STR_FMT "\"", STR_ARG(text));
	if (!shown)
		return err_sys(e, ENOMEM, "read the archive");
	reference_default_tag(&ref);
	reference_familiar(&ref, shown);
	*ret = shown;
	return 0;
}

static int find_layer(struct archive *a, const char *name, const struct archive_file **ret,
		      struct err *e)
{
	const struct archive_file *f = archive_find(a, name);

	if (!f)
		return err_set(e, ERR_INVALID, "the archive has no layer %.300s", name);
	*ret = f;
	return 0;
}

static int read_saved(struct archive *a, const struct saved_image *saved, struct err *e)
{
	struct archive_image image = {0};
	int rc;

	if (!saved->config)
		return err_set(e, ERR_INVALID, "invalid manifest.json: no Config");
	if (saved->layers.n > CONFIG_IMAGE_LAYERS_MAX)
		return err_set(e, ERR_TOO_LARGE, "max depth exceeded: %zu layers (at most %d)",
			       saved->layers.n, CONFIG_IMAGE_LAYERS_MAX);
	rc = archive_document(a, saved->config, &image.config, e);
	if (rc < 0)
		return rc;
	image.layers = arena_alloc_array(&a->mem, saved->layers.n + 1, sizeof(*image.layers));
	image.names = arena_alloc_array(&a->mem, saved->tags.n + 1, sizeof(*image.names));
	if (!image.layers || !image.names)
		return err_sys(e, ENOMEM, "read the archive");
	for (; rc == 0 && image.n_layers < saved->layers.n; image.n_layers++)
		rc = find_layer(a, saved->layers.items[image.n_layers],
				&image.layers[image.n_layers], e);
	for (; rc == 0 && image.n_names < saved->tags.n; image.n_names++)
		rc = familiar_tag(a, str_from(saved->tags.items[image.n_names]),
				  &image.names[image.n_names], e);
	if (rc == 0)
		rc = archive_complete_image(a, &image, e);
	return rc < 0 ? rc : archive_add_image(a, &image, e);
}

int archive_read_docker(struct archive *a, struct err *e)
{
	struct json_node list, one;
	struct json_iter it = {0};
	struct saved_image saved;
	struct str text, key;
	int rc = archive_document(a, "manifest.json", &text, e);

	if (rc == 0)
		rc = json_parse(text, &a->mem, &list, e);
	if (rc < 0)
		return err_wrap(e, "invalid manifest.json");
	if (json_type(list) != JSON_ARRAY)
		return err_set(e, ERR_INVALID, "invalid manifest.json: not an array");
	while (rc == 0 && json_next(list, &it, &a->mem, &key, &one)) {
		rc = shape_decode(&shape_saved_image, one, &a->mem, &saved, e);
		if (rc == 0)
			rc = read_saved(a, &saved, e);
	}
	return rc;
}

/* --- repositories --- */

struct legacy_layer {
	struct json_node json; /* <id>/json */
	const struct archive_file *file;
	struct digest diff_id;
};

struct legacy {
	struct archive *archive;
	struct legacy_layer layers[CONFIG_IMAGE_LAYERS_MAX]; /* top first */
	size_t n;
	char path[512];
};

/* The digest of a layer's tar, whichever way it was compressed. */
static int find_diff_id(struct archive *a, const struct archive_file *f, struct digest *ret,
			struct err *e)
{
	CLEANUP(inflate_freep) struct inflate *inflate = NULL;
	CLEANUP_MEM char *copy = NULL;
	CLEANUP_FD int fd = -1;
	char path[STORE_PATH_MAX];
	struct fd_reader source;
	struct sha256 hash;
	ssize_t got;
	int rc;

	if (!f->suffix[0]) {
		*ret = f->digest;
		return 0;
	}
	copy = mem_alloc(65536);
	archive_file_path(a, f, path);
	fd = openat(a->root_fd, path, O_RDONLY | O_CLOEXEC);
	if (!copy || fd < 0)
		return err_sys(e, copy ? errno : ENOMEM, "read a layer");
	fd_reader_init(&source, fd);
	rc = inflate_open(&inflate, &source.reader, 0, e);
	if (rc < 0)
		return rc;
	sha256_init(&hash);
	while ((got = reader_read(inflate_reader(inflate), copy, 65536, e)) > 0) {
		sha256_update(&hash, copy, (size_t)got);
		if (job_stopped(a->job))
			return err_sys(e, ECANCELED, "read a layer");
	}
	if (got == 0)
		digest_from_sha256(&hash, ret);
	return (int)got;
}

static bool id_valid(struct str id)
{
	return id.n == 64 && str_is_hex(id);
}

/* From the layer a tag names down to the one without a parent. */
static int walk(struct legacy *l, struct str id, struct err *e)
{
	struct archive *a = l->archive;

	for (l->n = 0;; l->n++) {
		struct legacy_layer *layer = &l->layers[l->n];
		struct str text;
		int rc;

		if (!id_valid(id))
			return err_set(e, ERR_INVALID, "invalid image id in the archive");
		if (l->n == CONFIG_IMAGE_LAYERS_MAX)
			return err_set(e, ERR_TOO_LARGE, "max depth exceeded: more than %d layers",
				       CONFIG_IMAGE_LAYERS_MAX);
		snprintf(l->path, sizeof(l->path), STR_FMT "/json", STR_ARG(id));
		rc = archive_document(a, l->path, &text, e);
		if (rc == 0)
			rc = json_parse(text, &a->mem, &layer->json, e);
		if (rc < 0)
			return rc;
		snprintf(l->path, sizeof(l->path), STR_FMT "/layer.tar", STR_ARG(id));
		rc = find_layer(a, l->path, &layer->file, e);
		if (rc == 0)
			rc = find_diff_id(a, layer->file, &layer->diff_id, e);
		if (rc < 0)
			return rc;
		if (json_string(json_get(layer->json, "parent"), &a->mem, &id) < 0 || !id.n) {
			l->n++;
			return 0;
		}
	}
}

static void copy_text(struct json_writer *w, const char *key, struct json_node from,
		      const char *member)
{
	struct json_node n = json_get(from, member);

	if (json_type(n) == JSON_STRING) {
		json_key(w, key);
		json_put_raw(w, json_raw(n));
	}
}

static void write_history(struct legacy *l, struct json_writer *w)
{
	json_key(w, "history");
	json_array_open(w);
	for (size_t i = l->n; i-- > 0;) {
		struct json_node json = l->layers[i].json, cmd, word;
		struct json_iter it = {0};
		struct buf text;
		struct str key, s;

		json_object_open(w);
		copy_text(w, "created", json, "created");
		copy_text(w, "author", json, "author");
		copy_text(w, "comment", json, "comment");
		cmd = json_get(json_get(json, "container_config"), "Cmd");
		buf_init(&text, &l->archive->mem, 65536);
		while (json_next(cmd, &it, &l->archive->mem, &key, &word)) {
			if (json_string(word, &l->archive->mem, &s) == 0) {
				buf_puts(&text, text.n ? " " : "");
				buf_put_str(&text, s);
			}
		}
		if (text.n && !text.failed)
			json_kv_str(w, "created_by", buf_str(&text));
		json_object_close(w);
	}
	json_array_close(w);
}

/* The configuration of today out of the top layer's json, as the engine makes it. */
static int write_config(struct legacy *l, struct str *ret, struct err *e)
{
	static const char *const dropped[] = {"id",	   "parent",   "Size",
					      "parent_id", "layer_id", "throwaway",
					      "checksum",  "rootfs",   "history"};
	struct json_node top = l->layers[0].json, value;
	struct json_iter it = {0};
	struct json_writer w;
	struct str key;
	struct buf out;

	buf_init(&out, &l->archive->mem, DOCUMENT_MAX);
	json_begin(&w, &out);
	json_object_open(&w);
	while (json_next(top, &it, &l->archive->mem, &key, &value)) {
		bool drop = false;

		for (size_t i = 0; i < ARRAY_LEN(dropped); i++)
			drop = drop || str_eqz(key, dropped[i]);
		if (drop)
			continue;
		json_key_str(&w, key);
		json_put_raw(&w, json_raw(value));
	}
	json_key(&w, "rootfs");
	json_object_open(&w);
	json_kv_text(&w, "type", "layers");
	json_key(&w, "diff_ids");
	json_array_open(&w);
	for (size_t i = l->n; i-- > 0;)
		json_put_text(&w, l->layers[i].diff_id.text);
	json_array_close(&w);
	json_object_close(&w);
	write_history(l, &w);
	json_object_close(&w);
	if (out.failed)
		return err_sys(e, ENOMEM, "read the archive");
	*ret = buf_str(&out);
	return 0;
}

static int read_tag(struct legacy *l, const char *repository, struct str tag, struct str id,
		    struct err *e)
{
	struct archive *a = l->archive;
	struct archive_image image = {.n_names = 1};
	int rc = walk(l, id, e);

	if (rc == 0)
		rc = write_config(l, &image.config, e);
	if (rc < 0)
		return rc;
	image.layers = arena_alloc_array(&a->mem, l->n, sizeof(*image.layers));
	image.names = arena_alloc_array(&a->mem, 1, sizeof(*image.names));
	if (!image.layers || !image.names)
		return err_sys(e, ENOMEM, "read the archive");
	for (image.n_layers = 0; image.n_layers < l->n; image.n_layers++)
		image.layers[image.n_layers] = l->layers[l->n - 1 - image.n_layers].file;
	snprintf(l->path, sizeof(l->path), "%s:" STR_FMT, repository, STR_ARG(tag));
	rc = familiar_tag(a, str_from(l->path), &image.names[0], e);
	if (rc == 0)
		rc = archive_complete_image(a, &image, e);
	return rc < 0 ? rc : archive_add_image(a, &image, e);
}

int archive_read_legacy(struct archive *a, struct err *e)
{
	CLEANUP_MEM struct legacy *l = mem_alloc(sizeof(*l));
	struct json_node repositories, tags, one;
	struct json_iter outer = {0};
	struct str text, key, tag, id;
	int rc;

	if (!l)
		return err_sys(e, ENOMEM, "read the archive");
	l->archive = a;
	rc = archive_document(a, "repositories", &text, e);
	if (rc == 0)
		rc = json_parse(text, &a->mem, &repositories, e);
	while (rc == 0 && json_next(repositories, &outer, &a->mem, &key, &tags)) {
		struct json_iter inner = {0};
		const char *repository = arena_strndup(&a->mem, key.p, key.n);

		while (rc == 0 && json_next(tags, &inner, &a->mem, &tag, &one)) {
			if (!repository || key.n > 300 || tag.n > 128 ||
			    json_string(one, &a->mem, &id) < 0)
				return err_set(e, ERR_INVALID, "invalid repositories file");
			rc = read_tag(l, repository, tag, id, e);
		}
	}
	return rc;
}
