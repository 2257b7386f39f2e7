/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between the two files of planning mounts: the list of them (mounts.c), and what one is by its
 * description (mount_plan.c).
 *
 * Thread: loop. Yields: no. Owns: nothing; results are the arena's.
 */
#ifndef RUNTIME_CONTAINER_MOUNT_PLAN_H
#define RUNTIME_CONTAINER_MOUNT_PLAN_H

#include "runtime/container/private.h"

struct mount_list {
	struct planned_mount *items;
	size_t n, room;
	const struct engine *eng;
	const struct host_config *host;
	unsigned api_minor;
	struct arena *a;
};

static inline bool text_is_empty(const char *s)
{
	return !s || !*s;
}

/* Fill e and return its code: there is no memory; a description is wrong ("<what><arg>"). */
int mount_no_memory(struct err *e);
int mount_refuse(const struct mount_config *in, struct err *e, const char *what, const char *arg);
/* An absolute path as Go's path.Clean has it, in the arena; NULL: no memory. */
const char *mount_path_clean(struct arena *a, const char *path) WARN_UNUSED;
/* A volume gets its name and place; who names none gets one of its own. */
int mount_name_volume(struct mount_list *list, struct planned_mount *p, const char *driver,
		      struct err *e) WARN_UNUSED;
/* What only newer clients may say, and what they may not. */
int mount_check_version(const struct mount_list *list, const struct mount_config *in, struct err *e)
	WARN_UNUSED;
/* Of Binds too: make_source is their privilege. The type is one of the four. */
int mount_plan(struct mount_list *list, const struct mount_config *in, bool make_source,
	       struct planned_mount *p, struct err *e) WARN_UNUSED;

#endif
