/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The last step of a load and of a pull: all layers are there and held; configuration and manifest
 * become blobs, and the image is committed with its names.
 *
 * Thread: loop. Yields: yes. Owns: nothing kept.
 */
#ifndef RUNTIME_IMAGE_INSTALL_H
#define RUNTIME_IMAGE_INSTALL_H

#include "runtime/image/batch.h"

struct install {
	struct str config, manifest;
	const char *manifest_type;
	const char *const *names; /* familiar */
	size_t n_names;
	const struct layer_batch *batch; /* run to its end */
	const char *parent;		 /* ID of the image it was made from; NULL: none */
};
/* ret (may be NULL) gets the image, referenced. */
int image_install(struct image_store *s, const struct install *in, struct image **ret,
		  struct err *e) FIBER_FN WARN_UNUSED;
/* Give an image these names; none is fine. */
int image_name(struct image_store *s, struct image *img, const char *const *names, size_t n,
	       struct err *e) FIBER_FN WARN_UNUSED;

#endif
