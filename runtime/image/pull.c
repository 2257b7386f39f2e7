/* SPDX-License-Identifier: Apache-2.0 */
/*
 * POST /images/create?fromImage: one job finds the manifest and the configuration; then the layers
 * are made, several at a time, each in one pass from the socket to the directory; then the image is
 * committed. This fiber only looks on and tells, in the engine's words and order.
 */
#include <errno.h>
#include <stdio.h>

#include "firmware/core/config.h"
#include "firmware/core/mem.h"
#include "runtime/image/batch.h"
#include "runtime/image/install.h"
#include "runtime/image/registry.h"

#define NESTED_MAX 4
#define ARENA_MAX (32 * DOCUMENT_MAX)

enum told { TOLD_WAITING, TOLD_DOWNLOADING, TOLD_ALL };

struct pull {
	struct image_store *store;
	struct progress_sink *sink;
	struct arena mem; /* of the whole pull */
	struct registry_target target;
	struct platform platform;
	bool any_new; /* a name was set that was not so before */
	/* one image of it */
	struct reference ref;
	struct resolve {
		struct job job;
		struct arena mem;
		struct registry_session session;
		const char *reference; /* tag or digest */
		bool tags;	       /* list them instead */
		struct texts all_tags;
		struct registry_document top, manifest;
		struct manifest parsed;
		struct str config;
		struct digest *diff_ids;
	} found;
	struct layer_batch batch;
	atomic_bool stop;
	struct registry_session sessions[CONFIG_PULL_CONCURRENCY];
	struct registry_blob blobs[CONFIG_PULL_CONCURRENCY];
};

static int say(struct pull *p, const char *id, const char *status, struct err *e) FIBER_FN
{
	struct progress line = {.status = status, .id = id, .current = -1, .total = -1};

	return p->sink->emit(p->sink, &line) < 0 ? err_sys(e, ECANCELED, "pull") : 0;
}

/* --- finding out (worker) --- */

static int find_image(struct pull *p, struct err *e)
{
	struct resolve *r = &p->found;
	const char *reference = r->reference;
	int rc = 0;

	for (int depth = 0; rc == 0; depth++) {
		const struct descriptor *d;

		rc = registry_get_manifest(&r->session, reference, &r->mem, &r->manifest, e);
		if (rc == 0 && depth == 0)
			r->top = r->manifest;
		if (rc == 0)
			rc = manifest_parse(r->manifest.text, r->manifest.type, &r->mem, &r->parsed,
					    e);
		if (rc < 0 || !r->parsed.index)
			break;
		if (depth == NESTED_MAX)
			return err_set(e, ERR_INVALID, "the indexes of %s are nested too deep",
				       p->target.familiar);
		rc = manifest_choose(&r->parsed, &p->platform, &d, e);
		if (rc == 0)
			reference = d->digest.text;
	}
	return rc;
}

static int resolve_run(struct job *job)
{
	struct resolve *r = container_of(job, struct resolve, job);
	struct pull *p = container_of(r, struct pull, found);
	struct image_spec spec;
	size_t n;
	int rc;

	registry_session_init(&r->session, &p->target, &job->stop);
	if (r->tags)
		return registry_get_tags(&r->session, &p->mem, &r->all_tags, &job->err);
	rc = find_image(p, &job->err);
	if (rc == 0)
		rc = registry_get_document(&r->session, &r->parsed.config.digest, &r->mem,
					   &r->config, &job->err);
	if (rc == 0)
		rc = image_spec_parse(r->config, &r->mem, &spec, &r->diff_ids, &n, &job->err);
	if (rc < 0)
		return rc;
	if (n != r->parsed.n_entries)
		return err_set(&job->err, ERR_INVALID,
			       "layers from manifest don't match image configuration");
	if (spec.os && spec.os[0] && strcmp(spec.os, "linux"))
		return err_set(&job->err, ERR_INVALID,
			       "image operating system \"%.64s\" cannot be used on "
			       "this platform",
			       spec.os);
	return 0;
}

static int resolve(struct pull *p, struct err *e) FIBER_FN
{
	struct resolve *r = &p->found;
	int rc;

	r->job = (struct job){0};
	rc = job_run(&r->job, resolve_run, JOB_LONG);
	if (rc == -EAGAIN && !r->job.err.msg[0])
		err_set(&r->job.err, ERR_UNAVAILABLE, "too many operations at once");
	if (rc < 0)
		*e = r->job.err;
	return rc;
}

