/* SPDX-License-Identifier: Apache-2.0 */
#include "api/router/size.h"

#include <stdio.h>

#include "api/router/reply.h"

static int read_side(struct call *call, const char *key, const char *what, uint16_t *ret,
		     struct err *e)
{
	const char *text = query_text(call, key);
	uint64_t v;

	if (str_to_u64(str_from(text), &v) < 0)
		return err_set(e, ERR_INVALID, "invalid resize %s \"%s\": invalid syntax", what,
			       text);
	if (v > UINT16_MAX)
		return err_set(e, ERR_INVALID, "invalid resize %s \"%s\": value out of range", what,
			       text);
	*ret = (uint16_t)v;
	return 0;
}

int query_console_size(struct call *call, uint16_t *ret_height, uint16_t *ret_width, struct err *e)
{
	uint16_t height, width;

	if (read_side(call, "h", "height", &height, e) < 0 ||
	    read_side(call, "w", "width", &width, e) < 0)
		return err_code(e);
	*ret_height = height;
	*ret_width = width;
	return 0;
}
