/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Containers as the API shows them: the summary of a list and the full inspect document, with what
 * changed from version to version.
 *
 * Thread: loop. Yields: no. Owns: nothing; temporary texts are the arena's.
 */
#ifndef API_SHAPE_CONTAINER_H
#define API_SHAPE_CONTAINER_H

#include "firmware/fmt/json.h"
#include "firmware/fmt/sha256.h"
#include "runtime/container/container.h"

struct container_sizes {
	bool known;
	uint64_t rw, root;
};

/* "Up 5 minutes", "Exited (0) 2 hours ago", "Created". */
void shape_container_status(const struct container *c, int64_t now_wall_ns, struct buf *out);
/* One item of GET /containers/json. */
void shape_container_summary(const struct container *c, struct json_writer *w, struct arena *a,
			     unsigned api_minor, const struct container_sizes *sizes);
/* GET /containers/{name}/json. */
void shape_container_inspect(const struct container *c, struct json_writer *w, struct arena *a,
			     unsigned api_minor, const struct container_sizes *sizes);

/* --- parts, in container_network.c --- */

/* Ports of a summary: published ones and, while it runs, the exposed ones. */
void shape_container_ports(const struct container *c, struct json_writer *w);
/*
 * The ID of its endpoint on that network, in out; "" while there is none. On the networks that give
 * no interface (none, host) it is made of what it belongs to.
 */
const char *shape_endpoint_id(const struct container *c, const char *network_id,
			      char out[DIGEST_HEX + 1]);
/* NetworkSettings of inspect; summary has only its Networks. */
void shape_network_settings(const struct container *c, struct json_writer *w, struct arena *a,
			    unsigned api_minor);
void shape_networks(const struct container *c, struct json_writer *w, struct arena *a,
		    unsigned api_minor);

#endif
