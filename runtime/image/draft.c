/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From changed files to an image. The tar stream of the changes is hashed (the diff ID),
 * compressed, hashed again and written to tmp/. Then it takes its place among the blobs and is
 * unpacked like any other layer; and a configuration, the parent's with one more entry in its
 * history, and a manifest are made and installed. Where nothing changed there is no layer.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "firmware/core/clock.h"
#include "firmware/core/file.h"
#include "firmware/core/mem.h"
#include "firmware/fmt/deflate.h"
#include "runtime/image/install.h"
#include "runtime/image/manifest.h"

struct image_draft {
	struct job job;
	int root_fd;
	struct image_layer_source *source;
	char tmp[STORE_PATH_MAX]; /* "" once the blob is in its place */
	uint64_t entries, size;
	struct digest diff_id, blob;
};

/* --- the changes become a blob --- */

/* Hashes what passes. */
struct hash_writer {
	struct writer writer;
	struct writer *sink;
	struct sha256 hash;
};

static int hash_write(struct writer *writer, const void *p, size_t n, struct err *e)
{
	struct hash_writer *h = container_of(writer, struct hash_writer, writer);

	sha256_update(&h->hash, p, n);
	return writer_write(h->sink, p, n, e);
}

static int write_through(struct image_draft *d, struct blob_writer *blob, struct err *e)
{
	CLEANUP(deflate_freep) struct deflate *z = NULL;
	struct hash_writer h = {.writer.write = hash_write};
	int rc = deflate_open(&z, &blob->writer, DEFLATE_GZIP, e);

	if (rc < 0)
		return rc;
	h.sink = deflate_writer(z);
	sha256_init(&h.hash);
	rc = d->source->write(d->source, &d->job, &h.writer, &d->entries, e);
	if (rc == 0)
		rc = deflate_finish(z, e);
	if (rc == 0)
		digest_from_sha256(&h.hash, &d->diff_id);
	return rc;
}

static int write_run(struct job *job)
{
	struct image_draft *d = container_of(job, struct image_draft, job);
	struct blob_writer blob;
	int rc = blob_writer_open(&blob, d->root_fd, d->tmp, &job->err);

	if (rc < 0)
		return rc;
	rc = write_through(d, &blob, &job->err);
	if (rc == 0 && d->entries) {
		digest_from_sha256(&blob.hash, &d->blob);
		d->size = blob.size;
		blob.tmp[0] = '\0'; /* it stays */
	}
	blob_writer_abort(&blob);
	return rc;
}

int image_draft_write(struct image_store *s, struct image_layer_source *src,
		      struct image_draft **ret, struct err *e) FIBER_FN
{
	struct image_draft *d = mem_alloc(sizeof(*d));
	int rc;

	if (!d)
		return err_sys(e, ENOMEM, "commit");
	d->root_fd = s->root_fd;
	d->source = src;
	store_tmp_path(s, "commit", d->tmp);
	rc = src->begin ? src->begin(src, &d->job, &d->job.err) : 0;
	if (rc == 0) {
		rc = job_run(&d->job, write_run, JOB_LONG);
		if (src->begin)
			src->end(src);
	}
	if (rc == -EAGAIN && !d->job.err.msg[0])
		err_set(&d->job.err, ERR_UNAVAILABLE, "too many operations at once");
	if (rc < 0) {
		*e = d->job.err;
		mem_free(d);
		return rc;
	}
	*ret = d;
	return 0;
}

void image_draft_free(struct image_store *s, struct image_draft *d) FIBER_FN
{
	if (!d)
		return;
	if (d->tmp[0] && d->entries) {
		store_discard(s, d->tmp);
		store_reap(s);
	}
	mem_free(d);
}

/* --- the blob becomes an image --- */

struct assembly {
	struct image_store *store;
	struct image_draft *draft;
	const struct image_commit *what;
	struct arena mem;
	struct layer_batch batch;
	size_t n; /* layers */
	struct digest *diff_ids, *blobs;
	uint64_t *sizes;
	struct manifest_layer *layers;
	struct str config, manifest;
};

static const char *suffix_of(const char *media_type)
{
	size_t n = strlen(media_type);

	if (n > 4 && !strcmp(media_type + n - 4, "gzip"))
		return "+gzip";
	return n > 4 && !strcmp(media_type + n - 4, "zstd") ? "+zstd" : "";
}

