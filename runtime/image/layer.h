/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making one layer on a worker: compressed bytes in, a verified directory out. One pass: every byte
 * is hashed as it came, written to its blob, inflated, hashed again and unpacked. Nothing has its
 * final name before both digests are right.
 *
 * Thread: worker. Yields: no. Owns: nothing kept; a failed call leaves no file.
 * Limits: CONFIG_UNPACK_ENTRIES_MAX, CONFIG_UNPACK_MIB_MAX, CONFIG_INFLATE_RATIO.
 */
#ifndef RUNTIME_IMAGE_LAYER_H
#define RUNTIME_IMAGE_LAYER_H

#include <stdatomic.h>

#include "firmware/core/stream.h"
#include "firmware/fmt/sha256.h"
#include "firmware/sched/job.h"
#include "runtime/image/store.h"

/* --- unpack.c --- */

struct unpack_options {
	int root_fd;	       /* the directory everything has to stay beneath */
	enum layer_form form;  /* how "deleted" is written */
	const struct job *job; /* its stop flag is honoured; may be NULL */
	/* For archives that are no layers (copying into a container): */
	bool verbatim;	  /* ".wh." files are files; the entry of the root itself is skipped */
	const char *base; /* clean path beneath root_fd that names begin at; NULL: the root */
	bool keep_kinds;  /* a directory is not replaced by what is none, nor the reverse */
	bool owned;	  /* everything gets uid and gid */
	uint32_t uid, gid;
};
struct unpack_result {
	uint64_t size; /* bytes of regular files and of where symlinks point, hard links once */
	uint64_t entries;
	uint64_t whiteouts; /* files and directories marked deleted or opaque */
};
/*
 * Unpack a layer's tar. The archive is hostile: no path leaves root_fd, whatever symlinks it made
 * before. ERR_INVALID names the entry that is refused; ERR_TOO_LARGE the limit.
 */
int unpack_tar(struct reader *source, const struct unpack_options *opt, struct unpack_result *ret,
	       struct err *e) WARN_UNUSED;

/* --- blob.c --- */

struct blob_writer {
	struct writer writer;
	int root_fd;
	int fd;
	char tmp[STORE_PATH_MAX]; /* relative to the data root */
	struct sha256 hash;
	uint64_t size;
	uint64_t pushed; /* bytes the kernel was told to write out */
};
int blob_writer_open(struct blob_writer *w, int root_fd, const char *tmp, struct err *e)
	WARN_UNUSED;
/* Give it its name. expected may be NULL; ERR_INVALID when the bytes are not those it names. */
int blob_writer_commit(struct blob_writer *w, const struct digest *expected, struct digest *ret,
		       struct err *e) WARN_UNUSED;
void blob_writer_abort(
	struct blob_writer *w); /* deletes what was not committed; may be called twice */
/* A whole blob from memory. */
int blob_write(int root_fd, const char *tmp, struct str data, struct digest *ret, struct err *e)
	WARN_UNUSED;

/* A reader over a descriptor, from its present offset. */
struct fd_reader {
	struct reader reader;
	int fd;
};
void fd_reader_init(struct fd_reader *r, int fd);

/* --- layer.c --- */

/* What layer.json says. */
struct layer_file {
	struct digest chain, diff_id;
	uint64_t size, whiteouts;
	bool plain;
};
/* Of the directory name beneath layers/. */
int layer_file_read(int root_fd, const char *name, struct arena *a, struct layer_file *ret,
		    struct err *e) WARN_UNUSED;

struct layer_work {
	/* in */
	int root_fd;
	enum layer_form form;
	struct digest chain, parent, diff_id; /* parent "" for the base layer */
	struct digest
		blob; /* expected of the bytes as they come; "" when there is nothing to expect */
	struct reader *source;
	char dir_tmp[STORE_PATH_MAX];  /* the layer is made here */
	char blob_tmp[STORE_PATH_MAX]; /* and its blob; "": the blob is there already */
	/* progress, readable from the loop */
	atomic_uint_fast64_t taken; /* bytes of source */
	atomic_bool all_taken;	    /* the source is read to its end and was right */
	/* out */
	uint64_t size;
	struct digest blob_found;
};
int layer_make(struct layer_work *w, const struct job *job, struct err *e) WARN_UNUSED;

#endif
