/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests, counted. The latency of a request is the time from its head to the head of its answer,
 * so that a stream that lasts an hour is as quick as its first byte.
 */
#include "api/metrics/metrics.h"

#include "firmware/core/clock.h"
#include "firmware/core/mem.h"

static struct request_metrics *counted; /* route_count of them, and one for what has no route */

const uint16_t metrics_statuses[15] = {101, 200, 201, 204, 301, 304, 400, 401,
				       403, 404, 409, 500, 501, 503, 431};
const char *const metrics_bounds[METRICS_BUCKETS] = {
	"0.0005", "0.001", "0.0025", "0.005", "0.01", "0.025", "0.05",
	"0.1",	  "0.25",  "0.5",    "1",     "2.5",  "10",
};
static const int64_t bounds_us[METRICS_BUCKETS] = {
	500,	1000,	2500,	5000,	 10000,	  25000,    50000,
	100000, 250000, 500000, 1000000, 2500000, 10000000,
};

const struct request_metrics *metrics_of(size_t i)
{
	return counted ? &counted[i] : NULL;
}

static size_t status_slot(int status)
{
	size_t i = 0;

	while (i < ARRAY_LEN(metrics_statuses) && metrics_statuses[i] != status)
		i++;
	return i;
}

void metrics_count(const struct route *route, const struct http_request *req, int64_t began_ns)
{
	struct request_metrics *m;
	int64_t answered_at = began_ns, us;
	int status = http_status_sent(req, &answered_at);
	size_t i = 0;

	if (!counted)
		return;
	m = &counted[route ? (size_t)(route - route_table) : route_count];
	us = (answered_at - began_ns) / 1000;
	while (i < METRICS_BUCKETS && us > bounds_us[i])
		i++;
	m->buckets[i]++;
	m->sum_ns += (uint64_t)MAX(answered_at - began_ns, 0);
	m->by_status[status_slot(status)]++;
}

static void serve(struct http_request *req, void *arg) FIBER_FN
{
	bool get = req->head.method == HTTP_GET || req->head.method == HTTP_HEAD;

	if (get && str_eqz(req->path, "/metrics"))
		metrics_page(req, arg);
	else
		http_reply(req, 404, "text/plain; charset=utf-8", STR("404 page not found\n"));
}

/* A scrape is small and tells why the daemon is busy: it may use what is kept back. */
static bool is_urgent(const struct http_request *req, void *arg)
{
	(void)req;
	(void)arg;
	return true;
}

static void refuse(struct http_request *req, int status, const char *message, void *arg) FIBER_FN
{
	(void)arg;
	http_reply(req, status, "text/plain; charset=utf-8",
		   str_from(arena_printf(req->arena, "%s\n", message)));
}

int metrics_start(struct engine *eng, struct listener *l, struct http_server **ret, struct err *e)
{
	struct http_server_config cfg = {
		.handle = serve,
		.urgent = is_urgent,
		.refuse = refuse,
		.arg = eng,
	};

	if (!counted)
		counted = mem_alloc((route_count + 1) * sizeof(*counted));
	if (!counted)
		return err_sys(e, ENOMEM, "the metrics");
	return http_server_start(ret, l, &cfg, e);
}
