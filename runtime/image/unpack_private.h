/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between the files of unpacking: the entries (unpack.c), their names (unpack_path.c), and what
 * they carry besides data (unpack_metadata.c).
 *
 * Thread: worker. Yields: no. Owns: nothing; struct unpack is unpack_tar's.
 */
#ifndef RUNTIME_IMAGE_UNPACK_PRIVATE_H
#define RUNTIME_IMAGE_UNPACK_PRIVATE_H

#include "firmware/core/arena.h"
#include "firmware/fmt/tar.h"
#include "runtime/image/archive.h"

#define UNPACK_COPY_SIZE (256u * 1024)

struct dir_time; /* of unpack_metadata.c */

struct unpack {
	const struct unpack_options *opt;
	struct tar_reader *tar;
	struct tar_entry entry;
	struct unpack_result result;
	struct arena mem;
	struct dir_time *dirs;
	int parent_fd;		       /* of the current entry; kept for the next one */
	char parent[ARCHIVE_PATH_MAX]; /* its path, "" is the root */
	char path[ARCHIVE_PATH_MAX];   /* of the current entry: parent and base */
	const char *base;	       /* points into path; "." for the root itself */
	int file_fd;		       /* of the current entry while it is made, if it is a file */
	char other[ARCHIVE_PATH_MAX];  /* a hard link's target */
	char copy[UNPACK_COPY_SIZE];
};

/* Fill e about the current entry: it is not acceptable, or errno kept it from being made. Return
 * the negative errno. */
int unpack_refuse(const struct unpack *u, struct err *e, const char *why);
int unpack_failed(const struct unpack *u, struct err *e, const char *what);

/* Open path ("" is the root itself) beneath root_fd: symlinks lead nowhere else. flags are open's.
 * Returns the descriptor or -1 with errno. */
int unpack_open(int root_fd, const char *path, uint64_t flags) WARN_UNUSED;

/* A name of the archive as a path beneath the root. Errors as from archive_path_clean. */
int unpack_resolve(const struct unpack *u, const char *name, char out[ARCHIVE_PATH_MAX])
	WARN_UNUSED;

/* Split u->path: base is set, and parent_fd is the directory that it goes into; those that are
 * missing are made. */
int unpack_enter_parent(struct unpack *u, struct err *e) WARN_UNUSED;

/* Owner, mode, attributes and (but for directories) times of what was made as base in parent_fd. */
int unpack_set_metadata(struct unpack *u, struct err *e) WARN_UNUSED;

/* A directory's time is remembered until all is made inside of it, and set at the end as far as the
 * directory is still there. */
int unpack_remember_time(struct unpack *u, struct err *e) WARN_UNUSED;
void unpack_set_directory_times(struct unpack *u);

#endif
