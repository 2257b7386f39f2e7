/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes to what images there are and what they are called. One at a time (store->meta): the files
 * are written as they will be, in a job, and only then the change is made in memory.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "firmware/core/file.h"
#include "firmware/core/log.h"
#include "firmware/core/mem.h"
#include "runtime/image/store.h"

#define INDEX_MAX (64u << 20)

/* --- names in memory --- */

struct image *names_find(struct image_store *s, const char *name)
{
	struct map_node *n = map_find(&s->names, str_from(name));

	return n ? map_entry(n, struct image_name, node)->img : NULL;
}

static void list_drop(struct image *img, const char *text)
{
	struct text_map *m = &img->names;

	for (size_t i = 0; i < m->n; i++) {
		if (m->items[i].key == text) {
			m->items[i] = m->items[--m->n];
			return;
		}
	}
}

static int list_add(struct image *img, const char *text)
{
	struct text_map *m = &img->names;
	struct text_pair *items = mem_realloc(m->items, (m->n + 1) * sizeof(*items));

	if (!items)
		return -ENOMEM;
	items[m->n] = (struct text_pair){text, ""};
	m->items = items;
	m->n++;
	m->set = true;
	return 0;
}

void names_drop(struct image_store *s, const char *name)
{
	struct map_node *n = map_find(&s->names, str_from(name));
	struct image_name *entry = n ? map_entry(n, struct image_name, node) : NULL;

	if (!entry)
		return;
	list_drop(entry->img, entry->text);
	map_remove(&s->names, n);
	mem_free(entry);
}

int names_set(struct image_store *s, const char *name, struct image *img)
{
	struct map_node *n = map_find(&s->names, str_from(name));
	size_t len = strlen(name);
	struct image_name *entry;
	int rc;

	if (n) {
		entry = map_entry(n, struct image_name, node);
		if (entry->img == img)
			return 0;
		rc = list_add(img, entry->text);
		if (rc < 0)
			return rc;
		list_drop(entry->img, entry->text);
		entry->img = img;
		return 0;
	}
	entry = mem_alloc(sizeof(*entry) + len + 1);
	if (!entry)
		return -ENOMEM;
	memcpy(entry->text, name, len + 1);
	entry->img = img;
	rc = list_add(img, entry->text);
	if (rc == 0) {
		rc = map_insert(&s->names, &entry->node, str_span(entry->text, len));
		if (rc < 0)
			list_drop(img, entry->text);
	}
	if (rc < 0)
		mem_free(entry);
	return rc;
}

/* --- the files as they will be --- */

struct named {
	const char *name; /* NULL: an image without a tag */
	const struct image *img;
};

struct commit_job {
	struct job job;
	int root_fd;
	bool sync_all;
	struct arena mem;
	struct record_text {
		char path[STORE_PATH_MAX];
		struct buf text;
	} * records;
	size_t n_records;
	char remove[STORE_PATH_MAX]; /* "" when none */
	struct buf names, index;
};

static const struct name_change *changed(const struct commit *c, const char *name)
{
	for (size_t i = c->n_names; i-- > 0;) {
		if (!strcmp(c->names[i].name, name))
			return &c->names[i];
	}
	return NULL;
}

static int by_name(const void *a, const void *b)
{
	const struct named *x = a, *y = b;
	int order = strcmp(x->name ? x->name : "", y->name ? y->name : "");

	return order ? order : strcmp(x->img->id.text, y->img->id.text);
}

/* All names after the change, sorted. */
static int names_after(struct image_store *s, const struct commit *c, struct arena *a,
		       struct named **ret, size_t *ret_n)
{
	struct named *all = arena_alloc_array(a, s->names.count + c->n_names + 1, sizeof(*all));
	struct map_node *node;
	size_t n = 0;

	if (!all)
		return -ENOMEM;
	for (node = map_next(&s->names, NULL); node; node = map_next(&s->names, node)) {
		struct image_name *entry = map_entry(node, struct image_name, node);

		if (!changed(c, entry->text))
			all[n++] = (struct named){entry->text, entry->img};
	}
	for (size_t i = 0; i < c->n_names; i++) {
		if (c->names[i].img && changed(c, c->names[i].name) == &c->names[i])
			all[n++] = (struct named){c->names[i].name, c->names[i].img};
	}
	qsort(all, n, sizeof(*all), by_name);
	*ret = all;
	*ret_n = n;
	return 0;
}

static void write_descriptor(struct json_writer *w, const struct named *one)
{
	char canonical[REFERENCE_TEXT_MAX];
	struct reference ref;

	json_object_open(w);
	json_kv_text(w, "mediaType", one->img->manifest_type);
	json_kv_text(w, "digest", one->img->manifest.text);
	json_kv_i64(w, "size", (int64_t)one->img->manifest_size);
	if (one->name && reference_parse(str_from(one->name), &ref, NULL) == 0) {
		reference_canonical(&ref, canonical);
		json_key(w, "annotations");
		json_object_open(w);
		json_kv_text(w, "io.containerd.image.name", canonical);
		json_kv_text(w, "org.opencontainers.image.ref.name", one->name);
		json_object_close(w);
	}
	json_object_close(w);
}

