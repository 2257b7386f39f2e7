/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between the files of snapshots: their list in memory.
 *
 * Thread: loop. Yields: no. Owns: struct image_store owns snapshots.
 */
#ifndef RUNTIME_IMAGE_SNAPSHOT_H
#define RUNTIME_IMAGE_SNAPSHOT_H

#include "runtime/image/store.h"

#define SNAPSHOT_ID_MAX 128
#define SNAPSHOT_FILE_MAX (64u * 1024)

struct snapshot *snapshot_find(struct image_store *s, const char *id);
/* Ours are hex or names; anything else must not become a path. */
bool snapshot_id_valid(const char *id);
/* "snapshots/<id>" and what follows it. */
void snapshot_path(const char *id, const char *suffix, char out[STORE_PATH_MAX]);
/* Take it into the list; it holds its layers. ret may be NULL. */
int snapshot_add(struct image_store *s, const char *id, const struct digest *chains, size_t n,
		 struct snapshot **ret, struct err *e) WARN_UNUSED;

#endif
