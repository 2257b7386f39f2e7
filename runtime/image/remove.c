/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DELETE /images/{name} and POST /images/{name}/tag. What may be removed, and in which words it is
 * refused, follows the engine: a name takes itself away, and the image with it when it was the
 * last; an ID takes everything, if all names are of one repository or force is given.
 */
#include <errno.h>
#include <stdio.h>

#include "firmware/core/mem.h"
#include "runtime/image/store.h"

#define SHORT_ID 12

int image_tag(struct image_store *s, struct image *img, const struct reference *ref, struct err *e)
	FIBER_FN
{
	CLEANUP_MEM char *name = mem_alloc(REFERENCE_TEXT_MAX);
	struct name_change change = {.name = name, .img = img};
	struct commit c = {.names = &change, .n_names = 1};
	int rc;

	if (!name)
		return err_sys(e, ENOMEM, "tag an image");
	if (ref->digest.text[0])
		return err_set(e, ERR_INVALID, "refusing to create a tag with a digest reference");
	reference_familiar(ref, name);
	if (!strcmp(name, "sha256") || strz_starts(name, "sha256:"))
		return err_set(
			e, ERR_INVALID,
			"refusing to create an ambiguous tag using digest algorithm as name");
	if (!ref->tag[0])
		snprintf(name + strlen(name), REFERENCE_TEXT_MAX - strlen(name), ":latest");
	rc = store_commit(s, &c, e);
	if (rc == 0)
		store_tell(s, img, "tag", NULL, name);
	return rc;
}

/* --- removing --- */

struct removal {
	struct image_store *store;
	struct image *img;
	struct arena *a;
	struct name_change *changes; /* names that go */
	size_t n_changes;
	struct image_removed *records;
	size_t n_records, max_records;
};

static int record(struct removal *r, bool deleted, const char *what, struct err *e)
{
	const char *copy = arena_strdup(r->a, what);

	if (r->n_records == r->max_records) {
		size_t more = r->max_records ? 2 * r->max_records : 16;

		r->records = arena_grow(r->a, r->records, r->max_records * sizeof(*r->records),
					more * sizeof(*r->records));
		r->max_records = more;
	}
	if (!copy || !r->records)
		return err_sys(e, ENOMEM, "remove an image");
	r->records[r->n_records++] = (struct image_removed){deleted, copy};
	return 0;
}

static int drop_name(struct removal *r, const char *name, struct err *e)
{
	int rc = record(r, false, name, e);

	if (rc < 0)
		return rc;
	r->changes[r->n_changes++] =
		(struct name_change){.name = r->records[r->n_records - 1].what, .from = r->img};
	return 0;
}

/* Bytes of a familiar name before its tag or digest. */
static size_t repository_length(const char *name)
{
	const char *at = strchr(name, '@');
	const char *colon;

	if (at)
		return (size_t)(at - name);
	colon = strrchr(name, ':');
	return colon ? (size_t)(colon - name) : strlen(name);
}

static bool same_repository(const char *a, const char *b)
{
	size_t n = repository_length(a);

	return n == repository_length(b) && !strncmp(a, b, n);
}

/* Whether all names are one tag and the digests of its repository. */
static bool single_reference(const struct image *img)
{
	const struct text_map *names = &img->names;
	const char *tag = NULL;

	if (names->n <= 1)
		return true;
	for (size_t i = 0; i < names->n; i++) {
		if (strchr(names->items[i].key, '@'))
			continue;
		if (tag)
			return false;
		tag = names->items[i].key;
	}
	if (!tag)
		tag = names->items[0].key;
	for (size_t i = 0; i < names->n; i++) {
		if (!same_repository(tag, names->items[i].key))
			return false;
	}
	return true;
}

static bool find_user(const struct image_store *s, const struct image *img, bool running,
		      char id[65])
{
	if ((running ? !img->running : !img->containers) && !img->mounts)
		return false;
	id[0] = '\0';
	if (s->find_user && !s->find_user(s->find_user_arg, img, running, id))
		return false;
	return true;
}

