/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Importing: the tar of a root filesystem that a client sends becomes an image of one layer. What
 * it was compressed with is taken off, for the diff ID is that of the bare tar; from there on it is
 * a draft like a commit's, and whether it is a tar at all is found out when it is unpacked.
 */
#include "firmware/fmt/inflate.h"
#include "firmware/core/mem.h"
#include "runtime/image/store.h"

#define COPY_SIZE (64u << 10)

struct import {
	struct image_layer_source layer;
	struct image_source *source;
	struct reader *body;
};

static int begin(struct image_layer_source *src, struct job *job, struct err *e) FIBER_FN
{
	struct import *im = container_of(src, struct import, layer);

	return im->source->begin(im->source, job, &im->body, e);
}

static void end(struct image_layer_source *src)
{
	struct import *im = container_of(src, struct import, layer);

	im->source->end(im->source);
}

static int copy(struct reader *from, struct writer *to, const struct job *job, struct err *e)
{
	CLEANUP_MEM char *buffer = mem_alloc(COPY_SIZE);

	if (!buffer)
		return err_sys(e, ENOMEM, "import");
	for (;;) {
		ssize_t n;
		int rc;

		if (job_stopped(job))
			return err_sys(e, ECANCELED, "import");
		n = reader_read(from, buffer, COPY_SIZE, e);
		if (n <= 0)
			return (int)n;
		rc = writer_write(to, buffer, (size_t)n, e);
		if (rc < 0)
			return rc;
	}
}

static int write_layer(struct image_layer_source *src, const struct job *job, struct writer *sink,
		       uint64_t *ret_entries, struct err *e)
{
	struct import *im = container_of(src, struct import, layer);
	CLEANUP(inflate_freep) struct inflate *z = NULL;
	/* Unpacking allows itself headers and padding on top of what files may hold; so does this.
	 */
	uint64_t limit = ((uint64_t)CONFIG_UNPACK_MIB_MAX << 20) * 2;
	int rc = inflate_open(&z, im->body, limit, e);

	if (rc == 0)
		rc = copy(inflate_reader(z), sink, job, e);
	if (rc == 0)
		*ret_entries = 1; /* an empty tar is a layer too */
	return rc;
}

int image_import(struct image_store *s, struct image_source *source,
		 const struct image_commit *what, struct image **ret, struct err *e)
{
	struct import im = {.layer = {begin, end, write_layer}, .source = source};
	struct image_draft *draft = NULL;
	int rc = image_draft_write(s, &im.layer, &draft, e);

	if (rc == 0)
		rc = image_draft_commit(s, draft, what, ret, e);
	image_draft_free(s, draft);
	if (rc == 0)
		store_tell(s, *ret, "import", (*ret)->id.text, (*ret)->id.text);
	return rc;
}
