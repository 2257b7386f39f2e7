/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Replies that hold long lists: each item is written into one small buffer without a wait in
 * between and sent on, so that a long list costs no more memory than a short one.
 *
 *	r = list_reply_begin(&list, call, "[");
 *	for each, while r is 0: w = list_reply_item(&list), write a value, r =
 *list_reply_send(&list) return list_reply_end(&list, r, "]\n", e);
 *
 * Thread: loop. Yields: what carries FIBER_FN. Owns: nothing; the buffer is the call's arena's.
 * Limits: an item of LIST_ITEM_MAX bytes.
 */
#ifndef API_ROUTER_LIST_REPLY_H
#define API_ROUTER_LIST_REPLY_H

#include "api/router/route.h"
#include "firmware/core/buf.h"
#include "firmware/fmt/json.h"

#define LIST_ITEM_MAX (2u << 20)

struct list_reply {
	struct call *call;
	struct buf item;
	struct json_writer w;
	size_t n; /* items begun since the last text */
};

/* Send status 200 and the text before the first item. This and the next ones: negative errno. */
int list_reply_begin(struct list_reply *l, struct call *call, const char *text)
	FIBER_FN WARN_UNUSED;
/* Send what stands between two lists; the next item is the first of its list. */
int list_reply_text(struct list_reply *l, const char *text) FIBER_FN WARN_UNUSED;
/* The writer of the next item; the one before it is gone. */
struct json_writer *list_reply_item(struct list_reply *l);
/* Send the item. -ENOMEM when there was no memory for it. */
int list_reply_send(struct list_reply *l) FIBER_FN WARN_UNUSED;
/* r is what it came to so far: when 0 the last text is sent, else e is filled from it. */
int list_reply_end(struct list_reply *l, int r, const char *text, struct err *e)
	FIBER_FN WARN_UNUSED;

#endif
