/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Handlers of /networks.
 *
 * Thread: loop. Yields: yes. See api/router/route.h for what a handler is.
 */
#ifndef API_NETWORKS_NETWORKS_H
#define API_NETWORKS_NETWORKS_H

#include "api/router/route.h"

int api_networks_list(struct call *call, struct err *e) FIBER_FN;
int api_networks_inspect(struct call *call, struct err *e) FIBER_FN;
int api_networks_remove(struct call *call, struct err *e) FIBER_FN;
int api_networks_prune(struct call *call, struct err *e) FIBER_FN;

#endif
