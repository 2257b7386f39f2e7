/* SPDX-License-Identifier: Apache-2.0 */
/*
 * POST /images/load: one job spools and reads the archive, then image by image the files of the
 * layers become blobs (a rename), the layers are unpacked, and the image is committed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "firmware/core/file.h"
#include "firmware/core/log.h"
#include "firmware/core/mem.h"
#include "runtime/image/archive.h"
#include "runtime/image/batch.h"
#include "runtime/image/install.h"

struct load {
	struct image_store *store;
	struct progress_sink *sink;
	struct job job;
	struct reader *source;
	struct archive archive;
};

static int spool_run(struct job *job)
{
	struct load *l = container_of(job, struct load, job);
	int rc = archive_spool(&l->archive, l->source, &job->err);

	return rc < 0 ? rc : archive_read(&l->archive, &job->err);
}

static int spool(struct load *l, struct image_source *src, struct err *e) FIBER_FN
{
	int rc = src->begin(src, &l->job, &l->source, e);

	if (rc < 0)
		return rc;
	rc = job_run(&l->job, spool_run, JOB_LONG);
	src->end(src);
	if (rc == -EAGAIN && !l->job.err.msg[0])
		err_set(&l->job.err, ERR_UNAVAILABLE, "too many operations at once");
	if (rc < 0)
		*e = l->job.err;
	return rc;
}

/* --- progress --- */

static int tell(struct layer_batch *b, struct err *e) FIBER_FN
{
	struct load *l = b->arg;

	for (size_t i = 0; i < b->n_tasks; i++) {
		struct layer_task *t = &b->tasks[i];
		uint64_t taken = atomic_load_explicit(&t->work.taken, memory_order_relaxed);
		char id[13];
		struct progress p = {.status = "Loading layer", .id = id, .detail = true};

		if (taken == t->told_bytes)
			continue;
		t->told_bytes = taken;
		snprintf(id, sizeof(id), "%.12s", digest_hex(&t->work.diff_id));
		p.current = (int64_t)taken;
		p.total = (int64_t)t->total;
		if (l->sink->emit(l->sink, &p) < 0)
			return err_sys(e, ECANCELED, "load");
	}
	return 0;
}

static int tell_loaded(struct load *l, const struct archive_image *image, struct err *e) FIBER_FN
{
	struct progress p = {.current = -1, .total = -1};
	size_t size = REFERENCE_TEXT_MAX + 32;
	CLEANUP_MEM char *text = mem_alloc(size);
	int rc = 0;

	if (!text)
		return err_sys(e, ENOMEM, "load");
	p.stream = text;
	for (size_t i = 0; rc >= 0 && i < image->n_names; i++) {
		snprintf(text, size, "Loaded image: %s\n", image->names[i]);
		rc = l->sink->emit(l->sink, &p);
	}
	if (!image->n_names) {
		snprintf(text, size, "Loaded image ID: %s\n", image->config_digest.text);
		rc = l->sink->emit(l->sink, &p);
	}
	return rc < 0 ? err_sys(e, ECANCELED, "load") : 0;
}

/* --- one image --- */

/* Files of the archive take their places among the blobs. The batch holds them already. */
static int move_layers(struct load *l, const struct archive_image *image, struct err *e)
{
	struct image_store *s = l->store;
	char from[STORE_PATH_MAX], to[STORE_PATH_MAX];

	for (size_t i = 0; i < image->n_layers; i++) {
		const struct archive_file *f = image->layers[i];

		archive_file_path(&l->archive, f, from);
		blob_path(&f->digest, to);
		/* Shared by two images of the archive, it was moved already. */
		if (renameat(s->root_fd, from, s->root_fd, to) < 0 &&
		    (errno != ENOENT || !blob_exists(s, &f->digest)))
			return err_sys(e, errno, "rename %s to %s", from, to);
	}
	return 0;
}

static int load_new(struct load *l, const struct archive_image *image, struct err *e) FIBER_FN
{
	CLEANUP_MEM struct layer_batch *b = mem_alloc(sizeof(*b));
	CLEANUP_MEM struct digest *blobs = mem_alloc_array(image->n_layers + 1, sizeof(*blobs));
	CLEANUP_MEM uint64_t *sizes = mem_alloc_array(image->n_layers + 1, sizeof(*sizes));
	struct install install = {
		.config = image->config,
		.manifest = image->manifest,
		.manifest_type = image->manifest_type,
		.names = image->names,
		.n_names = image->n_names,
		.batch = b,
	};
	int rc;

	if (!b || !blobs || !sizes)
		return err_sys(e, ENOMEM, "load");
	for (size_t i = 0; i < image->n_layers; i++) {
		blobs[i] = image->layers[i]->digest;
		sizes[i] = image->layers[i]->size;
	}
	b->tell = tell;
	b->arg = l;
	rc = layer_batch_init(b, l->store, image->diff_ids, blobs, sizes, image->n_layers, e);
	if (rc == 0)
		rc = layer_batch_hold_present(b, e);
	if (rc == 0)
		rc = move_layers(l, image, e);
	if (rc == 0)
		rc = layer_batch_run(b, e);
	if (rc == 0)
		rc = image_install(l->store, &install, NULL, e);
	layer_batch_done(b);
	return rc;
}

static int load_one(struct load *l, const struct archive_image *image, struct err *e) FIBER_FN
{
	struct image *there = store_find_id(l->store, &image->config_digest);
	int rc;

	if (there) {
		image_ref(there);
		rc = image_name(l->store, there, image->names, image->n_names, e);
		image_unref(there);
	} else {
		rc = load_new(l, image, e);
	}
	if (rc < 0)
		return rc;
	store_tell(l->store, store_find_id(l->store, &image->config_digest), "load",
		   image->config_digest.text, image->config_digest.text);
	return tell_loaded(l, image, e);
}

int image_load(struct image_store *s, struct image_source *src, struct progress_sink *sink,
	       struct err *e) FIBER_FN
{
	struct load *l = mem_alloc(sizeof(*l));
	int rc;

	if (!l)
		return err_sys(e, ENOMEM, "load");
	l->store = s;
	l->sink = sink;
	l->archive.root_fd = s->root_fd;
	l->archive.job = &l->job;
	store_tmp_path(s, "load", l->archive.dir);
	rc = spool(l, src, e);
	for (size_t i = 0; rc == 0 && i < l->archive.n_images; i++)
		rc = load_one(l, &l->archive.images[i], e);
	store_discard(s, l->archive.dir);
	store_reap(s);
	archive_done(&l->archive);
	mem_free(l);
	return rc;
}
