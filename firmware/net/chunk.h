/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chunks: 16 KiB buffers borrowed while bytes are in flight (a request being served, a log line on
 * its way), from one pool carved at start.
 *
 * Thread: any. Yields: no. Owns: the chunks; the borrower gives each back.
 * Limits: CONFIG_CHUNK_COUNT, CONFIG_CHUNK_RESERVED.
 */
#ifndef FIRMWARE_NET_CHUNK_H
#define FIRMWARE_NET_CHUNK_H

#include "firmware/core/attr.h"
#include "firmware/core/err.h"
#include "firmware/core/pool.h"

#define CHUNK_SIZE 16384

/* Once, at start; later calls do nothing. */
int chunk_system_init(struct err *e) WARN_UNUSED;
void chunk_system_fini(void);
/* CHUNK_SIZE bytes, contents undefined; NULL when none is left for this class. */
void *chunk_get(enum pool_class cls) WARN_UNUSED;
void chunk_put(void *chunk); /* NULL is accepted */

#endif