static int conflict(const struct image *img, bool hard, struct err *e, const char *what,
		    const char *container)
{
	return err_set(e, ERR_CONFLICT, "conflict: unable to delete %.*s (%s) - %s%.*s", SHORT_ID,
		       digest_hex(&img->id), hard ? "cannot be forced" : "must be forced", what,
		       SHORT_ID, container);
}

static int check_running(const struct image_store *s, const struct image *img, struct err *e)
{
	char id[65];

	if (!find_user(s, img, true, id))
		return 0;
	return conflict(img, true, e, "image is being used by running container ", id);
}

static int check_stopped(const struct image_store *s, const struct image *img, struct err *e)
{
	char id[65];

	if (!find_user(s, img, false, id))
		return 0;
	return conflict(img, false, e, "image is being used by stopped container ", id);
}

/* A name was given: 1 when the image lives on under others. */
static int remove_name(struct removal *r, const char *name, const char *asked, bool force,
		       struct err *e)
{
	const struct text_map *names = &r->img->names;
	bool tag = !strchr(name, '@'), other_tag = false;
	size_t left = 0;
	char user[65];
	int rc;

	if (!force && single_reference(r->img) && find_user(r->store, r->img, true, user))
		goto in_use;
	if (!force && single_reference(r->img) && find_user(r->store, r->img, false, user))
		goto in_use;
	rc = drop_name(r, name, e);
	for (size_t i = 0; i < names->n; i++) {
		const char *other = names->items[i].key;

		other_tag = other_tag || (strcmp(other, name) && !strchr(other, '@') &&
					  same_repository(other, name));
	}
	for (size_t i = 0; rc == 0 && i < names->n; i++) {
		const char *other = names->items[i].key;

		if (!strcmp(other, name))
			continue;
		/* With its last tag a repository's digests go too. */
		if (tag && !other_tag && strchr(other, '@') && same_repository(other, name))
			rc = drop_name(r, other, e);
		else
			left++;
	}
	/* What was committed on it stands on its layers: it stays without a name. */
	return rc < 0 ? rc : left > 0 || r->img->children;
in_use:
	return err_set(
		e, ERR_CONFLICT,
		"conflict: unable to remove repository reference \"%s\" (must force) - container "
		"%.*s is using its referenced image %.*s",
		asked, SHORT_ID, user, SHORT_ID, digest_hex(&r->img->id));
}

static bool dropped(const struct removal *r, const char *name)
{
	for (size_t i = 0; i < r->n_changes; i++) {
		if (!strcmp(r->changes[i].name, name))
			return true;
	}
	return false;
}

/* The image itself, with all names it still has. */
static int remove_image(struct removal *r, bool by_id, bool force, struct err *e)
{
	const struct text_map *names = &r->img->names;
	bool unused_names = names->n - r->n_changes > 1 && !(by_id && single_reference(r->img));
	int rc;

	if (r->img->children)
		return conflict(r->img, true, e, "image has dependent child images", "");
	rc = check_running(r->store, r->img, e);
	if (rc == 0 && !force && unused_names)
		return conflict(r->img, false, e, "image is referenced in multiple repositories",
				"");
	if (rc == 0 && !force)
		rc = check_stopped(r->store, r->img, e);
	for (size_t i = 0; rc == 0 && i < names->n; i++) {
		if (!dropped(r, names->items[i].key))
			rc = drop_name(r, names->items[i].key, e);
	}
	return rc < 0 ? rc : record(r, true, r->img->id.text, e);
}

/* Layers that go with the image: those nobody else holds. */
static int record_layers(struct removal *r, struct err *e)
{
	int rc = 0;

	for (size_t i = r->img->n_layers; rc == 0 && i-- > 0;) {
		struct layer *l = layer_find(r->store, &r->img->chain_ids[i]);

		if (l && l->holds == 1)
			rc = record(r, true, l->chain.text, e);
	}
	return rc;
}

