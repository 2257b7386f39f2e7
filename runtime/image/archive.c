/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/image/archive.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "firmware/core/file.h"
#include "firmware/core/mem.h"
#include "firmware/fmt/inflate.h"
#include "firmware/fmt/tar.h"

#define NAME_MAX_BYTES 1024
#define COPY_SIZE (256u * 1024)
#define LINKS_FOLLOWED 8
#define ARENA_MAX (64u << 20)

void archive_done(struct archive *a)
{
	mem_free(a->files);
	a->files = NULL;
	arena_done(&a->mem);
}

/* --- spooling --- */

struct spool {
	struct archive *archive;
	struct tar_reader *tar;
	struct tar_entry entry;
	struct blob_writer out;
	char path[ARCHIVE_PATH_MAX];
	char copy[COPY_SIZE];
};

static const char *suffix_of(const char *p, size_t n)
{
	if (n >= 2 && !memcmp(p, "\x1f\x8b", 2))
		return "+gzip";
	return n >= 4 && !memcmp(p, "\x28\xb5\x2f\xfd", 4) ? "+zstd" : "";
}

static int add_file(struct archive *a, const char *name, struct archive_file **ret, struct err *e)
{
	struct archive_file *f;

	if (a->n_files == CONFIG_LOAD_FILES_MAX)
		return err_set(e, ERR_TOO_LARGE,
			       "the archive has more than %d files (CONFIG_LOAD_FILES_MAX)",
			       CONFIG_LOAD_FILES_MAX);
	if (a->n_files == a->cap_files) {
		size_t cap = a->cap_files ? 2 * a->cap_files : 64;

		f = mem_realloc(a->files, cap * sizeof(*f));
		if (!f)
			return err_sys(e, ENOMEM, "read the archive");
		a->files = f;
		a->cap_files = cap;
	}
	f = &a->files[a->n_files];
	*f = (struct archive_file){.number = (unsigned)a->n_files, .suffix = ""};
	f->name = arena_strdup(&a->mem, name);
	if (!f->name)
		return err_sys(e, ENOMEM, "read the archive");
	a->n_files++;
	*ret = f;
	return 0;
}

static int spool_file(struct spool *s, struct archive_file *f, struct err *e)
{
	struct archive *a = s->archive;
	char path[STORE_PATH_MAX];
	ssize_t got;
	int rc;

	archive_file_path(a, f, path);
	rc = blob_writer_open(&s->out, a->root_fd, path, e);
	if (rc < 0)
		return rc;
	while ((got = tar_read(s->tar, s->copy, COPY_SIZE, e)) > 0) {
		if (!s->out.size)
			f->suffix = suffix_of(s->copy, (size_t)got);
		rc = job_stopped(a->job) ? err_sys(e, ECANCELED, "read the archive")
					 : writer_write(&s->out.writer, s->copy, (size_t)got, e);
		if (rc < 0)
			return rc;
	}
	if (got < 0)
		return (int)got;
	f->size = s->out.size;
	digest_from_sha256(&s->out.hash, &f->digest);
	/* It stays where it is. */
	s->out.tmp[0] = '\0';
	blob_writer_abort(&s->out);
	return 0;
}

/* Links between the layers of older archives are relative to where they stand. */
static int spool_link(struct spool *s, struct archive_file *f, struct err *e)
{
	const char *slash = strrchr(f->name, '/');
	size_t dir = slash && s->entry.type == TAR_SYMLINK ? (size_t)(slash - f->name) + 1 : 0;

	if (snprintf(s->copy, COPY_SIZE, "%.*s%s", (int)dir, f->name, s->entry.link) >=
		    NAME_MAX_BYTES ||
	    archive_path_clean(s->copy, s->path) < 0)
		return err_set(e, ERR_INVALID, "invalid link in the archive: %.200s", f->name);
	f->link = arena_strdup(&s->archive->mem, s->path);
	return f->link ? 0 : err_sys(e, ENOMEM, "read the archive");
}

static int spool_entry(struct spool *s, struct err *e)
{
	enum tar_type type = s->entry.type;
	struct archive_file *f = NULL;
	int rc;

	if (type != TAR_FILE && type != TAR_SYMLINK && type != TAR_HARDLINK)
		return 0;
	if (strlen(s->entry.name) > NAME_MAX_BYTES ||
	    archive_path_clean(s->entry.name, s->path) < 0)
		return err_set(e, ERR_INVALID, "invalid name in the archive: %.200s",
			       s->entry.name);
	rc = add_file(s->archive, s->path, &f, e);
	if (rc < 0)
		return rc;
	return type == TAR_FILE ? spool_file(s, f, e) : spool_link(s, f, e);
}

