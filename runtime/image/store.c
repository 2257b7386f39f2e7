/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/image/store.h"

#include <errno.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "firmware/core/file.h"
#include "firmware/core/log.h"
#include "firmware/core/mem.h"
#include "runtime/image/manifest.h"

void store_tmp_path(struct image_store *s, const char *kind, char out[STORE_PATH_MAX])
{
	snprintf(out, STORE_PATH_MAX, TMP_DIR "/%s-%llu", kind, (unsigned long long)s->next_tmp++);
}

void blob_path(const struct digest *d, char out[STORE_PATH_MAX])
{
	snprintf(out, STORE_PATH_MAX, BLOBS_DIR "/%s", digest_hex(d));
}

void layer_path(const struct digest *chain, const char *suffix, char out[STORE_PATH_MAX])
{
	snprintf(out, STORE_PATH_MAX, LAYERS_DIR "/%.*s%s", LAYER_DIR_HEX, digest_hex(chain),
		 suffix);
}

void chain_id_next(const struct digest *parent, const struct digest *diff_id, struct digest *ret)
{
	char text[2 * DIGEST_TEXT_MAX];

	if (!parent) {
		*ret = *diff_id;
		return;
	}
	snprintf(text, sizeof(text), "%s %s", parent->text, diff_id->text);
	digest_of(text, strlen(text), ret);
}

void store_discard(struct image_store *s, const char *path)
{
	char trash[STORE_PATH_MAX];

	store_tmp_path(s, "trash", trash);
	if (renameat(s->root_fd, path, s->root_fd, trash) < 0 && errno != ENOENT)
		log_warn("cannot discard %s: %s; the next start sweeps it", path, strerror(errno));
}

struct reap {
	struct job job;
	int root_fd;
};