/* The parent's layers as its manifest has them, and the new one. */
static int list_layers(struct assembly *a, struct err *e)
{
	const struct image *parent = a->what->parent;
	size_t n = parent ? parent->n_layers : 0;
	struct manifest m = {0};
	char path[STORE_PATH_MAX];
	struct str text;

	a->n = n + (a->draft->entries > 0);
	a->diff_ids = arena_alloc_array(&a->mem, a->n + 1, sizeof(*a->diff_ids));
	a->blobs = arena_alloc_array(&a->mem, a->n + 1, sizeof(*a->blobs));
	a->sizes = arena_alloc_array(&a->mem, a->n + 1, sizeof(*a->sizes));
	a->layers = arena_alloc_array(&a->mem, a->n + 1, sizeof(*a->layers));
	if (!a->diff_ids || !a->blobs || !a->sizes || !a->layers)
		return err_sys(e, ENOMEM, "commit");
	if (a->n > CONFIG_IMAGE_LAYERS_MAX)
		return err_set(e, ERR_SYSTEM, "max depth exceeded");
	if (parent) {
		blob_path(&parent->manifest, path);
		if (file_read_at(a->store->root_fd, path, DOCUMENT_MAX, &a->mem, &text, e) < 0 ||
		    manifest_parse(text, parent->manifest_type, &a->mem, &m, e) < 0)
			return err_wrap(e, "the manifest of image %s", parent->id.text);
		if (m.n_entries != n)
			return err_set(e, ERR_SYSTEM, "the manifest of image %s is damaged",
				       parent->id.text);
	}
	for (size_t i = 0; i < n; i++) {
		a->diff_ids[i] = parent->diff_ids[i];
		a->blobs[i] = parent->blobs[i];
		a->layers[i] = (struct manifest_layer){parent->blobs[i], m.entries[i].size,
						       suffix_of(m.entries[i].media_type)};
	}
	if (a->n > n) {
		a->diff_ids[n] = a->draft->diff_id;
		a->blobs[n] = a->draft->blob;
		a->layers[n] = (struct manifest_layer){a->draft->blob, a->draft->size, "+gzip"};
	}
	for (size_t i = 0; i < a->n; i++)
		a->sizes[i] = a->layers[i].size;
	return 0;
}

static int read_parent(struct assembly *a, struct image_spec *ret, struct err *e)
{
	const struct image *parent = a->what->parent;
	struct str text;

	if (!parent) {
		const struct platform *made =
			a->what->platform ? a->what->platform : platform_host();

		*ret = (struct image_spec){.architecture = made->architecture,
					   .variant = made->variant,
					   .os = made->os,
					   .rootfs.type = "layers"};
		return 0;
	}
	if (image_config_text(a->store, parent, &a->mem, &text, e) < 0 ||
	    shape_decode_text(&shape_image_spec, text, &a->mem, ret, e) < 0)
		return err_wrap(e, "the configuration of image %s", parent->id.text);
	return 0;
}

static int extend_history(struct assembly *a, struct image_spec *spec, const char *now)
{
	const struct image_commit *c = a->what;
	struct image_history *all = arena_alloc_array(&a->mem, spec->history.n + 1, sizeof(*all));

	if (!all)
		return -ENOMEM;
	if (spec->history.n)
		memcpy(all, spec->history.items, spec->history.n * sizeof(*all));
	all[spec->history.n] = (struct image_history){.created = now,
						      .created_by = c->created_by,
						      .author = c->author,
						      .comment = c->comment,
						      .empty_layer = !a->draft->entries};
	spec->history = (struct shape_array){all, spec->history.n + 1, true};
	return 0;
}

