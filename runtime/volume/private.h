/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of runtime/volume share.
 *
 * Thread: loop, save what is said to run on a worker. Yields: what carries FIBER_FN.
 */
#ifndef RUNTIME_VOLUME_PRIVATE_H
#define RUNTIME_VOLUME_PRIVATE_H

#include "firmware/sched/job.h"
#include "runtime/volume/volume.h"

#define VOLUME_FILE_MAX (1u << 20)
#define VOLUME_MEM_MAX (2u << 20) /* kept texts of one volume */
#define VOLUME_TMP_PREFIX '.'	  /* what no name begins with: half made or half removed */

struct volume_store {
	char root[VOLUME_PATH_MAX / 2]; /* <data-root>/volumes */
	struct map volumes;
	struct event_bus *events;
	struct fiber_lock lock; /* of making and removing */
};
struct volume_user {
	struct list link;
	unsigned count;
	char id[65];
};

/* --- store.c --- */

struct volume *volume_new(struct volume_store *s) WARN_UNUSED;
/* Put into the map. -EEXIST, -ENOMEM. */
int volume_enter(struct volume *v) WARN_UNUSED;
void volume_leave(struct volume *v);

/* --- record.c --- */

/* volume.json of v, in the arena. -ENOMEM. */
int volume_encode(const struct volume *v, struct arena *a, struct str *ret) WARN_UNUSED;
/* Fill a new volume; name is its directory's. */
int volume_decode(struct volume *v, const char *name, struct str json, struct arena *a,
		  struct err *e) WARN_UNUSED;

/* --- options.c: what the local driver takes --- */

int volume_check_options(const struct text_map *options, struct err *e) WARN_UNUSED;

#define VOLUME_OPTIONS_MAX 4096 /* what mount(2) takes, and a little less */
struct volume_mount_plan {
	unsigned long flags, propagation;
	char data[VOLUME_OPTIONS_MAX]; /* what the kernel's file system gets */
};
/* "o" taken apart: the kernel's flags, and the rest. ERR_INVALID when it is too long. */
int volume_parse_mount(const char *o, struct volume_mount_plan *ret, struct err *e) WARN_UNUSED;

/* --- mount.c --- */

/* Is something mounted on path? Any thread. */
bool volume_path_is_mounted(const char *path);

#endif
