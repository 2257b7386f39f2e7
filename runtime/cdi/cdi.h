/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Container Device Interface: files in which vendors describe devices by name, and what has to
 * be done to a container that is to have one. A device is named vendor.com/class=name. Source: CDI
 * specification 1.1.0.
 *
 * The directories are read anew each time: files come and go with drivers, and a container that
 * asks for a device by name is rare.
 *
 * Thread: any; reads files, so it is for jobs. Yields: no. Owns: results are the arena's.
 * Limits: CONFIG_CDI_FILES_MAX, CONFIG_CDI_FILE_MAX.
 */
#ifndef RUNTIME_CDI_CDI_H
#define RUNTIME_CDI_CDI_H

#include "firmware/core/arena.h"
#include "firmware/core/err.h"
#include "firmware/fmt/bind.h"

struct cdi_node {
	const char *path;      /* in the container */
	const char *host_path; /* NULL: the same */
	const char *type;      /* "c", "u", "b" or "p"; known after cdi_resolve */
	int64_t major, minor;
	struct opt_i64 mode, uid, gid;
	const char *access; /* of "rwm"; NULL or "": all; "none" */
};
struct cdi_mount {
	const char *host_path, *container_path;
	const char *type; /* NULL: "bind" is among the options */
	struct texts options;
};
struct cdi_hook {
	const char *name; /* as the runtime document calls it: "createContainer" */
	const char *path;
	struct texts args, env;
	struct opt_i64 timeout; /* seconds */
};
/* What one file, or one device in it, does to a container. */
struct cdi_edits {
	struct texts env;	  /* KEY=value */
	struct shape_array nodes; /* struct cdi_node */
	struct shape_array mounts;
	struct shape_array hooks;
	struct str gids;      /* JSON: an array of numbers */
	struct str intel_rdt; /* JSON: as the runtime document has it */
	struct str net_devices;
};
/* All that is to be done, in this order; what comes later replaces what has the same name. */
struct cdi_injection {
	struct shape_array edits; /* struct cdi_edits */
};

/*
 * What the devices named ask for. ERR_SYSTEM in the engine's words: "CDI device injection failed:
 * unresolvable CDI devices a, b"; or a host device that is not there.
 */
int cdi_resolve(const struct texts *dirs, const struct texts *names, struct arena *a,
		struct cdi_injection *ret, struct err *e) WARN_UNUSED;

/* Names of all devices, sorted, and what is wrong with files that were left out. -ENOMEM. */
int cdi_list(const struct texts *dirs, struct arena *a, struct texts *ret_names,
	     struct texts *ret_problems) WARN_UNUSED;

/* The one that counts among those for this path; NULL if there is none. */
const struct cdi_node *cdi_find_node(const struct cdi_injection *in, const char *path);
const struct cdi_mount *cdi_find_mount(const struct cdi_injection *in, const char *container_path);

#endif
