/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Manifests and indexes, Docker's and OCI's: parsed strictly, one shape for all; and platforms, by
 * which an entry of an index is chosen.
 *
 * Thread: any. Yields: no. Owns: nothing; texts live in the arena given.
 * Limits: CONFIG_IMAGE_LAYERS_MAX layers; MANIFEST_ENTRIES_MAX entries of an index.
 */
#ifndef RUNTIME_IMAGE_MANIFEST_H
#define RUNTIME_IMAGE_MANIFEST_H

#include "firmware/core/arena.h"
#include "firmware/fmt/bind.h"
#include "firmware/fmt/sha256.h"

#define MANIFEST_ENTRIES_MAX 512

#define TYPE_OCI_INDEX "application/vnd.oci.image.index.v1+json"
#define TYPE_OCI_MANIFEST "application/vnd.oci.image.manifest.v1+json"
#define TYPE_OCI_CONFIG "application/vnd.oci.image.config.v1+json"
#define TYPE_OCI_LAYER "application/vnd.oci.image.layer.v1.tar"
#define TYPE_DOCKER_LIST "application/vnd.docker.distribution.manifest.list.v2+json"
#define TYPE_DOCKER_MANIFEST "application/vnd.docker.distribution.manifest.v2+json"
#define TYPE_DOCKER_CONFIG "application/vnd.docker.container.image.v1+json"

struct platform {
	const char *os, *architecture, *variant; /* never NULL once parsed; "" is none */
};

struct descriptor {
	const char *media_type; /* never NULL */
	struct digest digest;
	uint64_t size;
	const struct platform *platform; /* NULL: not said */
	struct text_map annotations;
};

struct manifest {
	bool index; /* entries are manifests, else layers */
	const char *media_type;
	struct descriptor config; /* of an image */
	struct descriptor *entries;
	size_t n_entries;
};

/*
 * content_type is what came with it (may be NULL or ""); the document's own mediaType must not
 * contradict. ERR_INVALID for anything that is neither an image nor an index, schema 1 among them.
 */
int manifest_parse(struct str text, const char *content_type, struct arena *a, struct manifest *ret,
		   struct err *e) WARN_UNUSED;
/* The manifest of an image made of these layers (media types by their compression), as JSON. */
struct manifest_layer {
	struct digest digest;
	uint64_t size;
	const char *suffix; /* "", "+gzip", "+zstd" */
};
void manifest_write(struct buf *out, const struct digest *config, uint64_t config_size,
		    const struct manifest_layer *layers, size_t n);

/* The platform we run on. */
const struct platform *platform_host(void);
/* "os/arch[/variant]", or a system or an architecture alone that is known; normalised. ERR_INVALID.
 */
int platform_parse(const char *text, struct arena *a, struct platform *ret, struct err *e)
	WARN_UNUSED;
/* "os/arch[/variant]". */
#define PLATFORM_TEXT_MAX 256
void platform_write(char out[PLATFORM_TEXT_MAX], const struct platform *p);
/* How well a thing made for `made` serves who wants `want`: 0 not at all, more is better. */
unsigned platform_match(const struct platform *want, const struct platform *made);
/* "no matching manifest for linux/arm64 in the manifest list entries" (ERR_NOT_FOUND). */
int manifest_choose(const struct manifest *index, const struct platform *want,
		    const struct descriptor **ret, struct err *e) WARN_UNUSED;

#endif
