/* SPDX-License-Identifier: Apache-2.0 */
#include "api/router/list_reply.h"

#include <errno.h>

int list_reply_begin(struct list_reply *l, struct call *call, const char *text)
{
	int r;

	l->call = call;
	buf_init(&l->item, call->a, LIST_ITEM_MAX);
	r = http_stream_begin(call->http, 200, "application/json");
	return r < 0 ? r : list_reply_text(l, text);
}

int list_reply_text(struct list_reply *l, const char *text)
{
	l->n = 0;
	return http_stream_write(l->call->http, text, strlen(text));
}

struct json_writer *list_reply_item(struct list_reply *l)
{
	buf_reset(&l->item);
	if (l->n++)
		buf_putc(&l->item, ',');
	json_begin(&l->w, &l->item);
	return &l->w;
}

int list_reply_send(struct list_reply *l)
{
	return l->item.failed ? -ENOMEM : http_stream_write(l->call->http, l->item.p, l->item.n);
}

int list_reply_end(struct list_reply *l, int r, const char *text, struct err *e)
{
	if (r == 0)
		r = list_reply_text(l, text);
	return r < 0 ? err_sys(e, -r, "sending a list") : http_stream_end(l->call->http);
}
