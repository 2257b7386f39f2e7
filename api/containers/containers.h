/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Handlers of /containers, one file a verb.
 *
 * Thread: loop. Yields: yes. See api/router/route.h for what a handler is.
 */
#ifndef API_CONTAINERS_CONTAINERS_H
#define API_CONTAINERS_CONTAINERS_H

#include "api/router/route.h"

int api_containers_list(struct call *call, struct err *e) FIBER_FN;
int api_containers_create(struct call *call, struct err *e) FIBER_FN;
int api_containers_prune(struct call *call, struct err *e) FIBER_FN;
int api_containers_inspect(struct call *call, struct err *e) FIBER_FN;
int api_containers_start(struct call *call, struct err *e) FIBER_FN;
int api_containers_stop(struct call *call, struct err *e) FIBER_FN;
int api_containers_restart(struct call *call, struct err *e) FIBER_FN;
int api_containers_kill(struct call *call, struct err *e) FIBER_FN;
int api_containers_wait(struct call *call, struct err *e) FIBER_FN;
int api_containers_rename(struct call *call, struct err *e) FIBER_FN;
int api_containers_resize(struct call *call, struct err *e) FIBER_FN;
int api_containers_attach(struct call *call, struct err *e) FIBER_FN;
int api_containers_attach_ws(struct call *call, struct err *e) FIBER_FN;
int api_containers_logs(struct call *call, struct err *e) FIBER_FN;
int api_containers_remove(struct call *call, struct err *e) FIBER_FN;
int api_containers_archive_stat(struct call *call, struct err *e) FIBER_FN;
int api_containers_archive_get(struct call *call, struct err *e) FIBER_FN;
int api_containers_archive_put(struct call *call, struct err *e) FIBER_FN;
int api_containers_export(struct call *call, struct err *e) FIBER_FN;
int api_containers_changes(struct call *call, struct err *e) FIBER_FN;
int api_containers_commit(struct call *call, struct err *e) FIBER_FN;
int api_containers_update(struct call *call, struct err *e) FIBER_FN;
int api_containers_top(struct call *call, struct err *e) FIBER_FN;
int api_containers_stats(struct call *call, struct err *e) FIBER_FN;
int api_containers_pause(struct call *call, struct err *e) FIBER_FN;
int api_containers_unpause(struct call *call, struct err *e) FIBER_FN;

#endif
