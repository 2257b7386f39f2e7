/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One object of GET /containers/{name}/stats.
 *
 * Thread: loop. Yields: no. Owns: nothing.
 */
#ifndef API_SHAPE_STATS_H
#define API_SHAPE_STATS_H

#include "runtime/container/look.h"

#define STATS_CPUS_MAX 1024

/* What is kept of the sample before, for the client to reckon with. */
struct stats_before {
	bool known;
	int64_t read_ns;
	uint64_t total, user, kernel, system_ns;
	uint64_t periods, throttled, throttled_ns;
	unsigned cpus;
	uint64_t *per_cpu; /* room for n_room */
	size_t n_per_cpu, n_room;
};

void shape_stats(const struct container *c, const struct container_sample *s,
		 const struct stats_before *before, struct json_writer *w);
/* Keep s for the next one. */
void stats_remember(struct stats_before *before, const struct container_sample *s);

#endif
