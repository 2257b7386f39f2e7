/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paths inside a container as the archive endpoints take them, and file modes as they show them.
 * Pure functions.
 *
 * Thread: any. Yields: no. Owns: nothing.
 */
#ifndef RUNTIME_CONTAINER_ARCHIVE_PATH_H
#define RUNTIME_CONTAINER_ARCHIVE_PATH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "firmware/core/attr.h"
#include "runtime/container/container.h"

#define ARCHIVE_TEXT_MAX 4096

/* st_mode as Go's os.FileMode. */
uint32_t go_file_mode(mode_t mode);

/*
 * A client's path: absolute and clean by its text, "/" for the root. What it ended with decides
 * whether a link at its end is followed and how the archive is rooted.
 */
enum path_ending { ENDING_NONE, ENDING_SLASH, ENDING_DOT };
int archive_path_parse(const char *path, char out[ARCHIVE_TEXT_MAX], enum path_ending *ret)
	WARN_UNUSED; /* -ENAMETOOLONG */
/* Last component as Go's filepath.Base has it: "/" for the root, "." after "/.". */
const char *archive_path_base(const char *clean, enum path_ending ending);
/*
 * Where a path relative to the directory dir leads by its text alone (for broken links).
 * -ENAMETOOLONG.
 */
int archive_path_join(const char *dir, const char *path, char out[ARCHIVE_TEXT_MAX]) WARN_UNUSED;

/* The innermost mount that path (clean, in the container) lies in; NULL: the root. */
const struct container_mount *archive_mount_of(const struct container_mount *mounts, size_t n,
					       const char *path);

#endif
