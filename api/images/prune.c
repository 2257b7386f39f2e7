/* SPDX-License-Identifier: Apache-2.0 */
/*
 * POST /images/prune: images without a tag, or (dangling=false) all that no container uses. The
 * space is that of the layers that went, each as large as what was unpacked.
 */
#include "api/images/images.h"

#include "api/router/prune.h"
#include "firmware/core/log.h"

static const char *const filter_keys[] = {"dangling", "label", "label!", "until", NULL};

struct pruning {
	struct prune_filter filter;
	bool dangling_only;
	struct json_writer w; /* an array of its own, so that an empty one can be told as null */
	struct buf records;
	size_t n;
	uint64_t bytes;
};

static int read_dangling(struct pruning *p, struct err *e)
{
	const struct texts *values = filters_get(&p->filter.filters, "dangling");
	bool yes = texts_contain(values, "true") || texts_contain(values, "1");
	bool no = texts_contain(values, "false") || texts_contain(values, "0");

	if (values->n && yes == no)
		return err_set(e, ERR_INVALID, "invalid filter 'dangling=[%s]'", values->items[0]);
	p->dangling_only = !no;
	return 0;
}

/* The image's parents, which go with it, have no layers that it has not. */
static uint64_t layer_size(const struct image *img, const char *chain)
{
	for (size_t i = 0; i < img->n_layers; i++)
		if (!strcmp(img->chain_ids[i].text, chain))
			return img->layer_sizes[i];
	return 0;
}

static void take_records(struct pruning *p, const struct image *img,
			 const struct image_removed *done, size_t n)
{
	for (size_t i = 0; i < n; i++, p->n++) {
		json_object_open(&p->w);
		json_kv_text(&p->w, done[i].deleted ? "Deleted" : "Untagged", done[i].what);
		json_object_close(&p->w);
		if (done[i].deleted)
			p->bytes += layer_size(img, done[i].what);
	}
}

/* What cannot be removed is left for the next time. */
static void remove_by(struct call *call, struct pruning *p, const struct image *img,
		      const char *name) FIBER_FN
{
	struct image_removed *done;
	struct err e = ERR_INIT;
	size_t n;

	fiber_shield();
	if (image_remove(call->eng->images, name, false, false, call->a, &done, &n, &e) == 0)
		take_records(p, img, done, n);
	else if (e.kind != ERR_NOT_FOUND && e.kind != ERR_CONFLICT)
		log_warn("pruning image %s: %s", name, e.msg);
	fiber_unshield();
}

static void prune_one(struct call *call, struct pruning *p, const struct image *img) FIBER_FN
{
	struct texts tags = {0}, digests = {0};

	if (image_names(call->eng->images, img, call->a, &tags, &digests) < 0 ||
	    (p->dangling_only && (tags.n || img->children)) ||
	    (!tags.n && !digests.n && img->children))
		return;
	for (size_t i = 0; i < tags.n && !img->gone; i++)
		remove_by(call, p, img, tags.items[i]);
	for (size_t i = 0; i < digests.n && !img->gone; i++)
		remove_by(call, p, img, digests.items[i]);
	if (!tags.n && !digests.n)
		remove_by(call, p, img, img->id.text);
}

static int prune_all(struct call *call, struct pruning *p, struct err *e) FIBER_FN
{
	struct image **all;
	size_t n = 0;

	if (image_list(call->eng->images, call->a, &all, &n, e) < 0)
		return err_code(e);
	http_watch_client(call->http, true);
	for (size_t i = 0; i < n; i++) {
		struct image *img = all[i];

		if (!fiber_cancelled() && !img->gone && !img->containers && !img->mounts &&
		    prune_filter_wants(&p->filter, img->created_ns, &img->spec.config.labels))
			prune_one(call, p, img);
		image_unref(img);
	}
	http_watch_client(call->http, false);
	return 0;
}

int api_images_prune(struct call *call, struct err *e)
{
	struct pruning *p = arena_alloc(call->a, sizeof(*p));
	struct json_writer w;
	struct buf out;
	int r;

	if (!p)
		return err_set(e, ERR_UNAVAILABLE, "no memory");
	if (prune_filter_read(call, filter_keys, &p->filter, e) < 0 || read_dangling(p, e) < 0 ||
	    engine_prune_begin(&call->eng->pruning_images, e) < 0)
		return err_code(e);
	buf_init(&p->records, call->a, JSON_REPLY_MAX);
	json_begin(&p->w, &p->records);
	json_array_open(&p->w);
	r = prune_all(call, p, e);
	call->eng->pruning_images = false;
	if (r < 0)
		return r;
	json_array_close(&p->w);
	reply_begin(call, &out, &w);
	json_object_open(&w);
	json_key(&w, "ImagesDeleted");
	json_put_raw(&w, p->n ? buf_str(&p->records) : STR("null"));
	return prune_finish(call, &out, &w, EVENT_IMAGE, p->bytes, e);
}
