/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest's wall clock. A machine that slept (a laptop's lid) comes back with a clock that stood
 * still; the hardware's went on. So the hardware's clock is asked now and then, and when it has
 * moved against ours, ours follows by as much: a clock that somebody set stays set.
 *
 * Thread: the only one. Yields: no. Owns: nothing. Limits: right to two seconds.
 */
#ifndef ROOTFS_INIT_WALLCLOCK_H
#define ROOTFS_INIT_WALLCLOCK_H

#include <stdint.h>

#define WALLCLOCK_PERIOD_MS 30000

/* Find a hardware clock, and set ours by it where the kernel has not. */
void wallclock_open(void);
/* To be called every WALLCLOCK_PERIOD_MS. */
void wallclock_follow(void);

#endif
