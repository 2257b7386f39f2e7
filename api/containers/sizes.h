/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a container's files take on disk (size=1 of list and inspect), counted by a job.
 *
 * Thread: loop. Yields: yes.
 */
#ifndef API_CONTAINERS_SIZES_H
#define API_CONTAINERS_SIZES_H

#include "api/shape/container.h"

int container_measure(struct container *c, struct container_sizes *ret, struct err *e)
	FIBER_FN WARN_UNUSED;

#endif