static int reap_run(struct job *job)
{
	struct reap *r = container_of(job, struct reap, job);
	int fd = openat(r->root_fd, TMP_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	int rc = 0;

	if (!dir) {
		if (fd >= 0)
			close(fd);
		return err_sys(&job->err, errno, "open %s", TMP_DIR);
	}
	while ((entry = readdir(dir))) {
		if (strz_starts(entry->d_name, "trash-"))
			rc = tree_remove_at(dirfd(dir), entry->d_name, &job->err);
	}
	closedir(dir);
	return rc;
}

void store_reap(struct image_store *s) FIBER_FN
{
	struct reap *r = mem_alloc(sizeof(*r));

	if (!r)
		return; /* the next reap, or the sweep at start, deletes it */
	r->root_fd = s->root_fd;
	fiber_shield();
	if (job_run(&r->job, reap_run, JOB_LONG) < 0 && r->job.err.msg[0])
		log_warn("cannot delete discarded files: %s", r->job.err.msg);
	fiber_unshield();
	mem_free(r);
}

/* --- open and close --- */

struct open_job {
	struct job job;
	struct image_store *store;
};

static int open_run(struct job *job)
{
	return store_read(container_of(job, struct open_job, job)->store, &job->err);
}

static void layers_done(struct image_store *s)
{
	struct map_node *n;

	while ((n = map_next(&s->layers, NULL))) {
		map_remove(&s->layers, n);
		mem_free(map_entry(n, struct layer, node));
	}
	map_done(&s->layers);
	while ((n = map_next(&s->blobs, NULL))) {
		map_remove(&s->blobs, n);
		mem_free(map_entry(n, struct blob, node));
	}
	map_done(&s->blobs);
}

void image_store_close(struct image_store *s)
{
	struct map_node *n;

	if (!s)
		return;
	while ((n = map_next(&s->names, NULL))) {
		map_remove(&s->names, n);
		mem_free(map_entry(n, struct image_name, node));
	}
	map_done(&s->names);
	while ((n = map_next(&s->images, NULL))) {
		struct image *img = map_entry(n, struct image, node);

		map_remove(&s->images, n);
		img->gone = true;
		/* The texts of its names went with the names. */
		img->names.n = 0;
		image_unref(img);
	}
	map_done(&s->images);
	snapshots_done(s);
	layers_done(s);
	if (s->root_fd >= 0)
		close(s->root_fd);
	mem_free(s->root);
	mem_free(s);
}
DEFINE_CLEANUP(struct image_store *, image_store_close)

int image_store_open(struct image_store **ret, const struct engine_options *opt, struct err *e)
	FIBER_FN
{
	CLEANUP(image_store_closep) struct image_store *s = mem_alloc(sizeof(*s));
	CLEANUP_MEM struct open_job *open = mem_alloc(sizeof(*open));
	int rc;

	if (!s || !open)
		return err_sys(e, ENOMEM, "open the image store");
	s->opt = opt;
	s->root_fd = -1;
	map_init(&s->images);
	map_init(&s->names);
	map_init(&s->layers);
	map_init(&s->blobs);
	map_init(&s->snapshots);
	fiber_lock_init(&s->meta);
	waitq_init(&s->changed);
	s->root = mem_strdup(opt->data_root);
	if (!s->root)
		return err_sys(e, ENOMEM, "open the image store");
	open->store = s;
	/* The store is nobody else's yet: the job may fill it. */
	fiber_shield();
	rc = job_run(&open->job, open_run, JOB_LONG);
	fiber_unshield();
	if (rc < 0) {
		if (e)
			*e = open->job.err;
		return rc;
	}
	log_info("image store: %zu images, %zu layers, %zu snapshots, driver %s", s->images.count,
		 s->layers.count, s->snapshots.count, image_store_driver(s));
	*ret = TAKE_PTR(s);
	return 0;
}

size_t image_store_count(const struct image_store *s)
{
	return s->images.count;
}

const char *image_store_driver(const struct image_store *s)
{
	return s->vfs ? "vfs" : "overlay2";
}

void image_store_set_user_lookup(struct image_store *s,
				 bool (*find)(void *arg, const struct image *img, bool running,
					      char id_out[65]),
				 void *arg)
{
	s->find_user = find;
	s->find_user_arg = arg;
}

/* --- finding --- */

void image_ref(struct image *img)
{
	img->refs++;
}

void image_unref(struct image *img)
{
	if (!img || --img->refs)
		return;
	mem_free(img->names.items);
	arena_done(&img->mem);
	mem_free(img);
}

struct image *store_find_id(struct image_store *s, const struct digest *id)
{
	struct map_node *n = map_find(&s->images, str_from(digest_hex(id)));

	return n ? map_entry(n, struct image, node) : NULL;
}

/* The one image whose ID starts so: 1 found, 0 none, -EINVAL more than one. */
static int find_prefix(struct image_store *s, struct str prefix, struct image **ret)
{
	struct image *found = NULL;
	struct map_node *n;

	if (!prefix.n || !str_is_hex(prefix))
		return 0;
	for (n = map_next(&s->images, NULL); n; n = map_next(&s->images, n)) {
		struct image *img = map_entry(n, struct image, node);

		if (memcmp(digest_hex(&img->id), prefix.p, MIN(prefix.n, (size_t)DIGEST_HEX)))
			continue;
		if (found)
			return -EINVAL;
		found = img;
	}
	*ret = found;
	return found ? 1 : 0;
}

/* "No such image: x:latest", with the text of the request where it is no reference. */
static NOINLINE int no_such_image(const char *name, const struct reference *r, struct err *e)
{
	char text[REFERENCE_TEXT_MAX];

	if (!r)
		return err_set(e, ERR_NOT_FOUND, "No such image: %s", name);
	reference_familiar(r, text);
	return err_set(e, ERR_NOT_FOUND, "No such image: %s", text);
}

static NOINLINE struct image *find_reference(struct image_store *s, const struct reference *r)
{
	char text[REFERENCE_TEXT_MAX];
	struct reference by_digest = *r;

	/* With a digest the tag is only decoration. */
	if (r->digest.text[0])
		by_digest.tag[0] = '\0';
	reference_familiar(&by_digest, text);
	return names_find(s, text);
}

int image_check_platform(const struct image *img, const char *ref, const struct platform *want,
			 struct err *e)
{
	const struct image_spec *spec = &img->spec;
	struct platform made = *platform_host();
	char asked[PLATFORM_TEXT_MAX], has[PLATFORM_TEXT_MAX];

	/* What an image does not say is as it is here. */
	if (spec->os && *spec->os)
		made.os = spec->os;
	if (spec->architecture && *spec->architecture) {
		made.architecture = spec->architecture;
		made.variant = spec->variant ? spec->variant : "";
	}
	if (platform_match(want, &made))
		return 0;
	platform_write(asked, want);
	platform_write(has, &made);
	return err_set(e, ERR_NOT_FOUND,
		       "image with reference %s was found but its platform (%s) does not match the "
		       "specified platform (%s)",
		       ref, has, asked);
}

int image_lookup(struct image_store *s, const char *name, struct image **ret, struct err *e)
{
	struct str text = str_from(name), hex = text;
	struct image *img = NULL;
	struct reference r;
	struct digest id;
	int rc;

	if (str_starts(text, "sha256:"))
		hex = str_span(text.p + 7, text.n - 7);
	if (hex.n == DIGEST_HEX && str_is_hex(hex)) {
		char full[DIGEST_TEXT_MAX];

		snprintf(full, sizeof(full), "sha256:" STR_FMT, STR_ARG(hex));
		if (digest_parse(str_from(full), &id, NULL) == 0)
			img = store_find_id(s, &id);
		if (!img)
			return no_such_image(name, NULL, e);
		goto found;
	}
	rc = reference_parse(text, &r, e);
	if (rc == 0) {
		reference_default_tag(&r);
		img = find_reference(s, &r);
		if (img)
			goto found;
	}
	switch (find_prefix(s, hex, &img)) {
	case 1:
		goto found;
	case 0:
		/* A text that can be no image is the caller's mistake. */
		return rc < 0 ? rc : no_such_image(name, &r, e);
	default:
		return err_set(e, ERR_INVALID, "multiple IDs found with provided prefix: %s", name);
	}
found:
	image_ref(img);
	if (e)
		err_clear(e);
	*ret = img;
	return 0;
}

static int newest_first(const void *a, const void *b)
{
	const struct image *x = *(struct image *const *)a, *y = *(struct image *const *)b;

	if (x->created_ns != y->created_ns)
		return x->created_ns < y->created_ns ? 1 : -1;
	return strcmp(x->id.text, y->id.text);
}

int image_list(struct image_store *s, struct arena *a, struct image ***ret, size_t *ret_n,
	       struct err *e)
{
	size_t n = 0;
	struct image **all = arena_alloc_array(a, s->images.count + 1, sizeof(*all));
	struct map_node *node;

	if (!all)
		return err_set(e, ERR_UNAVAILABLE, "no memory to list the images");
	for (node = map_next(&s->images, NULL); node; node = map_next(&s->images, node)) {
		all[n] = map_entry(node, struct image, node);
		image_ref(all[n++]);
	}
	qsort(all, n, sizeof(struct image *), newest_first);
	*ret = all;
	*ret_n = n;
	return 0;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int image_names(struct image_store *s, const struct image *img, struct arena *a,
		struct texts *ret_tags, struct texts *ret_digests)
{
	size_t n = img->names.n, n_tags = 0, n_digests = 0;
	const char **tags = arena_alloc_array(a, n + 1, sizeof(*tags));
	const char **digests = arena_alloc_array(a, n + 1, sizeof(*digests));

	(void)s;
	if (!tags || !digests)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		const char *text = arena_strdup(a, img->names.items[i].key);

		if (!text)
			return -ENOMEM;
		if (strchr(text, '@'))
			digests[n_digests++] = text;
		else
			tags[n_tags++] = text;
	}
	qsort(tags, n_tags, sizeof(*tags), by_text);
	qsort(digests, n_digests, sizeof(*digests), by_text);
	*ret_tags = (struct texts){tags, n_tags, true};
	*ret_digests = (struct texts){digests, n_digests, true};
	return 0;
}

int image_config_text(struct image_store *s, const struct image *img, struct arena *a,
		      struct str *ret, struct err *e)
{
	char path[STORE_PATH_MAX];

	blob_path(&img->id, path);
	return file_read_at(s->root_fd, path, DOCUMENT_MAX, a, ret, e);
}

int image_history(struct image_store *s, const struct image *img, struct arena *a,
		  struct shape_array *ret, struct err *e)
{
	struct image_spec spec;
	struct str text;
	int rc = image_config_text(s, img, a, &text, e);

	if (rc == 0)
		rc = shape_decode_text(&shape_image_spec, text, a, &spec, e);
	if (rc == 0)
		*ret = spec.history;
	return rc;
}

void image_store_set_event_hook(struct image_store *s,
				void (*tell)(void *arg, const char *action, const char *id,
					     const char *name, const struct text_map *labels),
				void *arg)
{
	s->tell = tell;
	s->tell_arg = arg;
}

void store_tell(struct image_store *s, const struct image *img, const char *action, const char *id,
		const char *name)
{
	const struct text_map *labels = NULL;
	const char *own = "";

	if (img) {
		own = img->id.text;
		labels = &img->spec.config.labels;
	}
	if (s->tell)
		s->tell(s->tell_arg, action, id ? id : own, name ? name : own, labels);
}

int image_describe_layers(struct image_store *s, const struct image *img, struct arena *a,
			  struct text_map *ret)
{
	struct text_pair *pairs = arena_alloc_array(a, 4, sizeof(*pairs));
	char top[STORE_PATH_MAX];
	struct buf lower;
	size_t n = 0;

	*ret = (struct text_map){.set = true};
	if (!pairs)
		return -ENOMEM;
	if (s->vfs || !img->n_layers)
		return 0;
	buf_init(&lower, a, 64 * 1024);
	for (size_t i = img->n_layers - 1; i-- > 0;) {
		layer_path(&img->chain_ids[i], "/diff", top);
		buf_printf(&lower, "%s%s/%s", lower.n ? ":" : "", s->root, top);
	}
	if (lower.failed)
		return -ENOMEM;
	layer_path(&img->chain_ids[img->n_layers - 1], "", top);
	if (lower.n)
		pairs[n++] = (struct text_pair){"LowerDir", buf_text(&lower)};
	pairs[n++] = (struct text_pair){"MergedDir", arena_printf(a, "%s/%s/merged", s->root, top)};
	pairs[n++] = (struct text_pair){"UpperDir", arena_printf(a, "%s/%s/diff", s->root, top)};
	pairs[n++] = (struct text_pair){"WorkDir", arena_printf(a, "%s/%s/work", s->root, top)};
	for (size_t i = 0; i < n; i++) {
		if (!pairs[i].value)
			return -ENOMEM;
	}
	ret->items = pairs;
	ret->n = n;
	return 0;
}
