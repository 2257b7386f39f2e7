/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GET /containers/{name}/stats: one object, or one each second for as long as the client listens
 * and the container exists. Memory is borrowed for each sample and given back before the wait.
 */
#include "api/containers/containers.h"

#include "api/router/reply.h"
#include "api/shape/stats.h"

#define STATS_TEXT_MAX (256u << 10)
#define PERIOD_MS 1000

struct stats_call {
	struct call *call;
	struct container *c;
	struct stats_before before;
	bool stream;
};

/* Take a sample; with show, send it. *ret_running tells whether the container runs. */
static int sample(struct stats_call *s, bool show, bool *ret_running, struct err *e) FIBER_FN
{
	CLEANUP_ARENA struct arena a = {0};
	struct container_sample now;
	struct json_writer w;
	struct buf out;
	int r;

	if (arena_open(&a, POOL_NORMAL) < 0)
		return err_set(e, ERR_UNAVAILABLE, "too many operations at once; try again");
	r = container_sample(s->c, &a, &now, e);
	if (r < 0)
		return r;
	*ret_running = now.running;
	if (show) {
		buf_init(&out, &a, STATS_TEXT_MAX);
		json_begin(&w, &out);
		shape_stats(s->c, &now, &s->before, &w);
		buf_putc(&out, '\n');
		if (out.failed)
			return err_set(e, ERR_UNAVAILABLE, "no memory for the numbers");
		if (!s->stream)
			return http_reply(s->call->http, 200, "application/json", buf_str(&out));
		r = http_stream_write(s->call->http, out.p, out.n);
		if (r == 0)
			r = http_stream_flush(s->call->http);
		if (r < 0)
			return err_sys(e, -r, "sending numbers");
	}
	if (now.running)
		stats_remember(&s->before, &now);
	else
		s->before.known = false;
	return 0;
}

static int wait_a_period(struct stats_call *s, int64_t *next) FIBER_FN
{
	int64_t now = clock_mono();

	/* Skip what was missed, as a ticker does. */
	*next = MAX(*next + PERIOD_MS * NSEC_PER_MSEC, now);
	while (!s->c->removed) {
		int r = waitq_wait(&s->c->changed, *next);

		if (r == -ETIMEDOUT)
			return 0;
		if (r < 0)
			return r;
	}
	return 0;
}

static int stream(struct stats_call *s, struct err *e) FIBER_FN
{
	int64_t next = clock_mono();
	bool running;
	int r = http_stream_begin(s->call->http, 200, "application/json");

	if (r < 0)
		return err_sys(e, -r, "sending numbers");
	while (r == 0 && !s->c->removed) {
		r = sample(s, true, &running, e);
		if (r < 0 && e->kind == ERR_UNAVAILABLE) {
			err_clear(e); /* no room just now: the next second may have it */
			r = 0;
		}
		if (r == 0)
			r = wait_a_period(s, &next);
	}
	return r < 0 ? r : http_stream_end(s->call->http);
}

/* One object, with the numbers of a second before unless that was not wanted. */
static int once(struct stats_call *s, bool one_shot, struct err *e) FIBER_FN
{
	int64_t next = clock_mono();
	bool running = true;
	int r;

	if (one_shot || !container_is_running(s->c))
		return sample(s, true, &running, e);
	http_watch_client(s->call->http, true);
	r = sample(s, false, &running, e);
	if (r == 0 && running)
		r = wait_a_period(s, &next);
	http_watch_client(s->call->http, false);
	if (r < 0)
		return e->kind ? r : err_set(e, ERR_CANCELLED, "cancelled");
	return sample(s, true, &running, e);
}

/* GET /containers/{name}/stats */
int api_containers_stats(struct call *call, struct err *e)
{
	CLEANUP(container_unrefp) struct container *c = NULL;
	bool one_shot = call->api_minor >= 41 && query_bool(call, "one-shot", false);
	struct stats_call s = {.call = call, .stream = query_bool(call, "stream", true)};

	if (s.stream && one_shot)
		return err_set(e, ERR_INVALID, "cannot have stream=true and one-shot=true");
	if (container_lookup(call->eng, call->params[0], &c, e) < 0)
		return err_code(e);
	s.c = c;
	s.before.per_cpu = arena_alloc_array(call->a, STATS_CPUS_MAX, sizeof(*s.before.per_cpu));
	if (!s.before.per_cpu)
		return err_set(e, ERR_UNAVAILABLE, "no memory");
	s.before.n_room = STATS_CPUS_MAX;
	return s.stream ? stream(&s, e) : once(&s, one_shot, e);
}
