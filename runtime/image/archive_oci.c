/* SPDX-License-Identifier: Apache-2.0 */
/* An OCI image layout as an archive: index.json, blobs/sha256/<hex>. */
#include <errno.h>
#include <stdio.h>

#include "runtime/image/archive.h"

#define NESTED_MAX 4

/* The file of a blob, whose bytes must be what its name says. */
static int find_blob(const struct archive *a, const struct digest *d,
		     const struct archive_file **ret, struct err *e)
{
	const struct archive_file *f;
	char name[96];

	snprintf(name, sizeof(name), "blobs/sha256/%s", digest_hex(d));
	f = archive_find(a, name);
	if (!f)
		return err_set(e, ERR_INVALID, "the archive has no blob %s", d->text);
	if (!digest_eq(&f->digest, d))
		return err_set(e, ERR_INVALID, "verification failed for blob %s: it is %s", d->text,
			       f->digest.text);
	*ret = f;
	return 0;
}

static int read_blob(struct archive *a, const struct digest *d, struct str *ret, struct err *e)
{
	const struct archive_file *f;
	int rc = find_blob(a, d, &f, e);

	return rc < 0 ? rc : archive_document(a, f->name, ret, e);
}

/* A full name is one; a bare tag (what other tools write) names no repository. */
static NOINLINE int take_name(struct archive *a, const struct descriptor *d,
			      struct archive_image *image, struct err *e)
{
	const char *name = text_map_get(&d->annotations, "io.containerd.image.name");
	struct reference ref;
	char *shown;

	if (!name) {
		name = text_map_get(&d->annotations, "org.opencontainers.image.ref.name");
		if (!name || (!strchr(name, '/') && !strchr(name, ':')))
			return 0;
	}
	if (reference_parse(str_from(name), &ref, e) < 0)
		return err_wrap(e, "invalid image name \"%.200s\"", name);
	if (ref.digest.text[0])
		return 0;
	image->names = arena_alloc_array(&a->mem, 1, sizeof(*image->names));
	shown = arena_alloc(&a->mem, REFERENCE_TEXT_MAX);
	if (!image->names || !shown)
		return err_sys(e, ENOMEM, "read the archive");
	reference_default_tag(&ref);
	reference_familiar(&ref, shown);
	image->names[image->n_names++] = shown;
	return 0;
}

static int read_image(struct archive *a, const struct descriptor *named, const struct manifest *m,
		      struct str text, struct err *e)
{
	struct archive_image image = {.manifest = text, .manifest_type = m->media_type};
	int rc = read_blob(a, &m->config.digest, &image.config, e);

	if (rc == 0)
		rc = take_name(a, named, &image, e);
	if (rc < 0)
		return rc;
	image.layers = arena_alloc_array(&a->mem, m->n_entries + 1, sizeof(*image.layers));
	if (!image.layers)
		return err_sys(e, ENOMEM, "read the archive");
	for (; rc == 0 && image.n_layers < m->n_entries; image.n_layers++)
		rc = find_blob(a, &m->entries[image.n_layers].digest, &image.layers[image.n_layers],
			       e);
	if (rc == 0)
		rc = archive_complete_image(a, &image, e);
	return rc < 0 ? rc : archive_add_image(a, &image, e);
}

/* Follow an index to the image for us. */
static int read_entry(struct archive *a, const struct descriptor *named, struct err *e)
{
	const struct descriptor *d = named;
	struct manifest m;
	struct str text;

	for (int depth = 0; depth < NESTED_MAX; depth++) {
		int rc = read_blob(a, &d->digest, &text, e);

		if (rc == 0)
			rc = manifest_parse(text, d->media_type, &a->mem, &m, e);
		if (rc < 0)
			return rc;
		if (!m.index)
			return read_image(a, named, &m, text, e);
		rc = manifest_choose(&m, platform_host(), &d, e);
		if (rc < 0)
			return rc;
	}
	return err_set(e, ERR_INVALID, "the archive's indexes are nested too deep");
}

static bool for_us(const struct descriptor *d)
{
	return !d->platform || platform_match(platform_host(), d->platform) > 0;
}

int archive_read_oci(struct archive *a, struct err *e)
{
	struct manifest index;
	bool any = false;
	struct str text;
	int rc = archive_document(a, "index.json", &text, e);

	if (rc == 0)
		rc = manifest_parse(text, TYPE_OCI_INDEX, &a->mem, &index, e);
	if (rc < 0)
		return err_wrap(e, "invalid index.json");
	if (!index.index)
		return err_set(e, ERR_INVALID, "invalid index.json: not an index");
	for (size_t i = 0; i < index.n_entries; i++)
		any = any || for_us(&index.entries[i]);
	for (size_t i = 0; rc == 0 && i < index.n_entries; i++) {
		/* Images for other machines are passed over, unless there is nothing else. */
		if (!any || for_us(&index.entries[i]))
			rc = read_entry(a, &index.entries[i], e);
	}
	return rc;
}
