/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mode at the end of a bind ("ro,z,rslave") and of VolumesFrom.
 *
 * Thread: any. Yields: no. Owns: nothing; the words are constants.
 */
#ifndef RUNTIME_CONTAINER_MOUNT_MODE_H
#define RUNTIME_CONTAINER_MOUNT_MODE_H

#include <stdbool.h>

#include "firmware/core/str.h"

enum mount_mode_class {
	MODE_RW,
	MODE_LABEL,
	MODE_PROPAGATION,
	MODE_COPY,
	MODE_CONSISTENCY,
	MODE_N
};

struct mount_mode {
	const char *words[MODE_N]; /* NULL: nothing of this class */
};
/* At most one word of each class; an empty mode is fine. False: it is none. */
bool mount_mode_parse(struct str text, struct mount_mode *ret) WARN_UNUSED;
bool mount_mode_is_rw(const struct mount_mode *m);
/* One word that says how mounts spread. */
bool mount_mode_is_propagation(const char *word);

#endif
