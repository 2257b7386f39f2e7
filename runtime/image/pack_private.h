/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between the two files of packing: the walk (pack.c) and what is written of each name
 * (pack_entry.c).
 *
 * Thread: worker. Yields: no.
 */
#ifndef RUNTIME_IMAGE_PACK_PRIVATE_H
#define RUNTIME_IMAGE_PACK_PRIVATE_H

#include <stdio.h>
#include <sys/stat.h>

#include "firmware/core/arena.h"
#include "firmware/core/map.h"
#include "firmware/fmt/tar.h"
#include "runtime/image/pack.h"

#define PACK_PATH_ROOM 8192
#define PACK_COPY_SIZE (256u * 1024)

struct pack_level {
	struct pack_level *up;
	int fd;
	dev_t dev;
	struct arena mem;
	const char **names;
	size_t n, next;
	size_t path_n; /* of the directory's own name in pack.path */
};

struct pack {
	const struct pack_options *opt;
	struct tar_writer *tar;
	struct pack_level *top;
	size_t depth;
	struct map seen; /* files with several names, by device and inode */
	struct arena mem;
	struct tar_entry entry;
	uint64_t entries;
	char path[PACK_PATH_ROOM], link[PACK_PATH_ROOM];
	char copy[PACK_COPY_SIZE];
};

int pack_stopped(const struct pack *p, struct err *e) WARN_UNUSED;
/* Write the entry p->path of the file at fd (O_PATH). */
int pack_entry(struct pack *p, int fd, const struct stat *st, struct err *e) WARN_UNUSED;
/* Write that p->path is deleted: an empty file of the same name behind ".wh.". */
int pack_whiteout(struct pack *p, struct err *e) WARN_UNUSED;
/* A directory of a layer that hides what lower layers have in it says so, right behind itself. */
int pack_opaque(struct pack *p, int fd, const struct stat *st, struct err *e) WARN_UNUSED;
/* Anything a layer must not hold, since it means nothing elsewhere. */
bool pack_is_whiteout(const struct stat *st);

#endif