/* --- layers --- */

static int open_layer(struct layer_task *t, struct reader **ret, struct err *e)
{
	struct pull *p = t->batch->arg;
	struct registry_session *s = &p->sessions[t->slot];
	struct registry_blob *b = &p->blobs[t->slot];
	int rc;

	if (!s->target) {
		registry_session_init(s, &p->target, &p->stop);
		rc = registry_session_copy(s, &p->found.session, e);
		if (rc < 0)
			return rc;
	}
	rc = registry_blob_open(b, s, &t->work.blob, t->total, e);
	if (rc == 0)
		*ret = &b->reader;
	return rc;
}

static void close_layer(struct layer_task *t)
{
	(void)t; /* the session goes on with the next one */
}

static void short_id(const struct layer_task *t, char id[13])
{
	snprintf(id, 13, "%.12s", digest_hex(&t->work.blob));
}

static int say_count(struct pull *p, const struct layer_task *t, const char *status,
		     uint64_t current, struct err *e) FIBER_FN
{
	char id[13];
	struct progress line = {
		.status = status,
		.id = id,
		.current = (int64_t)MIN(current, t->total),
		.total = (int64_t)t->total,
		.detail = true,
	};

	short_id(t, id);
	return p->sink->emit(p->sink, &line) < 0 ? err_sys(e, ECANCELED, "pull") : 0;
}

static int say_layer(struct pull *p, const struct layer_task *t, const char *status, struct err *e)
	FIBER_FN
{
	char id[13];
	struct progress line = {
		.status = status, .id = id, .current = -1, .total = -1, .detail = true};

	short_id(t, id);
	return p->sink->emit(p->sink, &line) < 0 ? err_sys(e, ECANCELED, "pull") : 0;
}

static int say_done(struct pull *p, struct layer_task *t, struct err *e) FIBER_FN
{
	int rc = 0;

	if (!t->told_bytes && t->total && !t->local)
		rc = say_count(p, t, "Downloading", t->total, e);
	if (rc == 0)
		rc = say_layer(p, t, "Verifying Checksum", e);
	if (rc == 0)
		rc = say_layer(p, t, "Download complete", e);
	if (rc == 0)
		rc = say_count(p, t, "Extracting", t->total, e);
	return rc < 0 ? rc : say_layer(p, t, "Pull complete", e);
}

static int tell(struct layer_batch *b, struct err *e) FIBER_FN
{
	struct pull *p = b->arg;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < b->n_tasks; i++) {
		struct layer_task *t = &b->tasks[i];
		uint64_t taken = atomic_load_explicit(&t->work.taken, memory_order_relaxed);

		if (t->told == TOLD_ALL)
			continue;
		if (t->state == TASK_DONE) {
			t->told = TOLD_ALL;
			rc = say_done(p, t, e);
		} else if (t->state == TASK_RUNNING && taken != t->told_bytes && taken < t->total) {
			t->told_bytes = taken;
			rc = say_count(p, t, "Downloading", taken, e);
		}
	}
	return rc;
}

static int say_plan(struct pull *p, struct err *e) FIBER_FN
{
	struct layer_batch *b = &p->batch;
	size_t running = 0;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < b->n_tasks; i++) {
		struct layer_task *t = &b->tasks[i];

		if (t->state == TASK_DONE)
			t->told = TOLD_ALL;
		rc = say_layer(p, t, t->state == TASK_DONE ? "Already exists" : "Pulling fs layer",
			       e);
	}
	for (size_t i = 0; rc == 0 && i < b->n_tasks; i++) {
		if (b->tasks[i].state != TASK_DONE && running++ >= CONFIG_PULL_CONCURRENCY)
			rc = say_layer(p, &b->tasks[i], "Waiting", e);
	}
	return rc;
}

