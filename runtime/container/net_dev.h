/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /proc/<pid>/net/dev. Pure.
 *
 * Thread: any. Yields: no. Owns: results are the arena's.
 */
#ifndef RUNTIME_CONTAINER_NET_DEV_H
#define RUNTIME_CONTAINER_NET_DEV_H

#include "runtime/container/look.h"

/* Every link but the loopback. -ENOMEM. */
int net_dev_parse(struct str text, struct arena *a, struct net_counters **ret, size_t *ret_n)
	WARN_UNUSED;

#endif
