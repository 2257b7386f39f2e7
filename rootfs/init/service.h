/* SPDX-License-Identifier: Apache-2.0 */
/*
 * serind, kept running: started again when it ends, less and less often when it keeps ending. The
 * kernel's memory killer is kept from it. Its log is bounded.
 *
 * Thread: the only one. Yields: no. Owns: the process, and the log's descriptor.
 * Limits: CONFIG_INIT_LOG_KIB.
 */
#ifndef ROOTFS_INIT_SERVICE_H
#define ROOTFS_INIT_SERVICE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "rootfs/init/options.h"

#define SERVICE_LOG "/run/serind.log"

struct service {
	const struct init_options *options;
	pid_t pid;		   /* 0: not running */
	bool wanted;		   /* to be started (again) */
	int log;		   /* -1: cannot be opened */
	unsigned falls;		   /* quick ends in a row */
	int64_t began_ms, next_ms; /* by clock_mono */
};

void service_init(struct service *s, const struct init_options *o);
/* Start it if it should run and it is time. */
void service_tick(struct service *s);
/* Its process ended with this status of wait(). */
void service_ended(struct service *s, int status);
/* Keep the log from growing without end. */
void service_trim_log(struct service *s);

#endif