static int make_layers(struct pull *p, struct err *e) FIBER_FN
{
	const struct manifest *m = &p->found.parsed;
	struct digest *blobs = arena_alloc_array(&p->found.mem, m->n_entries + 1, sizeof(*blobs));
	uint64_t *sizes = arena_alloc_array(&p->found.mem, m->n_entries + 1, sizeof(*sizes));
	int rc;

	if (!blobs || !sizes)
		return err_sys(e, ENOMEM, "pull");
	for (size_t i = 0; i < m->n_entries; i++) {
		blobs[i] = m->entries[i].digest;
		sizes[i] = m->entries[i].size;
	}
	p->batch = (struct layer_batch){
		.open = open_layer, .close = close_layer, .tell = tell, .stop = &p->stop, .arg = p};
	atomic_store(&p->stop, false);
	rc = layer_batch_init(&p->batch, p->store, p->found.diff_ids, blobs, sizes, m->n_entries,
			      e);
	if (rc == 0)
		rc = layer_batch_hold_present(&p->batch, e);
	if (rc == 0)
		rc = say_plan(p, e);
	if (rc == 0)
		rc = layer_batch_run(&p->batch, e);
	return rc < 0 ? rc : tell(&p->batch, e);
}

/* --- one image --- */

struct names {
	const char *items[2];
	size_t n;
};

/* With a tag: the tag and the digest it stands for now; with a digest: that alone. */
static int make_names(struct pull *p, struct names *ret, struct err *e)
{
	char *by_tag = arena_alloc(&p->found.mem, REFERENCE_TEXT_MAX);
	char *by_digest = arena_alloc(&p->found.mem, REFERENCE_TEXT_MAX);

	if (!by_tag || !by_digest)
		return err_sys(e, ENOMEM, "pull");
	reference_familiar_name(&p->ref, by_digest);
	snprintf(by_digest + strlen(by_digest), REFERENCE_TEXT_MAX - strlen(by_digest), "@%s",
		 p->found.top.digest.text);
	ret->n = 0;
	if (!p->ref.digest.text[0]) {
		reference_familiar(&p->ref, by_tag);
		ret->items[ret->n++] = by_tag;
	}
	ret->items[ret->n++] = by_digest;
	return 0;
}

static int install(struct pull *p, const struct names *names, struct err *e) FIBER_FN
{
	struct install in = {
		.config = p->found.config,
		.manifest = p->found.manifest.text,
		.manifest_type = p->found.parsed.media_type,
		.names = names->items,
		.n_names = names->n,
		.batch = &p->batch,
	};
	int rc = make_layers(p, e);

	if (rc == 0)
		rc = image_install(p->store, &in, NULL, e);
	layer_batch_done(&p->batch);
	for (size_t i = 0; i < CONFIG_PULL_CONCURRENCY; i++) {
		if (p->sessions[i].target)
			registry_session_done(&p->sessions[i]);
		p->sessions[i].target = NULL;
	}
	return rc;
}

/* The image is here already: only the names may be new. */
static int rename_present(struct pull *p, struct image *img, const struct names *names,
			  struct err *e) FIBER_FN
{
	bool same = true;
	int rc = 0;

	for (size_t i = 0; i < names->n; i++)
		same = same && names_find(p->store, names->items[i]) == img;
	if (same)
		return 0;
	image_ref(img);
	rc = image_name(p->store, img, names->items, names->n, e);
	image_unref(img);
	return rc;
}

static int pull_resolved(struct pull *p, struct err *e) FIBER_FN
{
	struct image *img, *named;
	struct names names = {0};
	char line[96];
	int rc = say(p, p->found.reference,
		     arena_printf(&p->found.mem, "Pulling from %s", p->ref.path), e);

	if (rc == 0)
		rc = make_names(p, &names, e);
	if (rc < 0)
		return rc;
	img = store_find_id(p->store, &p->found.parsed.config.digest);
	named = names_find(p->store, names.items[0]);
	if (!img || named != img)
		p->any_new = true;
	rc = img ? rename_present(p, img, &names, e) : install(p, &names, e);
	if (rc < 0)
		return rc;
	snprintf(line, sizeof(line), "Digest: %s", p->found.top.digest.text);
	return say(p, NULL, line, e);
}

static int pull_one(struct pull *p, struct err *e) FIBER_FN
{
	int rc;

	p->found.reference = p->ref.digest.text[0] ? p->ref.digest.text : p->ref.tag;
	arena_open_heap(&p->found.mem, ARENA_MAX);
	rc = resolve(p, e);
	if (rc == 0)
		rc = pull_resolved(p, e);
	registry_session_done(&p->found.session);
	arena_done(&p->found.mem);
	return rc;
}

