/* SPDX-License-Identifier: Apache-2.0 */
#include "api/shape/image.h"

#include <errno.h>

#include "api/shape/text.h"
#include "firmware/core/clock.h"

static void put_texts(struct json_writer *w, const struct texts *list)
{
	json_array_open(w);
	for (size_t i = 0; i < list->n; i++)
		json_put_text(w, list->items[i]);
	json_array_close(w);
}

static void put_map(struct json_writer *w, const struct text_map *map)
{
	json_object_open(w);
	for (size_t i = 0; i < map->n; i++) {
		json_key(w, map->items[i].key);
		json_put_text(w, map->items[i].value);
	}
	json_object_close(w);
}

static void keep_names(const struct name_filter *f, struct texts *list)
{
	size_t n = 0;

	for (size_t i = 0; f && i < list->n; i++)
		if (f->keep(f, list->items[i]))
			list->items[n++] = list->items[i];
	list->n = f ? n : list->n;
}

static void put_names(struct image_store *s, const struct image *img, const struct name_filter *f,
		      struct json_writer *w, struct arena *a, unsigned api_minor)
{
	struct texts tags = {0}, digests = {0};
	const char *none_tag = "<none>:<none>", *none_digest = "<none>@<none>";

	if (image_names(s, img, a, &tags, &digests) < 0)
		tags = digests = (struct texts){0};
	keep_names(f, &tags);
	keep_names(f, &digests);
	if (api_minor < 43 && !tags.n && !digests.n) {
		tags = (struct texts){&none_tag, 1, true};
		digests = (struct texts){&none_digest, 1, true};
	}
	json_key(w, "RepoDigests");
	put_texts(w, &digests);
	json_key(w, "RepoTags");
	put_texts(w, &tags);
}

static const char *parent_of(const struct image *img)
{
	return img->parent.text[0] ? img->parent.text : img->spec.parent;
}

static void put_summary(struct image_store *s, const struct image *img,
			const struct name_filter *names, struct json_writer *w, struct arena *a,
			unsigned api_minor, int64_t containers, int64_t shared)
{
	json_object_open(w);
	json_kv_i64(w, "Containers", containers);
	json_kv_i64(w, "Created", img->created_ns / NSEC_PER_SEC);
	json_kv_text(w, "Id", img->id.text);
	json_key(w, "Labels");
	if (img->spec.config.labels.set)
		put_map(w, &img->spec.config.labels);
	else
		json_put_null(w);
	json_kv_text(w, "ParentId", parent_of(img));
	put_names(s, img, names, w, a, api_minor);
	json_kv_i64(w, "SharedSize", shared);
	json_kv_i64(w, "Size", (int64_t)img->size);
	if (api_minor < 44)
		json_kv_i64(w, "VirtualSize", (int64_t)img->size);
	json_object_close(w);
}

void shape_image_summary(struct image_store *s, const struct image *img,
			 const struct name_filter *names, struct json_writer *w, struct arena *a,
			 unsigned api_minor)
{
	put_summary(s, img, names, w, a, api_minor, api_minor >= 51 ? (int64_t)img->containers : -1,
		    -1);
}

void shape_image_summary_counted(struct image_store *s, const struct image *img,
				 struct json_writer *w, struct arena *a, unsigned api_minor,
				 int64_t shared)
{
	put_summary(s, img, NULL, w, a, api_minor, img->containers, shared);
}

/* Members of Config that only a container has; left out of an image's from 1.50 on. */
static void put_config(const struct container_config *c, struct json_writer *w, unsigned api_minor)
{
	if (api_minor < 50) {
		shape_encode(&shape_container_config, c, w, api_minor);
		return;
	}
	json_object_open(w);
	if (c->user && *c->user)
		json_kv_text(w, "User", c->user);
	if (c->exposed_ports.n) {
		json_key(w, "ExposedPorts");
		json_object_open(w);
		for (size_t i = 0; i < c->exposed_ports.n; i++) {
			json_key(w, c->exposed_ports.items[i]);
			json_put_raw(w, STR("{}"));
		}
		json_object_close(w);
	}
	static const struct {
		const char *key;
		size_t offset;
	} lists[] = {
		{"Env", offsetof(struct container_config, env)},
		{"Cmd", offsetof(struct container_config, cmd)},
		{"Entrypoint", offsetof(struct container_config, entrypoint)},
		{"OnBuild", offsetof(struct container_config, on_build)},
		{"Shell", offsetof(struct container_config, shell)},
	};
	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		const struct texts *list =
			(const struct texts *)(const void *)((const char *)c + lists[i].offset);

		if (list->n) {
			json_key(w, lists[i].key);
			put_texts(w, list);
		}
	}
	if (c->volumes.n) {
		json_key(w, "Volumes");
		json_object_open(w);
		for (size_t i = 0; i < c->volumes.n; i++) {
			json_key(w, c->volumes.items[i]);
			json_put_raw(w, STR("{}"));
		}
		json_object_close(w);
	}
	if (c->working_dir && *c->working_dir)
		json_kv_text(w, "WorkingDir", c->working_dir);
	if (c->labels.n) {
		json_key(w, "Labels");
		put_map(w, &c->labels);
	}
	if (c->stop_signal && *c->stop_signal)
		json_kv_text(w, "StopSignal", c->stop_signal);
	if (c->healthcheck) {
		json_key(w, "Healthcheck");
		shape_encode(&shape_health_config, c->healthcheck, w, api_minor);
	}
	if (c->args_escaped)
		json_kv_bool(w, "ArgsEscaped", true);
	json_object_close(w);
}

