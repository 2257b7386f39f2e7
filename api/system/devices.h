/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Devices that containers may ask for by name, as GET /info lists them.
 *
 * Thread: loop. Yields: what carries FIBER_FN. Owns: texts are in the call's arena.
 */
#ifndef API_SYSTEM_DEVICES_H
#define API_SYSTEM_DEVICES_H

#include "api/router/route.h"
#include "firmware/sched/job.h"
#include "runtime/cdi/cdi.h"

struct device_listing {
	struct texts names, problems; /* of files that could not be used */
	/* private: */
	struct job job;
	const struct texts *dirs;
	struct arena *a;
};

/* Read the directories, on a worker. Without one to be had the lists stay empty. */
void device_listing_read(struct device_listing *l, struct call *call) FIBER_FN;
/* "DiscoveredDevices", when there are any. */
void device_listing_write(const struct device_listing *l, struct json_writer *w);

#endif
