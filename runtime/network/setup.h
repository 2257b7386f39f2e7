/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bridge and its table are there before a container uses them.
 *
 * Thread: loop. Yields: what carries FIBER_FN. Owns: nothing of its own.
 */
#ifndef RUNTIME_NETWORK_SETUP_H
#define RUNTIME_NETWORK_SETUP_H

#include "runtime/network/private.h"

/* Make them unless n->bridge.ready. */
int network_make_ready(struct network_system *n, struct err *e) FIBER_FN WARN_UNUSED;
/* The same in the background, so that the first container need not wait; a failure is logged. */
void network_warm_up(struct network_system *n);
/* Until that has ended. */
void network_wait_warm(struct network_system *n) FIBER_FN;
/* Hand on what a job that returned r says; r when it could not even be queued, too. */
int network_job_failed(const struct job *job, int r, struct err *e) WARN_UNUSED;

#endif
