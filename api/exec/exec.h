/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Handlers of exec instances.
 *
 * Thread: loop. Yields: yes. See api/router/route.h for what a handler is.
 */
#ifndef API_EXEC_EXEC_H
#define API_EXEC_EXEC_H

#include "api/router/route.h"

int api_exec_create(struct call *call, struct err *e) FIBER_FN;
int api_exec_start(struct call *call, struct err *e) FIBER_FN;
int api_exec_resize(struct call *call, struct err *e) FIBER_FN;
int api_exec_inspect(struct call *call, struct err *e) FIBER_FN;

#endif
