/* SPDX-License-Identifier: Apache-2.0 */
#include "api/images/progress.h"

#include <errno.h>
#include <stdio.h>

#include "firmware/core/buf.h"

#define LINE_MAX_BYTES 8192
#define BAR_CELLS 50

/* "[====>      ]  1.2MB/3.4MB", as the engine's progress member reads. */
static void human_size(double v, char out[24])
{
	static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
	size_t i = 0;

	while (v >= 1000.0 && i + 1 < ARRAY_LEN(units)) {
		v /= 1000.0;
		i++;
	}
	snprintf(out, 24, "%.4g%s", v, units[i]);
}

static void put_bar(struct json_writer *w, int64_t current, int64_t total)
{
	char bar[BAR_CELLS + 64], have[24], all[24];
	int n = 0, done;

	if (total <= 0 || current > total) {
		human_size((double)current, have);
		snprintf(bar, sizeof(bar), "%8s", have);
		json_kv_text(w, "progress", bar);
		return;
	}
	done = (int)(current * BAR_CELLS / total);
	bar[n++] = '[';
	for (int i = 0; i < BAR_CELLS; i++)
		bar[n++] = i < done ? '=' : i == done ? '>' : ' ';
	human_size((double)current, have);
	human_size((double)total, all);
	snprintf(bar + n, sizeof(bar) - (size_t)n, "]  %s/%s", have, all);
	json_kv_text(w, "progress", bar);
}

static void put_detail(struct json_writer *w, const struct progress *p)
{
	if (!p->detail && p->current < 0)
		return;
	json_key(w, "progressDetail");
	json_object_open(w);
	if (p->current >= 0 && (p->current > 0 || p->total > 0)) {
		json_kv_i64(w, "current", p->current);
		if (p->total > 0)
			json_kv_i64(w, "total", p->total);
	}
	json_object_close(w);
	if (p->current > 0)
		put_bar(w, p->current, p->total);
}

static int send_line(struct progress_out *out, struct buf *line, bool flush) FIBER_FN
{
	int r = progress_out_begin(out);

	buf_puts(line, "\r\n");
	if (r == 0)
		r = http_stream_write(out->call->http, buf_text(line), line->n);
	if (r == 0 && flush)
		r = http_stream_flush(out->call->http);
	return r;
}

static int emit(struct progress_sink *sink, const struct progress *p) FIBER_FN
{
	struct progress_out *out = container_of(sink, struct progress_out, sink);
	struct json_writer w;
	struct buf line;
	char text[1024];

	if (out->quiet && p->detail)
		return 0;
	/* A line fits the frame; a longer one (a name of many hundred bytes) is left out rather
	 * than cut. */
	buf_init_fixed(&line, text, sizeof(text));
	json_begin(&w, &line);
	json_object_open(&w);
	if (p->stream)
		json_kv_text(&w, "stream", p->stream);
	if (p->status)
		json_kv_text(&w, "status", p->status);
	put_detail(&w, p);
	if (p->id)
		json_kv_text(&w, "id", p->id);
	if (p->aux) {
		json_key(&w, "aux");
		json_put_raw(&w, str_from(p->aux));
	}
	json_object_close(&w);
	return line.failed ? 0 : send_line(out, &line, true);
}

void progress_out_init(struct progress_out *p, struct call *call)
{
	*p = (struct progress_out){.sink = {emit}, .call = call};
}

int progress_out_begin(struct progress_out *p)
{
	if (p->begun)
		return 0;
	p->begun = true;
	return http_stream_begin(p->call->http, 200, "application/json");
}

int progress_out_finish(struct progress_out *p, int r, struct err *e)
{
	struct json_writer w;
	struct buf line;

	if (r < 0 && (!p->begun || e->kind == ERR_CANCELLED || e->sys_errno == ECONNRESET))
		return r;
	if (r < 0) {
		buf_init(&line, p->call->a, LINE_MAX_BYTES);
		json_begin(&w, &line);
		json_object_open(&w);
		json_key(&w, "errorDetail");
		json_object_open(&w);
		json_kv_text(&w, "message", e->msg);
		json_object_close(&w);
		json_kv_text(&w, "error", e->msg);
		json_object_close(&w);
		r = send_line(p, &line, false);
	} else {
		r = progress_out_begin(p);
	}
	return r < 0 ? err_sys(e, -r, "sending progress") : http_stream_end(p->call->http);
}
