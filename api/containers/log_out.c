/* SPDX-License-Identifier: Apache-2.0 */
#include "api/containers/log_out.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

#include "firmware/core/buf.h"
#include "firmware/core/config.h"
#include "firmware/fmt/json.h"
#include "firmware/fmt/ws.h"

#define DETAILS_MAX (64u << 10)
#define WRITE_TIMEOUT_MS 300000
#define STREAM_SYSTEM_ERROR 3

static int send_bytes(struct log_out *s, const void *p, size_t n) FIBER_FN
{
	if (s->hijacked)
		return io_write(http_hijacked_io(s->http), p, n, clock_in_ms(WRITE_TIMEOUT_MS));
	return http_stream_write(s->http, p, n);
}

static int send_frame_head(struct log_out *s, uint8_t stream, size_t n) FIBER_FN
{
	uint8_t head[8] = {
		stream,	   0, 0, 0, (uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8),
		(uint8_t)n};

	return send_bytes(s, head, sizeof(head));
}

static int send_websocket_head(struct log_out *s, size_t n) FIBER_FN
{
	uint8_t head[WS_HEAD_MAX];

	return send_bytes(s, head, ws_put_head(head, s->ws_text ? WS_TEXT : WS_BINARY, n));
}

/* As Go's url.QueryEscape. */
static void put_escaped(struct buf *b, struct str s)
{
	static const char hex[] = "0123456789ABCDEF";

	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (isalnum(c) || strchr("-_.~", c)) {
			buf_putc(b, (char)c);
		} else if (c == ' ') {
			buf_putc(b, '+');
		} else {
			buf_putc(b, '%');
			buf_putc(b, hex[c >> 4]);
			buf_putc(b, hex[c & 15]);
		}
	}
}

static int compare_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* {"a":"1","b":"2"} → "a=1,b=2", keys in order. */
static struct str details_text(struct log_out *s, struct str attrs)
{
	struct json_node root, value;
	struct json_iter it = {0};
	struct err ignored;
	struct str key, text;
	const char **pairs;
	size_t n = 0;
	struct buf out;

	if (!attrs.n || json_parse(attrs, &s->scratch, &root, &ignored) < 0)
		return STR("");
	pairs = arena_alloc_array(&s->scratch, json_count(root), sizeof(*pairs));
	while (pairs && json_next(root, &it, &s->scratch, &key, &value)) {
		struct buf pair;

		if (json_string(value, &s->scratch, &text) < 0)
			continue;
		buf_init(&pair, &s->scratch, DETAILS_MAX);
		put_escaped(&pair, key);
		buf_putc(&pair, '=');
		put_escaped(&pair, text);
		pairs[n++] = buf_text(&pair);
	}
	if (n)
		qsort(pairs, n, sizeof(*pairs), compare_text);
	buf_init(&out, &s->scratch, DETAILS_MAX);
	for (size_t i = 0; i < n; i++) {
		if (i)
			buf_putc(&out, ',');
		buf_puts(&out, pairs[i]);
	}
	return buf_str(&out);
}

static int put_record(struct log_sink *sink, const struct log_record *r) FIBER_FN
{
	struct log_out *s = container_of(sink, struct log_out, sink);
	struct str details = STR("");
	char time[CLOCK_RFC3339_MAX + 1];
	size_t n_time = 0, total;
	int e = 0;

	if (s->timestamps) {
		n_time = clock_format_rfc3339fixed(r->time_ns, time);
		time[n_time++] = ' ';
	}
	if (s->details) {
		arena_reset(&s->scratch);
		details = details_text(s, r->attrs);
	}
	total = n_time + r->line.n + (s->details ? details.n + 1 : 0);
	if (CONFIG(WEBSOCKET) && s->websocket)
		e = send_websocket_head(s, total);
	else if (s->framed)
		e = send_frame_head(s, r->stream == LOG_STDERR ? 2 : 1, total);
	if (e == 0 && n_time)
		e = send_bytes(s, time, n_time);
	if (e == 0 && s->details && details.n)
		e = send_bytes(s, details.p, details.n);
	if (e == 0 && s->details)
		e = send_bytes(s, " ", 1);
	if (e == 0)
		e = send_bytes(s, r->line.p, r->line.n);
	return e;
}

static int flush(struct log_sink *sink) FIBER_FN
{
	struct log_out *s = container_of(sink, struct log_out, sink);

	return s->hijacked ? 0 : http_stream_flush(s->http);
}

void log_out_init(struct log_out *s, struct http_request *http, bool framed)
{
	*s = (struct log_out){
		.sink = {.record = put_record, .flush = flush}, .http = http, .framed = framed};
	arena_open_heap(&s->scratch, DETAILS_MAX * 8);
}

void log_out_done(struct log_out *s)
{
	arena_done(&s->scratch);
}

int log_out_error(struct log_out *s, const char *message)
{
	size_t n = strlen(message);
	int r = s->framed ? send_frame_head(s, STREAM_SYSTEM_ERROR, n) : 0;

	return r < 0 ? r : send_bytes(s, message, n);
}

int64_t log_tail_parse(const char *text)
{
	int64_t n;

	return str_to_i64(str_from(text), &n) < 0 || n < 0 ? -1 : n;
}