static int write_config(struct assembly *a, struct err *e)
{
	struct container_config container;
	struct image_spec spec;
	const char **diff_ids;
	struct json_writer w;
	char *now = arena_alloc(&a->mem, CLOCK_RFC3339_MAX);
	struct buf out;

	if (!now || !(diff_ids = arena_alloc_array(&a->mem, a->n + 1, sizeof(*diff_ids))))
		return err_sys(e, ENOMEM, "commit");
	if (read_parent(a, &spec, e) < 0)
		return err_code(e);
	(void)clock_format_rfc3339nano(clock_wall(), now);
	for (size_t i = 0; i < a->n; i++)
		diff_ids[i] = a->diff_ids[i].text;
	spec.rootfs.diff_ids = (struct texts){diff_ids, a->n, true};
	spec.created = now;
	spec.author = a->what->author;
	spec.comment = a->what->comment;
	spec.docker_version = CONFIG_VERSION;
	spec.parent = NULL;
	spec.config = *a->what->config;
	spec.container = a->what->container;
	spec.container_config = NULL;
	if (a->what->container_config) {
		container = *a->what->container_config;
		spec.container_config = &container;
	}
	if (extend_history(a, &spec, now) < 0)
		return err_sys(e, ENOMEM, "commit");
	buf_init(&out, &a->mem, DOCUMENT_MAX);
	json_begin(&w, &out);
	shape_encode(&shape_image_spec, &spec, &w, 0);
	if (out.failed)
		return err_set(e, ERR_TOO_LARGE,
			       "the image's configuration exceeds %d KiB "
			       "(CONFIG_MANIFEST_KIB_MAX)",
			       CONFIG_MANIFEST_KIB_MAX);
	a->config = buf_str(&out);
	return 0;
}

static int write_manifest(struct assembly *a, struct err *e)
{
	struct digest config;
	struct buf out;

	digest_of(a->config.p, a->config.n, &config);
	buf_init(&out, &a->mem, DOCUMENT_MAX);
	manifest_write(&out, &config, a->config.n, a->layers, a->n);
	if (out.failed)
		return err_set(e, ERR_TOO_LARGE, "the image's manifest is too large");
	a->manifest = buf_str(&out);
	return 0;
}

/* The batch holds the blob: from here on nobody sweeps it. */
static int place_blob(struct assembly *a, struct err *e)
{
	struct image_draft *d = a->draft;
	char path[STORE_PATH_MAX];

	if (!d->entries)
		return 0;
	blob_path(&d->blob, path);
	if (renameat(d->root_fd, d->tmp, d->root_fd, path) < 0)
		return err_sys(e, errno, "rename %s to %s", d->tmp, path);
	d->tmp[0] = '\0';
	return 0;
}

static NOINLINE int assemble(struct assembly *a, struct image **ret, struct err *e) FIBER_FN
{
	struct install install = {.manifest_type = TYPE_OCI_MANIFEST,
				  .names = &a->what->name,
				  .n_names = a->what->name != NULL,
				  .batch = &a->batch,
				  .parent = a->what->parent ? a->what->parent->id.text : NULL};
	int rc = layer_batch_init(&a->batch, a->store, a->diff_ids, a->blobs, a->sizes, a->n, e);

	if (rc == 0)
		rc = layer_batch_hold_present(&a->batch, e);
	if (rc == 0)
		rc = place_blob(a, e);
	if (rc == 0)
		rc = layer_batch_run(&a->batch, e);
	if (rc == 0)
		rc = write_config(a, e);
	if (rc == 0)
		rc = write_manifest(a, e);
	install.config = a->config;
	install.manifest = a->manifest;
	if (rc == 0)
		rc = image_install(a->store, &install, ret, e);
	layer_batch_done(&a->batch);
	return rc;
}

int image_draft_commit(struct image_store *s, struct image_draft *d, const struct image_commit *c,
		       struct image **ret, struct err *e) FIBER_FN
{
	struct assembly *a;
	int rc;

	if (c->parent && c->parent->gone)
		return err_set(e, ERR_NOT_FOUND, "No such image: %s", c->parent->id.text);
	a = mem_alloc(sizeof(*a));
	if (!a)
		return err_sys(e, ENOMEM, "commit");
	a->store = s;
	a->draft = d;
	a->what = c;
	arena_open_heap(&a->mem, 32 * DOCUMENT_MAX);
	rc = list_layers(a, e);
	if (rc == 0)
		rc = assemble(a, ret, e);
	arena_done(&a->mem);
	mem_free(a);
	store_reap(s);
	if (rc == 0 && c->name)
		store_tell(s, *ret, "tag", NULL, c->name);
	return rc;
}
