/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Console sizes: the h and w of resize requests.
 *
 * Thread: loop. Yields: no.
 */
#ifndef API_ROUTER_SIZE_H
#define API_ROUTER_SIZE_H

#include "api/router/route.h"

/* ERR_INVALID `invalid resize height "x": invalid syntax`, likewise width. */
int query_console_size(struct call *call, uint16_t *ret_height, uint16_t *ret_width, struct err *e)
	WARN_UNUSED;

#endif
