/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Console sizes: the h and w of resize requests, and the ConsoleSize arrays [height, width] of
 * bodies.
 *
 * Thread: loop. Yields: no.
 */
#ifndef API_ROUTER_SIZE_H
#define API_ROUTER_SIZE_H

#include "api/router/route.h"

/* ERR_INVALID `invalid resize height "x": invalid syntax`, likewise width. */
int query_console_size(struct call *call, uint16_t *ret_height, uint16_t *ret_width, struct err *e)
	WARN_UNUSED;
/* [h,w] as raw JSON; both 0 when absent or odd. */
void console_size_from_json(struct str raw, uint16_t *ret_height, uint16_t *ret_width);

#endif