int archive_spool(struct archive *a, struct reader *source, struct err *e)
{
	CLEANUP(inflate_freep) struct inflate *inflate = NULL;
	CLEANUP(tar_closep) struct tar_reader *tar = NULL;
	CLEANUP_MEM struct spool *s = mem_alloc(sizeof(*s));
	int rc;

	arena_open_heap(&a->mem, ARENA_MAX + 64 * DOCUMENT_MAX);
	if (!s)
		return err_sys(e, ENOMEM, "read the archive");
	s->archive = a;
	s->out.fd = -1;
	if (mkdirat(a->root_fd, a->dir, 0700) < 0)
		return err_sys(e, errno, "make %s", a->dir);
	rc = inflate_open(&inflate, source, 0, e);
	if (rc == 0)
		rc = tar_open(&tar, inflate_reader(inflate), e);
	s->tar = tar;
	while (rc == 0) {
		rc = job_stopped(a->job) ? err_sys(e, ECANCELED, "read the archive")
					 : tar_next(tar, &s->entry, e);
		if (rc <= 0)
			break;
		rc = spool_entry(s, e);
	}
	blob_writer_abort(&s->out);
	return rc;
}

/* --- looking at it --- */

void archive_file_path(const struct archive *a, const struct archive_file *f,
		       char out[STORE_PATH_MAX])
{
	snprintf(out, STORE_PATH_MAX, "%.200s/%u", a->dir, f->number);
}

const struct archive_file *archive_find(const struct archive *a, const char *name)
{
	for (int follow = 0; follow < LINKS_FOLLOWED; follow++) {
		const struct archive_file *f = NULL;

		/* The last of a name counts, as with tar. */
		for (size_t i = a->n_files; !f && i-- > 0;) {
			if (!strcmp(a->files[i].name, name))
				f = &a->files[i];
		}
		if (!f || !f->link)
			return f;
		name = f->link;
	}
	return NULL;
}

int archive_document(struct archive *a, const char *name, struct str *ret, struct err *e)
{
	const struct archive_file *f = archive_find(a, name);
	char path[STORE_PATH_MAX];

	if (!f)
		return err_set(e, ERR_INVALID, "the archive has no %.300s", name);
	archive_file_path(a, f, path);
	return file_read_at(a->root_fd, path, DOCUMENT_MAX, &a->mem, ret, e);
}

int archive_add_image(struct archive *a, const struct archive_image *image, struct err *e)
{
	size_t n = a->n_images;
	struct archive_image *images =
		arena_grow(&a->mem, a->images, n * sizeof(*images), (n + 1) * sizeof(*images));

	if (!images)
		return err_sys(e, ENOMEM, "read the archive");
	images[n] = *image;
	a->images = images;
	a->n_images = n + 1;
	return 0;
}

static int write_manifest(struct archive *a, struct archive_image *image, struct err *e)
{
	struct manifest_layer *layers =
		arena_alloc_array(&a->mem, image->n_layers + 1, sizeof(*layers));
	struct buf out;

	if (!layers)
		return err_sys(e, ENOMEM, "read the archive");
	for (size_t i = 0; i < image->n_layers; i++) {
		const struct archive_file *f = image->layers[i];

		layers[i] = (struct manifest_layer){f->digest, f->size, f->suffix};
	}
	buf_init(&out, &a->mem, DOCUMENT_MAX);
	manifest_write(&out, &image->config_digest, image->config.n, layers, image->n_layers);
	if (out.failed)
		return err_sys(e, ENOMEM, "read the archive");
	image->manifest = buf_str(&out);
	image->manifest_type = TYPE_OCI_MANIFEST;
	return 0;
}

int archive_complete_image(struct archive *a, struct archive_image *image, struct err *e)
{
	struct image_spec spec;
	size_t n;
	int rc = image_spec_parse(image->config, &a->mem, &spec, &image->diff_ids, &n, e);

	if (rc < 0)
		return rc;
	if (n != image->n_layers)
		return err_set(e, ERR_INVALID,
			       "invalid manifest, layers length mismatch: expected %zu, got %zu", n,
			       image->n_layers);
	if (spec.os && spec.os[0] && strcmp(spec.os, "linux"))
		return err_set(e, ERR_INVALID, "cannot load %.64s image on linux", spec.os);
	digest_of(image->config.p, image->config.n, &image->config_digest);
	if (!image->manifest.n)
		rc = write_manifest(a, image, e);
	if (rc == 0)
		digest_of(image->manifest.p, image->manifest.n, &image->manifest_digest);
	return rc;
}

int archive_read(struct archive *a, struct err *e)
{
	int rc;

	/* Newer archives are both; Docker's part has all the names. */
	if (archive_find(a, "manifest.json"))
		rc = archive_read_docker(a, e);
	else if (archive_find(a, "index.json"))
		rc = archive_read_oci(a, e);
	else if (archive_find(a, "repositories"))
		rc = archive_read_legacy(a, e);
	else
		return err_set(e, ERR_INVALID,
			       "no image archive: it has neither manifest.json nor index.json nor "
			       "repositories");
	if (rc == 0 && !a->n_images)
		return err_set(e, ERR_INVALID, "the archive has no image");
	return rc;
}
