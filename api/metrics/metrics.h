/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What Prometheus may know: the daemon counts its requests by route, status and latency, and shows
 * them with its pools, its loop and its containers on a listener of its own (--metrics-addr), as
 * text (exposition format 0.0.4) at /metrics. Where dockerd has a metric, ours has the same name.
 *
 * Thread: loop. Yields: no; the server's handler does. Owns: the counters, one set a process.
 * Limits: CONFIG_METRICS. Off, or without a listener, nothing is counted.
 */
#ifndef API_METRICS_METRICS_H
#define API_METRICS_METRICS_H

#include <stdint.h>

#include "api/router/route.h"
#include "firmware/core/err.h"
#include "firmware/net/http_server.h"
#include "firmware/net/socket.h"
#include "runtime/engine.h"

/* Begin to count, and serve what is counted on l, which must outlive the server. */
int metrics_start(struct engine *eng, struct listener *l, struct http_server **ret, struct err *e)
	WARN_UNUSED;
/* A request that began at began_ns (monotonic) was handled; route is NULL when there is none. */
void metrics_count(const struct route *route, const struct http_request *req, int64_t began_ns);

/* --- for page.c --- */

#define METRICS_BUCKETS 13
extern const char *const metrics_bounds[METRICS_BUCKETS]; /* seconds, as printed */

struct request_metrics {
	uint64_t by_status[16]; /* in the order of metrics_statuses, the last for all others */
	uint64_t buckets[METRICS_BUCKETS + 1];
	uint64_t sum_ns;
};
extern const uint16_t metrics_statuses[15];
/* The counters of route_table[i]; i = route_count: of no route. NULL before metrics_start. */
const struct request_metrics *metrics_of(size_t i);

/* The page itself, streamed. */
void metrics_page(struct http_request *req, const struct engine *eng) FIBER_FN;

#endif
