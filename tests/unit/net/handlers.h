/* SPDX-License-Identifier: Apache-2.0 */
/* What the server of the HTTP tests answers. */
#ifndef TESTS_UNIT_NET_HANDLERS_H
#define TESTS_UNIT_NET_HANDLERS_H

#include <stdatomic.h>

#include "firmware/net/http_server.h"

extern const struct http_server_config handlers_config;
extern atomic_bool handlers_go;	       /* a stream that waits for it goes on */
extern atomic_int handlers_watched;    /* how the last handler that watches its client ended */
extern atomic_size_t handlers_counted; /* bytes the last download wrote */

#endif
