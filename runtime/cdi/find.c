/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "runtime/cdi/cdi.h"

const struct cdi_node *cdi_find_node(const struct cdi_injection *in, const char *path)
{
	const struct cdi_edits *edits = in ? in->edits.items : NULL;
	const struct cdi_node *found = NULL;

	for (size_t i = 0; in && i < in->edits.n; i++) {
		const struct cdi_node *nodes = edits[i].nodes.items;

		for (size_t k = 0; k < edits[i].nodes.n; k++)
			if (!strcmp(nodes[k].path, path))
				found = &nodes[k];
	}
	return found;
}

const struct cdi_mount *cdi_find_mount(const struct cdi_injection *in, const char *container_path)
{
	const struct cdi_edits *edits = in ? in->edits.items : NULL;
	const struct cdi_mount *found = NULL;

	for (size_t i = 0; in && i < in->edits.n; i++) {
		const struct cdi_mount *mounts = edits[i].mounts.items;

		for (size_t k = 0; k < edits[i].mounts.n; k++)
			if (!strcmp(mounts[k].container_path, container_path))
				found = &mounts[k];
	}
	return found;
}
