/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine: all that the daemon knows, in one struct that is handed down to every operation. api/
 * holds one; tests may hold several. It is opened once, at start, and its parts restore themselves
 * from disk: images, then containers (whose shims are found again), then what a crash left is
 * swept.
 *
 * Thread: loop. Yields: what carries FIBER_FN. Owns: the stores.
 */
#ifndef RUNTIME_ENGINE_H
#define RUNTIME_ENGINE_H

#include <stdint.h>

#include "firmware/core/err.h"
#include "firmware/core/list.h"
#include "firmware/core/map.h"
#include "runtime/cgroup/support.h"
#include "firmware/sched/fiber.h"
#include "runtime/image/image.h"
#include "runtime/network/network.h"
#include "runtime/oci_version.h"
#include "runtime/options.h"
#include "runtime/volume/volume.h"

#define ENGINE_ID_MAX 40
#define ENGINE_ROOT_MAX 128 /* longest data or exec root, so that every path fits its array */

struct event_bus;

struct engine {
	const struct engine_options *opt;
	struct event_bus *events;
	struct image_store *images;
	struct network_system *network;
	struct volume_store *volumes;
	struct map containers_by_id;
	struct map containers_by_name;
	struct list containers; /* struct container, newest first */
	size_t links;		/* of all of them */
	struct map execs;	/* struct exec by id */
	char id[ENGINE_ID_MAX]; /* stable UUID of this data root */
	bool cgroup_v2;
	struct cgroup_support limits; /* what this kernel can set */
	bool ro_recursive;	      /* mounts can be made read-only with all below them */
	struct oci_version_cache oci_version;
	bool stopping;
	bool restored;		  /* containers are what they were; restarts may begin */
	struct list restarts_due; /* struct container; see runtime/container/restart.c */
	unsigned restarts_under_way;
	unsigned launches; /* under way; see runtime/container/launch.c */
	struct waitq launch_turn;
	unsigned probes;		    /* of health checks, running */
	uint64_t probes_run, probes_failed; /* so far */
	bool pruning, pruning_images;	    /* one of each at a time; see engine_prune_begin */
	int lock_fd;			    /* flock on <data-root>/lock */
	int64_t started_ns;
};

/* Make the directories, lock the data root against a second daemon, open the stores, restore
 * containers. */
int engine_open(struct engine *eng, const struct engine_options *opt, struct err *e)
	FIBER_FN WARN_UNUSED;
/* Let go of everything; containers keep running under their shims. */
void engine_close(struct engine *eng) FIBER_FN;

/*
 * Prunes exclude each other: those of images, and those of everything else. running is one of the
 * engine's two flags, set until the caller clears it; ERR_CONFLICT "a prune operation is already
 * running".
 */
int engine_prune_begin(bool *running, struct err *e) WARN_UNUSED;

/* Path of a runtime by HostConfig.Runtime's name (NULL or "": the default); NULL when unknown. */
const char *engine_runtime_path(const struct engine *eng, const char *name);

#endif