/* Whether an image has a tag once the change is made. */
static bool has_tag(const struct commit *c, const struct image *img)
{
	for (size_t i = 0; i < img->names.n; i++) {
		const char *name = img->names.items[i].key;

		if (!strchr(name, '@') && !changed(c, name))
			return true;
	}
	for (size_t i = 0; i < c->n_names; i++) {
		if (c->names[i].img == img && !strchr(c->names[i].name, '@'))
			return true;
	}
	return false;
}

/* index.json: one descriptor a tag; images without one stand at the end. */
static void write_index(struct image_store *s, const struct commit *c, const struct named *names,
			size_t n, struct buf *out)
{
	struct map_node *node;
	struct json_writer w;

	json_begin(&w, out);
	w.pretty = true;
	json_object_open(&w);
	json_kv_i64(&w, "schemaVersion", 2);
	json_kv_text(&w, "mediaType", "application/vnd.oci.image.index.v1+json");
	json_key(&w, "manifests");
	json_array_open(&w);
	for (size_t i = 0; i < n; i++) {
		if (!strchr(names[i].name, '@'))
			write_descriptor(&w, &names[i]);
	}
	for (node = map_next(&s->images, NULL); node; node = map_next(&s->images, node)) {
		struct named one = {NULL, map_entry(node, struct image, node)};

		if (one.img != c->remove && !has_tag(c, one.img))
			write_descriptor(&w, &one);
	}
	if (c->add && !has_tag(c, c->add))
		write_descriptor(&w, &(struct named){NULL, c->add});
	json_array_close(&w);
	json_object_close(&w);
	buf_putc(out, '\n');
}

static void write_names(const struct named *names, size_t n, struct buf *out)
{
	struct json_writer w;

	json_begin(&w, out);
	w.pretty = true;
	json_object_open(&w);
	for (size_t i = 0; i < n; i++)
		json_kv_text(&w, names[i].name, names[i].img->id.text);
	json_object_close(&w);
	buf_putc(out, '\n');
}

static void record_path(const struct image *img, char out[STORE_PATH_MAX])
{
	snprintf(out, STORE_PATH_MAX, RECORDS_DIR "/%s.json", digest_hex(&img->id));
}

/* A record is written for the new image, and for each that gets a name. */
static int prepare_records(const struct commit *c, int64_t now, struct commit_job *j)
{
	j->records = arena_alloc_array(&j->mem, c->n_names + 1, sizeof(*j->records));
	if (!j->records)
		return -ENOMEM;
	for (size_t i = 0; i <= c->n_names; i++) {
		struct image *img = i ? c->names[i - 1].img : c->add;
		struct record_text *r = &j->records[j->n_records];
		bool seen = !img || (i && img == c->add);

		for (size_t k = 1; !seen && k < i; k++)
			seen = c->names[k - 1].img == img;
		if (seen)
			continue;
		record_path(img, r->path);
		buf_init(&r->text, &j->mem, INDEX_MAX);
		image_record_encode(img, c->n_names ? now : img->last_tag_ns, &r->text);
		if (r->text.failed)
			return -ENOMEM;
		j->n_records++;
	}
	return 0;
}

static int prepare(struct image_store *s, const struct commit *c, int64_t now, struct commit_job *j)
{
	struct named *names;
	size_t n;

	arena_open_heap(&j->mem, 2 * INDEX_MAX);
	j->root_fd = s->root_fd;
	j->sync_all = c->add;
	if (prepare_records(c, now, j) < 0 || names_after(s, c, &j->mem, &names, &n) < 0)
		return -ENOMEM;
	if (c->remove)
		record_path(c->remove, j->remove);
	buf_init(&j->names, &j->mem, INDEX_MAX);
	write_names(names, n, &j->names);
	buf_init(&j->index, &j->mem, INDEX_MAX);
	write_index(s, c, names, n, &j->index);
	return j->names.failed || j->index.failed ? -ENOMEM : 0;
}

/*
 * The record goes first: names without an image mean nothing at start. So an image can be removed
 * where the disk is too full to write the names without it; the next commit writes them.
 */
static int drop_record(struct commit_job *j)
{
	struct err *e = &j->job.err;
	int rc;

	if (unlinkat(j->root_fd, j->remove, 0) < 0 && errno != ENOENT)
		return err_sys(e, errno, "remove %s", j->remove);
	rc = dir_sync_at(j->root_fd, RECORDS_DIR, e);
	return rc;
}

static int write_lists(struct commit_job *j)
{
	struct err *e = &j->job.err;
	int rc = file_replace_at(j->root_fd, NAMES_FILE, buf_str(&j->names), 0600, true, e);

	return rc < 0 ? rc
		      : file_replace_at(j->root_fd, INDEX_FILE, buf_str(&j->index), 0644, true, e);
}

