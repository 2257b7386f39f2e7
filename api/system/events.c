/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GET /events: a fiber that walks the engine's ring of events and sends what its filter lets
 * through. Past events are told only if since or until was given; until in the past ends the stream
 * after them. An event is rendered before anything is waited for, since afterwards it may be gone.
 */
#include <errno.h>

#include "api/router/reply.h"
#include "api/shape/event.h"
#include "api/system/system.h"
#include "firmware/core/log.h"

#define LINE_MAX_BYTES (EVENT_RING_BYTES * 2) /* the largest event, all of it escaped */

struct watch {
	struct event_reader reader;
	struct event_filter filter;
	struct filters filters;
	struct buf line;
	int64_t since_ns, until_ns; /* wall clock; 0: not given */
	int64_t deadline;	    /* until, by the monotonic clock */
	bool past_only, has_since;
};

static int read_time(struct call *call, const char *key, int64_t now, int64_t *ret, struct err *e)
{
	const char *text = query_text(call, key);

	*ret = 0;
	if (*text && clock_parse_query(str_from(text), now, ret) < 0)
		return err_set(e, ERR_INVALID, "invalid value for \"%s\": %s", key, text);
	return 0;
}

static int read_query(struct call *call, struct watch *wt, struct err *e)
{
	const char *since = query_text(call, "since"), *until = query_text(call, "until");
	int64_t now = clock_wall();

	if (read_time(call, "since", now, &wt->since_ns, e) < 0 ||
	    read_time(call, "until", now, &wt->until_ns, e) < 0)
		return err_code(e);
	wt->has_since = *since;
	wt->deadline = DEADLINE_NEVER;
	if (*until) {
		if (*since && wt->until_ns < wt->since_ns)
			return err_set(e, ERR_INVALID,
				       "`since` time (%s) cannot be after `until` time (%s)", since,
				       until);
		wt->past_only = wt->until_ns < now;
		if (wt->until_ns - now < DEADLINE_NEVER / 2)
			wt->deadline = clock_mono() + (wt->until_ns - now);
	}
	if (filters_read(call, NULL, &wt->filters, e) < 0)
		return err_code(e);
	for (size_t k = 0; k < EVENT_FILTER_KEYS; k++)
		wt->filter.by[k] =
			filters_get(&wt->filters, event_filter_key_name((enum event_filter_key)k));
	event_reader_start(&wt->reader, call->eng->events, *since || *until);
	return 0;
}

static bool is_wanted(const struct call *call, const struct watch *wt, const struct event *ev)
{
	if (wt->has_since && ev->time_ns < wt->since_ns)
		return false;
	if (wt->deadline != DEADLINE_NEVER && ev->time_ns > wt->until_ns)
		return false;
	return shape_event_is_known(ev, call->api_minor) && event_filter_match(&wt->filter, ev);
}

static int send_event(struct call *call, struct watch *wt, const struct event *ev) FIBER_FN
{
	struct json_writer w;

	buf_reset(&wt->line);
	json_begin(&w, &wt->line);
	shape_event(ev, &w);
	buf_putc(&wt->line, '\n');
	if (wt->line.failed)
		return -ENOMEM;
	return http_stream_write(call->http, wt->line.p, wt->line.n);
}

/* All there are now; then they are on their way. */
static int send_pending(struct call *call, struct watch *wt) FIBER_FN
{
	const struct event *ev;
	int r;

	while ((r = event_read(&wt->reader, &ev)) > 0) {
		if (!is_wanted(call, wt, ev))
			continue;
		r = send_event(call, wt, ev);
		if (r < 0)
			return r;
	}
	return r < 0 ? r : http_stream_flush(call->http);
}

static int follow(struct call *call, struct watch *wt) FIBER_FN
{
	int r = send_pending(call, wt);

	while (r == 0 && !wt->past_only) {
		r = event_wait(&wt->reader, wt->deadline);
		if (r == -ETIMEDOUT)
			return 0;
		if (r == 0)
			r = send_pending(call, wt);
	}
	return r;
}

int api_system_events(struct call *call, struct err *e)
{
	struct watch *wt = arena_alloc(call->a, sizeof(*wt));
	int r;

	if (!wt)
		return err_set(e, ERR_UNAVAILABLE, "no memory");
	if (read_query(call, wt, e) < 0)
		return err_code(e);
	buf_init(&wt->line, call->a, LINE_MAX_BYTES);
	r = http_stream_begin(call->http, 200, "application/json");
	if (r == 0)
		r = http_stream_flush(call->http);
	if (r == 0)
		r = follow(call, wt);
	if (r == -EOVERFLOW)
		log_warn("request %llu: dropped, it reads events too slowly",
			 (unsigned long long)call->http->id);
	return r < 0 ? err_sys(e, -r, "sending events") : http_stream_end(call->http);
}
