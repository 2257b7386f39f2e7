/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Handlers of /volumes, one file a verb.
 *
 * Thread: loop. Yields: yes. See api/router/route.h for what a handler is.
 */
#ifndef API_VOLUMES_VOLUMES_H
#define API_VOLUMES_VOLUMES_H

#include "api/router/route.h"
#include "runtime/volume/volume.h"

int api_volumes_list(struct call *call, struct err *e) FIBER_FN;
int api_volumes_create(struct call *call, struct err *e) FIBER_FN;
int api_volumes_inspect(struct call *call, struct err *e) FIBER_FN;
int api_volumes_update(struct call *call, struct err *e) FIBER_FN;
int api_volumes_remove(struct call *call, struct err *e) FIBER_FN;
int api_volumes_prune(struct call *call, struct err *e) FIBER_FN;

/* What usage tells of a volume beyond what it is; -1: not known. */
struct volume_usage {
	int64_t size, users;
};
/* A volume as clients see it; usage may be NULL. */
void shape_volume(const struct volume *v, const struct volume_usage *usage, struct json_writer *w);

#endif
