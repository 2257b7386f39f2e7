/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of child.h share.
 *
 * Thread: loop. Yields: no. Owns: nothing.
 */
#ifndef FIRMWARE_SCHED_CHILD_PRIVATE_H
#define FIRMWARE_SCHED_CHILD_PRIVATE_H

#include "firmware/sched/child.h"

/* 1 reaped (now or before), 0 still running, -errno. */
int child_try_reap(struct child *c);

#endif
