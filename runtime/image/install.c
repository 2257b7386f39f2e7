/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/image/install.h"

#include <errno.h>

#include "firmware/core/mem.h"

struct write_job {
	struct job job;
	int root_fd;
	struct str config, manifest;
	char config_tmp[STORE_PATH_MAX], manifest_tmp[STORE_PATH_MAX];
};

static int write_run(struct job *job)
{
	struct write_job *w = container_of(job, struct write_job, job);
	struct digest found;
	int rc = blob_write(w->root_fd, w->config_tmp, w->config, &found, &job->err);

	return rc < 0 ? rc
		      : blob_write(w->root_fd, w->manifest_tmp, w->manifest, &found, &job->err);
}

static int write_documents(struct image_store *s, const struct install *in, struct err *e) FIBER_FN
{
	CLEANUP_MEM struct write_job *w = mem_alloc(sizeof(*w));
	int rc;

	if (!w)
		return err_sys(e, ENOMEM, "install an image");
	w->root_fd = s->root_fd;
	w->config = in->config;
	w->manifest = in->manifest;
	store_tmp_path(s, "config", w->config_tmp);
	store_tmp_path(s, "manifest", w->manifest_tmp);
	rc = job_run(&w->job, write_run, JOB_SHORT);
	if (rc == -EAGAIN && !w->job.err.msg[0])
		err_set(&w->job.err, ERR_UNAVAILABLE, "too many operations at once");
	if (rc < 0)
		*e = w->job.err;
	return rc;
}

int image_name(struct image_store *s, struct image *img, const char *const *names, size_t n,
	       struct err *e) FIBER_FN
{
	CLEANUP_MEM struct name_change *changes = mem_alloc_array(n + 1, sizeof(*changes));
	struct commit c = {.names = changes, .n_names = n};

	if (!changes)
		return err_sys(e, ENOMEM, "name an image");
	if (!n)
		return 0;
	for (size_t i = 0; i < n; i++)
		changes[i] = (struct name_change){.name = names[i], .img = img};
	return store_commit(s, &c, e);
}

static int commit_new(struct image_store *s, const struct install *in, struct image *img,
		      struct err *e) FIBER_FN
{
	CLEANUP_MEM struct name_change *changes =
		mem_alloc_array(in->n_names + 1, sizeof(*changes));
	struct commit c = {.add = img, .names = changes, .n_names = in->n_names};

	if (!changes)
		return err_sys(e, ENOMEM, "install an image");
	for (size_t i = 0; i < in->n_names; i++)
		changes[i] = (struct name_change){.name = in->names[i], .img = img};
	return store_commit(s, &c, e);
}

static int make_image(const struct install *in, const struct digest *config,
		      const struct digest *manifest, struct image **ret, struct err *e)
{
	const struct layer_batch *b = in->batch;
	CLEANUP_MEM struct layer_record *layers = mem_alloc_array(b->n_tasks + 1, sizeof(*layers));
	struct image_record r = {
		.id = config->text,
		.manifest = manifest->text,
		.manifest_type = in->manifest_type,
		.manifest_size = (int64_t)in->manifest.n,
		.parent = in->parent,
		.layers = {.items = layers, .n = b->n_tasks, .set = true},
	};

	if (!layers)
		return err_sys(e, ENOMEM, "install an image");
	for (size_t i = 0; i < b->n_tasks; i++) {
		const struct layer_task *t = &b->tasks[i];

		layers[i] = (struct layer_record){t->work.chain.text, t->work.diff_id.text,
						  t->work.blob.text, (int64_t)t->layer->size};
	}
	return image_from_record(&r, in->config, ret, e);
}

int image_install(struct image_store *s, const struct install *in, struct image **ret,
		  struct err *e) FIBER_FN
{
	struct digest config, manifest;
	struct image *img = NULL;
	int rc;

	digest_of(in->config.p, in->config.n, &config);
	digest_of(in->manifest.p, in->manifest.n, &manifest);
	rc = blob_hold(s, &config, e);
	if (rc < 0)
		return rc;
	rc = blob_hold(s, &manifest, e);
	if (rc < 0) {
		blob_release(s, &config);
		return rc;
	}
	rc = write_documents(s, in, e);
	if (rc == 0)
		rc = make_image(in, &config, &manifest, &img, e);
	if (rc == 0) {
		rc = commit_new(s, in, img, e);
		if (rc < 0)
			image_unref(img);
	}
	if (rc == 0 && ret) {
		*ret = store_find_id(s, &config);
		image_ref(*ret);
	}
	blob_release(s, &config);
	blob_release(s, &manifest);
	return rc;
}
