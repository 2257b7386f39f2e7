/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Handlers about the engine as a whole: ping, version, info, and the answers for what it never is
 * (a swarm, a host of plugins).
 *
 * Thread: loop. Yields: yes. See api/router/route.h for what a handler is.
 */
#ifndef API_SYSTEM_SYSTEM_H
#define API_SYSTEM_SYSTEM_H

#include "api/router/route.h"

int api_system_ping(struct call *call, struct err *e) FIBER_FN;
int api_system_version(struct call *call, struct err *e) FIBER_FN;
int api_system_info(struct call *call, struct err *e) FIBER_FN;
int api_system_auth(struct call *call, struct err *e) FIBER_FN;
int api_system_build_prune(struct call *call, struct err *e) FIBER_FN;
int api_system_df(struct call *call, struct err *e) FIBER_FN;
int api_system_events(struct call *call, struct err *e) FIBER_FN;
int api_system_checkpoint(struct call *call, struct err *e) FIBER_FN;
int api_system_plugins(struct call *call, struct err *e) FIBER_FN;
int api_system_no_plugins(struct call *call, struct err *e) FIBER_FN;
int api_system_no_swarm(struct call *call, struct err *e) FIBER_FN;
int api_system_not_in_swarm(struct call *call, struct err *e) FIBER_FN;

#endif
