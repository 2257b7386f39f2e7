/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tar streams, entry by entry, over libarchive's tar reader and pax writer: ustar, GNU and pax,
 * long names, xattrs, sparse, sub-second times. Names are given as they stand in the archive;
 * whoever unpacks resolves them safely (runtime/image/unpack).
 *
 * Thread: worker (a job). Yields: no. Owns: an entry's texts live until the next tar_next.
 */
#ifndef FIRMWARE_FMT_TAR_H
#define FIRMWARE_FMT_TAR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "firmware/core/cleanup.h"
#include "firmware/core/stream.h"

enum tar_type { TAR_FILE, TAR_DIR, TAR_SYMLINK, TAR_HARDLINK, TAR_CHAR, TAR_BLOCK, TAR_FIFO };

struct tar_entry {
	const char *name; /* as in the archive, bytes, no NUL inside */
	const char *link; /* symlink or hard link target, else NULL */
	enum tar_type type;
	uint32_t mode; /* permission bits incl. setuid, setgid, sticky */
	uint32_t uid, gid;
	/* Of the data that follows (TAR_FILE). A sparse file's may be far beyond the archive's. */
	uint64_t size;
	int64_t mtime_sec;
	uint32_t mtime_nsec; /* read only: the writer keeps whole seconds, as the engine does */
	uint32_t dev_major, dev_minor;
	size_t n_xattrs;
};

struct tar_reader;
int tar_open(struct tar_reader **ret, struct reader *source, struct err *e) WARN_UNUSED;
/*
 * 1 and the entry, 0 at the end of the archive (an empty stream is an empty archive; what follows
 * the end marker stays in source), ERR_INVALID when corrupt or truncated, the source's own error.
 */
int tar_next(struct tar_reader *t, struct tar_entry *ret, struct err *e) WARN_UNUSED;
/* Data of the current entry, holes as zeroes: > 0, 0 at its end. Unread data is skipped by
 * tar_next. */
ssize_t tar_read(struct tar_reader *t, void *p, size_t n, struct err *e) WARN_UNUSED;
/* i-th xattr of the current entry (i < n_xattrs). */
void tar_xattr(struct tar_reader *t, size_t i, const char **ret_name, const void **ret_value,
	       size_t *ret_n);
void tar_close(struct tar_reader *t);
DEFINE_CLEANUP(struct tar_reader *, tar_close)

struct tar_writer;
int tar_create(struct tar_writer **ret, struct writer *sink, struct err *e) WARN_UNUSED;
/* Begin an entry; exactly entry->size bytes of data must follow by tar_write. */
int tar_add(struct tar_writer *t, const struct tar_entry *entry, struct err *e) WARN_UNUSED;
/* xattrs are given before tar_add for the entry to come. */
int tar_add_xattr(struct tar_writer *t, const char *name, const void *value, size_t n,
		  struct err *e) WARN_UNUSED;
int tar_write(struct tar_writer *t, const void *p, size_t n, struct err *e) WARN_UNUSED;
/* Write the end marker and flush. */
int tar_finish(struct tar_writer *t, struct err *e) WARN_UNUSED;
void tar_writer_free(struct tar_writer *t);
DEFINE_CLEANUP(struct tar_writer *, tar_writer_free)

#endif
