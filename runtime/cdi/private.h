/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One file of device descriptions, and the set of all of them.
 *
 * Thread: any. Yields: no. Owns: everything is the arena's.
 */
#ifndef RUNTIME_CDI_PRIVATE_H
#define RUNTIME_CDI_PRIVATE_H

#include "runtime/cdi/cdi.h"

struct cdi_device {
	const char *name;
	struct cdi_edits edits;
};
struct cdi_spec {
	const char *version, *kind; /* "0.6.0", "vendor.com/class" */
	struct shape_array devices; /* struct cdi_device */
	struct cdi_edits edits;	    /* for whoever has one of the devices */
	const char *path;
	size_t priority; /* index of its directory: the later one wins */
};
/* spec.c */
extern const struct shape shape_cdi_injection;
/* From JSON text. ERR_INVALID says what is wrong with it. */
int cdi_spec_parse(struct str json, struct arena *a, struct cdi_spec *ret, struct err *e)
	WARN_UNUSED;

/* scan.c */
struct cdi_registry {
	struct cdi_spec **specs;
	size_t n;
	struct texts problems; /* of files, or of two that say the same */
};
/* Read every file; those that cannot be used are among the problems. -ENOMEM. */
int cdi_scan(const struct texts *dirs, struct arena *a, struct cdi_registry *ret) WARN_UNUSED;
/* A device by its full name; NULL if none has it, or two files that are equally important. */
struct cdi_device *cdi_find(const struct cdi_registry *reg, const char *name,
			    struct cdi_spec **ret_spec, struct cdi_spec **ret_rival);
/* Append to a list in the arena. -ENOMEM. */
int cdi_append(struct texts *list, const char *text, struct arena *a) WARN_UNUSED;

/* device.c: type and numbers of a node, from the host's. */
int cdi_node_complete(struct cdi_node *node, struct err *e) WARN_UNUSED;

#endif
