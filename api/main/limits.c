/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `serind limits`: the memory map. Every pool is carved as the daemon would carve it and printed,
 * then what kept objects add; the sum is the ceiling that the load test holds the daemon to.
 */
#include <stdio.h>
#include <unistd.h>

#include "api/main/daemon.h"
#include "firmware/core/attr.h"
#include "firmware/core/config.h"
#include "firmware/core/pool.h"
#include "runtime/container/health_state.h"
#include "runtime/event/event.h"

#define KIB(bytes) ((unsigned long long)(bytes) >> 10)

/* Bytes of one kept object, as measured by the unit and end-to-end tests with room to spare. */
#define CONTAINER_BYTES (16u << 10)
#define IMAGE_BYTES (24u << 10)
#define EXEC_BYTES (4u << 10)
/* A full log, each output with its remark and the heap's own share. */
#define HEALTH_BYTES (CONFIG(HEALTH) ? HEALTH_LOG_MAX * (HEALTH_OUTPUT_MAX + 256u) : 0u)
#define VOLUME_BYTES (6u << 10)
/*
 * Worst case of a worker: its stack and that of the thread that reads ahead of it, a zstd window
 * with its tables, gzip, TLS records, archive buffers, the ring between the two threads.
 */
#define WINDOW_BYTES (CONFIG(ZSTD) ? 1u << CONFIG_ZSTD_WINDOW_LOG : 0u)
#define WORKER_BYTES (2ULL * CONFIG_WORKER_STACK + WINDOW_BYTES + (5u << 20))
#define BASE_BYTES (4u << 20)

static unsigned long long row(const char *name, unsigned long long count, unsigned long long size,
			      unsigned long long bytes)
{
	printf("%-28s %10llu %12llu %14llu KiB\n", name, count, size, KIB(bytes));
	return bytes;
}

int limits_main(int argc, char **argv)
{
	unsigned long long sum = 0;

	(void)argc;
	(void)argv;
	if (daemon_init_pools() < 0)
		return 1;
	printf("%-28s %10s %12s %18s\n", "pool", "count", "bytes each", "ceiling");
	for (const struct pool *p = pool_list(); p; p = p->next)
		if (!p->address_space)
			sum += row(p->name, p->count, p->slot_size, pool_bytes(p));
	sum += row("request memory (shared)", 1, CONFIG_ARENA_BUDGET, CONFIG_ARENA_BUDGET);
	sum += row("event ring", 1, EVENT_RING_BYTES, EVENT_RING_BYTES);
	sum += row("workers and their libraries", CONFIG_WORKERS, WORKER_BYTES,
		   CONFIG_WORKERS * WORKER_BYTES);
	sum += row("program and fixed data", 1, BASE_BYTES, BASE_BYTES);
	printf("%-28s %10s %12s %14llu KiB\n\n", "ceiling, nothing kept", "", "", KIB(sum));
	puts("each kept object adds at most");
	row("container", 1, CONTAINER_BYTES, CONTAINER_BYTES);
	if (HEALTH_BYTES)
		row("health check", 1, HEALTH_BYTES, HEALTH_BYTES);
	row("exec (remembered)", 1, EXEC_BYTES, EXEC_BYTES);
	row("image", 1, IMAGE_BYTES, IMAGE_BYTES);
	row("volume", 1, VOLUME_BYTES, VOLUME_BYTES);
	sum += (unsigned long long)CONFIG_CONTAINERS_MAX * (CONTAINER_BYTES + HEALTH_BYTES) +
	       (unsigned long long)CONFIG_IMAGES_MAX * IMAGE_BYTES +
	       (unsigned long long)CONFIG_VOLUMES_MAX * VOLUME_BYTES;
	printf("\nceiling with %d containers, %d images and %d volumes: %llu KiB\n",
	       CONFIG_CONTAINERS_MAX, CONFIG_IMAGES_MAX, CONFIG_VOLUMES_MAX, KIB(sum));
	return 0;
}