void shape_image_inspect(struct image_store *s, const struct image *img, struct json_writer *w,
			 struct arena *a, unsigned api_minor)
{
	const struct image_spec *spec = &img->spec;
	struct text_map data = {0};

	json_object_open(w);
	json_kv_text(w, "Id", img->id.text);
	put_names(s, img, NULL, w, a, api_minor);
	json_kv_text(w, "Parent", parent_of(img));
	json_kv_text(w, "Comment", spec->comment);
	if (spec->created && *spec->created)
		json_kv_text(w, "Created", spec->created);
	else
		text_kv_time(w, "Created", 0);
	if (api_minor < 45) { /* of the container it was made in, which images no longer name */
		json_kv_text(w, "Container", "");
		json_key(w, "ContainerConfig");
		put_config(&(struct container_config){0}, w, api_minor);
	}
	json_kv_text(w, "DockerVersion", spec->docker_version);
	json_kv_text(w, "Author", spec->author);
	json_key(w, "Config");
	put_config(&spec->config, w, api_minor);
	json_kv_text(w, "Architecture", spec->architecture);
	if (spec->variant && *spec->variant)
		json_kv_text(w, "Variant", spec->variant);
	json_kv_text(w, "Os", spec->os);
	if (spec->os_version && *spec->os_version)
		json_kv_text(w, "OsVersion", spec->os_version);
	json_kv_i64(w, "Size", (int64_t)img->size);
	if (api_minor < 44)
		json_kv_i64(w, "VirtualSize", (int64_t)img->size);
	json_key(w, "GraphDriver");
	json_object_open(w);
	json_key(w, "Data");
	if (image_describe_layers(s, img, a, &data) < 0 || !data.n)
		json_put_null(w);
	else
		put_map(w, &data);
	json_kv_text(w, "Name", image_store_driver(s));
	json_object_close(w);
	json_key(w, "RootFS");
	json_object_open(w);
	json_kv_text(w, "Type", "layers");
	json_key(w, "Layers");
	json_array_open(w);
	for (size_t i = 0; i < img->n_layers; i++)
		json_put_text(w, img->diff_ids[i].text);
	json_array_close(w);
	json_object_close(w);
	json_key(w, "Metadata");
	json_object_open(w);
	text_kv_time(w, "LastTagTime", img->last_tag_ns);
	json_object_close(w);
	json_object_close(w);
}

/* The image that own was made on, held until the next call; NULL when there is none here. */
static const struct image *parent_here(struct image_store *s, const struct image *own,
				       struct image **held)
{
	struct image *parent = NULL;
	const char *id = own ? parent_of(own) : NULL;
	struct err ignored = ERR_INIT;

	if (!id || !*id || image_lookup(s, id, &parent, &ignored) < 0)
		parent = NULL;
	err_clear(&ignored);
	image_unrefp(held);
	*held = parent;
	return parent;
}

void shape_image_history_list(struct image_store *s, const struct image *img, struct json_writer *w,
			      struct arena *a)
{
	struct shape_array history = {0};
	const struct image_history *items;
	const struct image *own = img; /* whose row it is; NULL: of no image that is here */
	CLEANUP(image_unrefp) struct image *held = NULL;
	size_t n, layer = img->n_layers;

	if (image_history(s, img, a, &history, NULL) < 0)
		history = (struct shape_array){0};
	items = history.items;
	n = history.n;
	json_array_open(w);
	for (size_t i = n; i-- > 0;) {
		struct texts tags = {0}, digests = {0};
		int64_t created = 0, size = 0;

		if (items[i].created &&
		    clock_parse_rfc3339(str_from(items[i].created), &created) < 0)
			created = 0;
		if (!items[i].empty_layer && layer > 0)
			size = (int64_t)img->layer_sizes[--layer];
		if (!own || image_names(s, own, a, &tags, &digests) < 0)
			tags = (struct texts){0};
		json_object_open(w);
		json_kv_text(w, "Comment", items[i].comment);
		json_kv_i64(w, "Created", created / NSEC_PER_SEC);
		json_kv_text(w, "CreatedBy", items[i].created_by);
		json_kv_text(w, "Id", own ? own->id.text : "<missing>");
		json_kv_i64(w, "Size", size);
		json_key(w, "Tags");
		if (tags.n)
			put_texts(w, &tags);
		else
			json_put_null(w);
		json_object_close(w);
		own = parent_here(s, own, &held);
	}
	json_array_close(w);
}
