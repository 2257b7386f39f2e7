/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/container/harness.h"

struct arena arena;

int open_arena(void **state)
{
	(void)state;
	arena_open_heap(&arena, 8 << 20);
	return 0;
}

int close_arena(void **state)
{
	(void)state;
	arena_done(&arena);
	return 0;
}

struct create_request *request_from(const char *json)
{
	struct create_request *req = arena_alloc(&arena, sizeof(*req));
	char *text = arena_strdup(&arena, json);
	struct json_node root;
	struct err e = ERR_INIT;

	for (char *p = text; *p; p++)
		if (*p == '\'')
			*p = '"';
	if (json_parse(str_from(text), &arena, &root, &e) < 0 ||
	    create_request_decode(root, &arena, req, &e) < 0)
		fail_msg("%s: %s", text, e.msg);
	return req;
}

const char *joined(const struct texts *list)
{
	struct buf out;

	buf_init(&out, &arena, 1 << 16);
	for (size_t i = 0; i < list->n; i++)
		buf_printf(&out, "%s%s", i ? " " : "", list->items[i]);
	return buf_text(&out);
}
