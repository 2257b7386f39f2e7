/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kernel modules: by name or alias, what they need first. The index is depmod's (modules.dep,
 * modules.alias); .ko, and .ko.xz, .ko.gz and .ko.zst where the kernel unpacks them itself. What is
 * built in, or loaded already, or not in the image, is passed over.
 *
 * Thread: the only one. Yields: no. Owns: the index, until modules_done.
 * Limits: an index of 8 MiB.
 */
#ifndef ROOTFS_INIT_MODULES_H
#define ROOTFS_INIT_MODULES_H

#include <stdbool.h>

#include "firmware/core/arena.h"
#include "firmware/core/attr.h"
#include "firmware/core/str.h"

struct modules {
	struct arena mem;
	int dir; /* of the index and the modules */
	struct str dep, alias;
	struct str late; /* names that devices do not get now, one a line */
	unsigned loaded; /* how many this process has loaded */
};

/* The index in dir, which has the form of /lib/modules/<release>. 0 or -errno. */
int modules_open(struct modules *m, const char *dir) WARN_UNUSED;
void modules_done(struct modules *m);
/* A module, or all that an alias stands for. 0 when one of them is there now, else -errno. */
int modules_load(struct modules *m, const char *name);
/* The names in a file, one a line. */
void modules_load_list(struct modules *m, const char *file);
/*
 * What the devices below sysfs ("/sys/devices") ask for, until no more of them appear; without the
 * modules that the file late names (NULL: with all).
 */
void modules_load_devices(struct modules *m, const char *sysfs, const char *late);

/* As the shell matches, for the whole text: * ? [a-z]. */
bool modules_match(struct str pattern, struct str text);
/* The line of modules.dep whose module has this name ('-' and '_' are the same). */
bool modules_find(struct str dep, struct str name, struct str *ret_path, struct str *ret_needs);

#endif