static int commit_run(struct job *job)
{
	struct commit_job *j = container_of(job, struct commit_job, job);
	int rc = 0;

	/* Everything the record will name has to be on disk before it. */
	if (j->sync_all && syncfs(j->root_fd) < 0)
		return err_sys(&job->err, errno, "sync the data root");
	for (size_t i = 0; rc == 0 && i < j->n_records; i++)
		rc = file_replace_at(j->root_fd, j->records[i].path, buf_str(&j->records[i].text),
				     0600, true, &job->err);
	if (rc == 0 && j->remove[0])
		rc = drop_record(j);
	if (rc < 0)
		return rc;
	rc = write_lists(j);
	if (j->remove[0] && (rc == -ENOSPC || rc == -EDQUOT)) {
		log_warn("the disk is full: the names of images are not written yet");
		return 0;
	}
	return rc;
}

static int apply(struct image_store *s, const struct commit *c, int64_t now, struct err *e)
{
	int rc = c->add ? image_insert(s, c->add, e) : 0;

	for (size_t i = 0; rc == 0 && i < c->n_names; i++) {
		const struct name_change *change = &c->names[i];

		if (!change->img) {
			names_drop(s, change->name);
			continue;
		}
		rc = names_set(s, change->name, change->img);
		change->img->last_tag_ns = now;
		if (rc < 0)
			err_sys(e, rc, "name image %s", change->name);
	}
	if (rc == 0 && c->remove)
		image_take_out(s, c->remove);
	return rc;
}

static int commit_locked(struct image_store *s, const struct commit *c, struct err *e) FIBER_FN
{
	struct commit_job *j;
	int64_t now = clock_wall();
	int rc;

	if (c->add && s->images.count >= CONFIG_IMAGES_MAX)
		return err_set(e, ERR_TOO_LARGE, "there are %d images already (CONFIG_IMAGES_MAX)",
			       CONFIG_IMAGES_MAX);
	j = mem_alloc(sizeof(*j));
	if (!j)
		return err_sys(e, ENOMEM, "write image metadata");
	rc = prepare(s, c, now, j);
	if (rc < 0) {
		err_sys(e, rc, "write image metadata");
	} else {
		/* Half a commit is worse than one nobody waits for. */
		fiber_shield();
		rc = job_run(&j->job, commit_run, JOB_SHORT);
		fiber_unshield();
		if (rc == -EAGAIN && !j->job.err.msg[0])
			err_set(&j->job.err, ERR_UNAVAILABLE, "too many operations at once");
		if (rc < 0 && e)
			*e = j->job.err;
	}
	arena_done(&j->mem);
	mem_free(j);
	return rc < 0 ? rc : apply(s, c, now, e);
}

/* What the change was planned on may have changed while it waited for its turn. */
static int still_so(struct image_store *s, const struct commit *c, struct err *e)
{
	for (size_t i = 0; i < c->n_names; i++) {
		const struct name_change *n = &c->names[i];

		if (n->img && n->img != c->add && n->img->gone)
			return err_set(e, ERR_NOT_FOUND, "No such image: %s", n->img->id.text);
		if (!n->img && names_find(s, n->name) != n->from)
			return err_set(e, ERR_NOT_FOUND, "No such image: %s", n->name);
	}
	if (!c->remove)
		return 0;
	if (c->remove->gone)
		return err_set(e, ERR_NOT_FOUND, "No such image: %s", c->remove->id.text);
	for (size_t i = 0; i < c->remove->names.n; i++) {
		if (!changed(c, c->remove->names.items[i].key))
			return err_set(
				e, ERR_CONFLICT,
				"conflict: unable to delete %.12s (must be forced) - image is "
				"referenced in multiple repositories",
				digest_hex(&c->remove->id));
	}
	return 0;
}

int store_commit(struct image_store *s, const struct commit *given, struct err *e) FIBER_FN
{
	CLEANUP_MEM struct name_change *names = mem_alloc_array(given->n_names + 1, sizeof(*names));
	struct commit c = *given;
	struct image *there = NULL;
	int rc;

	if (!names)
		return err_sys(e, ENOMEM, "write image metadata");
	rc = fiber_lock_take(&s->meta, DEADLINE_NEVER);
	if (rc < 0)
		return err_sys(e, rc, "wait for the image store");
	if (c.add)
		there = store_find_id(s, &c.add->id);
	for (size_t i = 0; i < c.n_names; i++) {
		names[i] = given->names[i];
		if (there && names[i].img == c.add)
			names[i].img = there;
	}
	c.names = names;
	if (there)
		c.add = NULL;
	rc = still_so(s, &c, e);
	if (rc == 0)
		rc = commit_locked(s, &c, e);
	fiber_lock_release(&s->meta);
	if (rc == 0 && there)
		image_unref(given->add);
	return rc;
}
