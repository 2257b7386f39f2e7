/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a client wants a long reply: as it is, or compressed.
 *
 * Thread: any. Yields: no. Owns: nothing.
 */
#ifndef API_ROUTER_CODING_H
#define API_ROUTER_CODING_H

#include "firmware/core/str.h"

enum coding { CODING_IDENTITY, CODING_GZIP, CODING_DEFLATE };

/* By an Accept-Encoding header. As the engine: what is as welcome as it stands is not compressed.
 */
enum coding coding_choose(struct str accept);
/* For Content-Encoding; NULL: none. */
const char *coding_name(enum coding c);

#endif