/* Which of its names the text is, in familiar form; "" when it is an ID or a prefix of one. */
static int name_given(const struct image *img, const char *text, char name[REFERENCE_TEXT_MAX])
{
	struct reference ref;
	struct str hex = str_from(text);

	name[0] = '\0';
	if (str_starts(hex, "sha256:"))
		hex = str_span(hex.p + 7, hex.n - 7);
	if (hex.n == DIGEST_HEX && str_is_hex(hex))
		return 0;
	if (reference_parse(str_from(text), &ref, NULL) == 0) {
		reference_default_tag(&ref);
		if (ref.digest.text[0])
			ref.tag[0] = '\0';
		reference_familiar(&ref, name);
		for (size_t i = 0; i < img->names.n; i++) {
			if (!strcmp(img->names.items[i].key, name))
				return 1;
		}
	}
	name[0] = '\0';
	return 0;
}

static int plan(struct removal *r, const char *name, const char *asked, bool force,
		bool *ret_delete, struct err *e)
{
	int rc;

	r->n_changes = 0;
	r->changes = arena_alloc_array(r->a, r->img->names.n + 1, sizeof(*r->changes));
	if (!r->changes)
		return err_sys(e, ENOMEM, "remove an image");
	*ret_delete = false;
	if (name[0]) {
		rc = remove_name(r, name, asked, force, e);
		if (rc)
			return rc < 0 ? rc : 0;
	}
	rc = remove_image(r, !name[0], force, e);
	*ret_delete = rc == 0;
	return rc == 0 ? record_layers(r, e) : rc;
}

/* Digests that go with the last tag of their repository are not told of. */
static void tell_removed(const struct removal *r, const char *name, bool deleted)
{
	for (size_t i = 0; i < r->n_changes; i++) {
		const char *gone = r->changes[i].name;

		if (!name[0] || strchr(name, '@') || !strchr(gone, '@') ||
		    !same_repository(gone, name))
			store_tell(r->store, r->img, "untag", NULL, NULL);
	}
	if (deleted)
		store_tell(r->store, NULL, "delete", r->img->id.text, r->img->id.text);
}

static int carry_out(struct removal *r, bool whole, struct err *e) FIBER_FN
{
	struct commit c = {.names = r->changes, .n_names = r->n_changes};

	if (whole)
		c.remove = r->img;
	return store_commit(r->store, &c, e);
}

/*
 * Nobody asked for the nameless images this one was committed on: they go with the last that needs
 * them. What stands in the way leaves them, without a word.
 */
static void remove_parents(struct removal *r) FIBER_FN
{
	struct digest parent = r->img->parent;

	while (parent.text[0]) {
		struct image *img = store_find_id(r->store, &parent);
		size_t before = r->n_records;
		struct err e = ERR_INIT;
		bool delete = false;
		int rc;

		if (!img || img->names.n || img->children || img->containers || img->mounts)
			return;
		image_ref(img);
		r->img = img;
		rc = plan(r, "", "", false, &delete, &e);
		if (rc == 0)
			rc = carry_out(r, delete, &e);
		if (rc < 0)
			r->n_records = before;
		else
			tell_removed(r, "", true);
		parent = img->parent;
		image_unref(img);
		if (rc < 0)
			return;
	}
}

int image_remove(struct image_store *s, const char *text, bool force, bool noprune, struct arena *a,
		 struct image_removed **ret, size_t *ret_n, struct err *e) FIBER_FN
{
	CLEANUP_MEM char *name = mem_alloc(REFERENCE_TEXT_MAX);
	CLEANUP(image_unrefp) struct image *img = NULL;
	struct removal r = {.store = s, .a = a};
	bool delete = false;
	int rc;

	if (!name)
		return err_sys(e, ENOMEM, "remove an image");
	rc = image_lookup(s, text, &img, e);
	if (rc < 0)
		return rc;
	r.img = img;
	(void)name_given(img, text, name);
	rc = plan(&r, name, text, force, &delete, e);
	if (rc == 0)
		rc = carry_out(&r, delete, e);
	if (rc < 0)
		return rc;
	tell_removed(&r, name, delete);
	if (delete &&!noprune)
		remove_parents(&r);
	if (delete)
		store_reap(s);
	*ret = r.records;
	*ret_n = r.n_records;
	return 0;
}
