/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An image archive as it was sent (POST /images/load): one pass over the stream puts each file
 * into a directory in tmp/ and hashes it, since the file that says what the others are may come
 * last. Then the three forms are read: Docker's manifest.json, Docker's older repositories, and the
 * OCI layout's index.json.
 *
 * Thread: worker. Yields: no. Owns: the arena of struct archive holds all texts; the directory is
 * the caller's to discard.
 * Limits: CONFIG_LOAD_FILES_MAX, CONFIG_MANIFEST_KIB_MAX.
 */
#ifndef RUNTIME_IMAGE_ARCHIVE_H
#define RUNTIME_IMAGE_ARCHIVE_H

#include "runtime/image/layer.h"
#include "runtime/image/manifest.h"

struct archive_file {
	const char *name; /* clean: no leading slash, no dots */
	const char *link; /* clean target of a link; NULL for a file */
	struct digest digest;
	uint64_t size;
	const char *suffix; /* of its media type: "", "+gzip", "+zstd" */
	unsigned number;    /* its name in the directory */
};

/* One image to be, as the archive tells. */
struct archive_image {
	struct str config;
	struct digest config_digest;
	struct str manifest; /* made by us where the archive had none */
	struct digest manifest_digest;
	const char *manifest_type;
	const struct archive_file **layers;
	struct digest *diff_ids;
	size_t n_layers;
	const char **names; /* familiar */
	size_t n_names;
};

struct archive {
	struct arena mem;
	int root_fd;
	char dir[STORE_PATH_MAX];
	const struct job *job;
	struct archive_file *files;
	size_t n_files, cap_files;
	struct archive_image *images;
	size_t n_images;
};

/* Read the stream into dir (made here). */
int archive_spool(struct archive *a, struct reader *source, struct err *e) WARN_UNUSED;
/* Fill images from what was spooled. */
int archive_read(struct archive *a, struct err *e) WARN_UNUSED;
void archive_done(struct archive *a);

/* --- among the files of this part --- */

/* By clean name, through links; NULL when there is none. */
const struct archive_file *archive_find(const struct archive *a, const char *name);
void archive_file_path(const struct archive *a, const struct archive_file *f,
		       char out[STORE_PATH_MAX]);
/* A small file's bytes. ERR_INVALID "the archive has no NAME". */
int archive_document(struct archive *a, const char *name, struct str *ret, struct err *e)
	WARN_UNUSED;
int archive_add_image(struct archive *a, const struct archive_image *image, struct err *e)
	WARN_UNUSED;
/* Check config against the layers, and make a manifest unless there is one. */
int archive_complete_image(struct archive *a, struct archive_image *image, struct err *e)
	WARN_UNUSED;
int archive_read_docker(struct archive *a, struct err *e) WARN_UNUSED;
int archive_read_legacy(struct archive *a, struct err *e) WARN_UNUSED;
int archive_read_oci(struct archive *a, struct err *e) WARN_UNUSED;

/* unpack.c: clean an archive's name by its text alone; -EXDEV when it climbs out, -ENAMETOOLONG. */
#define ARCHIVE_PATH_MAX 4096
int archive_path_clean(const char *name, char out[ARCHIVE_PATH_MAX]) WARN_UNUSED;

#endif
