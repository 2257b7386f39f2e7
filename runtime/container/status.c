/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "runtime/container/container.h"

static const char *const status_names[] = {
	[CONTAINER_CREATED] = "created",   [CONTAINER_RUNNING] = "running",
	[CONTAINER_PAUSED] = "paused",	   [CONTAINER_RESTARTING] = "restarting",
	[CONTAINER_REMOVING] = "removing", [CONTAINER_EXITED] = "exited",
	[CONTAINER_DEAD] = "dead",
};

const char *container_status_name(enum container_status s)
{
	return status_names[s];
}

int container_status_parse(struct str text, enum container_status *ret)
{
	for (size_t i = 0; i < ARRAY_LEN(status_names); i++) {
		if (str_eqz(text, status_names[i])) {
			*ret = (enum container_status)i;
			return 0;
		}
	}
	return -EINVAL;
}
