/* SPDX-License-Identifier: Apache-2.0 */
#include "api/containers/containers.h"

#include <errno.h>

#include "api/containers/log_out.h"
#include "api/router/reply.h"
#include "runtime/container/container.h"

#define TYPE_RAW "application/vnd.docker.raw-stream"
#define TYPE_MULTIPLEXED "application/vnd.docker.multiplexed-stream"

static bool still_running(void *arg)
{
	const struct container *c = arg;

	return container_is_running(c) && !c->removed;
}

static int read_time(struct call *call, const char *key, int64_t *ret, struct err *e)
{
	const char *text = query_text(call, key);

	*ret = 0;
	if (!*text || !strcmp(text, "0"))
		return 0;
	if (clock_parse_query(str_from(text), clock_wall(), ret) < 0)
		return err_set(e, ERR_INVALID, "invalid value for \"%s\": %s", key, text);
	return 0;
}

static int stream_logs(struct call *call, const struct log_query *q, struct log_out *s,
		       struct err *e) FIBER_FN
{
	const char *text;
	int r = log_read(q, &s->sink, e);

	if (r < 0 && e->kind != ERR_NONE && e->kind != ERR_CANCELLED &&
	    e->sys_errno != ECONNRESET) {
		text = arena_printf(call->a, "Error grabbing logs: %s\n", e->msg);
		err_clear(e);
		r = log_out_error(s, text ? text : "Error grabbing logs\n");
	}
	return r < 0 ? err_sys(e, -r, "sending logs") : http_stream_end(call->http);
}

/* GET /containers/{name}/logs */
int api_containers_logs(struct call *call, struct err *e)
{
	CLEANUP(container_unrefp) struct container *c = NULL;
	struct log_query q = {.follow = query_bool(call, "follow", false),
			      .want_stdout = query_bool(call, "stdout", false),
			      .want_stderr = query_bool(call, "stderr", false),
			      .tail = log_tail_parse(query_text(call, "tail")),
			      .more = still_running};
	struct log_out *s = arena_alloc(call->a, sizeof(*s));
	bool framed;
	int r;

	if (!s)
		return err_set(e, ERR_UNAVAILABLE, "no memory");
	if (!q.want_stdout && !q.want_stderr)
		return err_set(e, ERR_INVALID,
			       "Bad parameters: you must choose at least one stream");
	if (read_time(call, "since", &q.since_ns, e) < 0 ||
	    read_time(call, "until", &q.until_ns, e) < 0 ||
	    container_lookup(call->eng, call->params[0], &c, e) < 0 ||
	    container_log_find(c, call->a, &q, e) < 0)
		return err_code(e);
	q.arg = c;
	framed = !c->config.tty;
	r = http_stream_begin(call->http, 200,
			      framed && call->api_minor >= 42 ? TYPE_MULTIPLEXED : TYPE_RAW);
	if (r == 0)
		r = http_stream_flush(call->http);
	if (r < 0)
		return err_sys(e, -r, "answering a request for logs");
	log_out_init(s, call->http, framed);
	s->timestamps = query_bool(call, "timestamps", false);
	s->sink.wants_attrs = s->details = query_bool(call, "details", false);
	r = stream_logs(call, &q, s, e);
	log_out_done(s);
	return r;
}
