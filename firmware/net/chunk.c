/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/net/chunk.h"

static struct pool chunks;
static bool ready;

int chunk_system_init(struct err *e)
{
	int r;

	if (ready)
		return 0;
	r = pool_init(&chunks, "chunks", CHUNK_SIZE, CONFIG_CHUNK_COUNT + CONFIG_CHUNK_RESERVED,
		      CONFIG_CHUNK_RESERVED, e);
	if (r < 0)
		return r;
	ready = true;
	return 0;
}

void chunk_system_fini(void)
{
	if (ready)
		pool_fini(&chunks);
	ready = false;
}

void *chunk_get(enum pool_class cls)
{
	return pool_get(&chunks, cls);
}

void chunk_put(void *chunk)
{
	pool_put(&chunks, chunk);
}