static int pull_all(struct pull *p, struct err *e) FIBER_FN
{
	int rc;

	p->found.tags = true;
	rc = resolve(p, e);
	registry_session_done(&p->found.session);
	p->found.tags = false;
	for (size_t i = 0; rc == 0 && i < p->found.all_tags.n; i++) {
		/* What the registry lists is its word, not ours. */
		rc = reference_set_tag(&p->ref, str_from(p->found.all_tags.items[i]), e);
		if (rc == 0)
			rc = pull_one(p, e);
	}
	p->ref.tag[0] = '\0';
	return rc;
}

static NOINLINE int say_status(struct pull *p, struct err *e) FIBER_FN
{
	char *name = arena_alloc(&p->mem, REFERENCE_TEXT_MAX);
	struct reference shown = p->ref;
	const char *text;

	if (!name)
		return err_sys(e, ENOMEM, "pull");
	reference_familiar(&shown, name);
	text = arena_printf(&p->mem, "Status: %s for %s",
			    p->any_new ? "Downloaded newer image" : "Image is up to date", name);
	return text ? say(p, NULL, text, e) : err_sys(e, ENOMEM, "pull");
}

/* An image that is of one platform only is taken as it is, with a word about it. */
static NOINLINE int say_mismatch(struct pull *p, struct err *e) FIBER_FN
{
	char *name = arena_alloc(&p->mem, REFERENCE_TEXT_MAX);
	struct err why = ERR_INIT;
	struct image *img;
	const char *text;

	if (!name)
		return err_sys(e, ENOMEM, "pull");
	reference_familiar(&p->ref, name);
	img = names_find(p->store, name);
	reference_canonical(&p->ref, name);
	if (!img || image_check_platform(img, name, &p->platform, &why) == 0)
		return 0;
	text = arena_printf(&p->mem, "WARNING: %s", why.msg);
	return text ? say(p, NULL, text, e) : err_sys(e, ENOMEM, "pull");
}

static NOINLINE void tell_pulled(struct pull *p)
{
	char *id = arena_alloc(&p->mem, REFERENCE_TEXT_MAX);
	char *name = arena_alloc(&p->mem, REFERENCE_TEXT_MAX);
	struct reference bare = p->ref;

	if (!id || !name)
		return;
	reference_familiar(&p->ref, id);
	bare.tag[0] = bare.digest.text[0] = '\0';
	reference_familiar(&bare, name);
	store_tell(p->store, names_find(p->store, id), "pull", id, name);
}

static int pull_prepare(struct pull *p, const struct reference *ref, const char *platform,
			const struct registry_auth *auth, struct err *e)
{
	if (!strcmp(ref->domain, "docker.io") && !strcmp(ref->path, "library/scratch"))
		return err_set(e, ERR_FORBIDDEN, "'scratch' is a reserved name");
	p->ref = *ref;
	p->platform = *platform_host();
	if (platform && platform[0] && platform_parse(platform, &p->mem, &p->platform, e) < 0)
		return err_code(e);
	return registry_target_init(&p->target, ref, auth, p->store->opt, &p->mem, e);
}

int image_pull(struct image_store *s, const struct reference *ref, const char *platform,
	       const struct registry_auth *auth, struct progress_sink *sink, struct err *e) FIBER_FN
{
	struct pull *p;
	int rc;

	if (!CONFIG(REGISTRY))
		return err_set(e, ERR_NOT_IMPLEMENTED,
			       "pulling from registries is not built in (CONFIG_REGISTRY)");
	p = mem_alloc(sizeof(*p));
	if (!p)
		return err_sys(e, ENOMEM, "pull");
	p->store = s;
	p->sink = sink;
	arena_open_heap(&p->mem, ARENA_MAX);
	rc = pull_prepare(p, ref, platform, auth, e);
	if (rc == 0)
		rc = ref->tag[0] || ref->digest.text[0] ? pull_one(p, e) : pull_all(p, e);
	if (rc == 0)
		rc = say_status(p, e);
	if (rc == 0 && platform && platform[0])
		rc = say_mismatch(p, e);
	if (rc == 0)
		tell_pulled(p);
	store_reap(s);
	arena_done(&p->mem);
	mem_free(p);
	/* A registry that hung up is not to be taken for a client that did. */
	if ((rc == -ECONNRESET || rc == -ECANCELED) && !fiber_cancelled()) {
		e->kind = ERR_SYSTEM;
		e->sys_errno = EIO;
		rc = -EIO;
	}
	return rc;
}
