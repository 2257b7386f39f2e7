/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between the two files of changes: what the layers show (changes_layers.c), and what is different
 * (changes.c).
 *
 * Thread: worker. Yields: no.
 */
#ifndef RUNTIME_CONTAINER_CHANGES_H
#define RUNTIME_CONTAINER_CHANGES_H

#include <sys/stat.h>

#include "firmware/sched/job.h"
#include "runtime/container/look.h"

#define CHANGES_PATH_ROOM 4096

struct changes_job {
	struct job job;
	struct arena *a; /* of the result */
	struct snapshot_places places;
	struct change *items;
	size_t n, cap;
	int upper_fd, *layer_fds; /* top first */
	size_t n_layers;
	char path[CHANGES_PATH_ROOM]; /* relative to the root, of what is looked at */
	char mark[CHANGES_PATH_ROOM + 16];
};

/* The layers that show a name, top first: one for a file, all that are merged for a directory. */
struct shown {
	uint16_t *layers;
	size_t n;
	bool made;	/* by the engine when the root was made (vfs: there is no layer of it) */
	struct stat st; /* of the first */
	int fd;		/* of the first, O_PATH; the caller closes it; -1 */
};

/* O_PATH, no link followed, not even on the way. -errno. */
int changes_open(int root, const char *path) WARN_UNUSED;
bool changes_is_whiteout(const struct stat *st);
bool changes_is_opaque(int fd);
/* Which layers among those of the parent show j->path. */
int changes_look_below(struct changes_job *j, const struct shown *parent, struct arena *mem,
		       struct shown *ret) WARN_UNUSED;
/* Names in the directory j->path beneath root, appended. marks: ".wh." files are names too. */
int changes_add_names(struct changes_job *j, int root, bool marks, struct arena *mem,
		      struct texts *ret, size_t *cap) WARN_UNUSED;
/* Sorted, each once. */
void changes_sort_names(struct texts *names);
int changes_compare_names(const void *a, const void *b);

#endif
