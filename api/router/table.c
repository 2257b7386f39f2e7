/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every route of the Docker Engine API, in one table. Order matters only where one pattern contains
 * another: the fixed text stands before the parameter.
 */
#include "api/containers/containers.h"
#include "api/exec/exec.h"
#include "api/images/images.h"
#include "api/networks/networks.h"
#include "api/router/route.h"
#include "api/system/system.h"
#include "api/volumes/volumes.h"

#define NOT_YET(method_, pattern_, what)                                                           \
	{                                                                                          \
		.method = method_, .pattern = pattern_,                                            \
		.missing = what " is not supported by this engine"                                 \
	}
#define ROUTE(method_, pattern_, handler, ...)                                                     \
	{                                                                                          \
		.method = method_, .pattern = pattern_, .handle = handler, __VA_ARGS__             \
	}
#define URGENT .flags = ROUTE_URGENT
#define BELOW .flags = ROUTE_PREFIX | ROUTE_LAX
#define LAX .flags = ROUTE_LAX
#define URGENT_LAX .flags = ROUTE_URGENT | ROUTE_LAX

const struct route route_table[] = {
	/* system */
	ROUTE("GET", "/_ping", api_system_ping, URGENT_LAX),
	ROUTE("HEAD", "/_ping", api_system_ping, URGENT_LAX),
	ROUTE("GET", "/version", api_system_version, URGENT_LAX),
	ROUTE("GET", "/info", api_system_info, LAX),
	ROUTE("POST", "/auth", api_system_auth, LAX),
	ROUTE("GET", "/events", api_system_events, .flags = 0),
	ROUTE("GET", "/system/df", api_system_df, .flags = 0),

	/* containers */
	ROUTE("GET", "/containers/json", api_containers_list, .flags = 0),
	ROUTE("POST", "/containers/create", api_containers_create, .flags = 0),
	ROUTE("POST", "/containers/prune", api_containers_prune, .flags = 0),
	ROUTE("GET", "/containers/{name*}/json", api_containers_inspect, URGENT_LAX),
	ROUTE("POST", "/containers/{name*}/start", api_containers_start, .flags = 0),
	ROUTE("POST", "/containers/{name*}/stop", api_containers_stop, URGENT),
	ROUTE("POST", "/containers/{name*}/restart", api_containers_restart, .flags = 0),
	ROUTE("POST", "/containers/{name*}/kill", api_containers_kill, URGENT),
	ROUTE("POST", "/containers/{name*}/wait", api_containers_wait, .flags = 0),
	ROUTE("POST", "/containers/{name*}/rename", api_containers_rename, .flags = 0),
	ROUTE("POST", "/containers/{name*}/resize", api_containers_resize, .flags = 0),
	ROUTE("POST", "/containers/{name*}/attach", api_containers_attach, .flags = 0),
	ROUTE("GET", "/containers/{name*}/logs", api_containers_logs, .flags = 0),
	ROUTE("POST", "/containers/{name*}/remove", api_containers_remove, .flags = 0),
	ROUTE("GET", "/containers/{name*}/attach/ws", api_containers_attach_ws, .flags = 0),
	ROUTE("POST", "/containers/{name*}/pause", api_containers_pause, .flags = 0),
	ROUTE("POST", "/containers/{name*}/unpause", api_containers_unpause, .flags = 0),
	ROUTE("POST", "/containers/{name*}/update", api_containers_update, .flags = 0),
	ROUTE("GET", "/containers/{name*}/stats", api_containers_stats, .flags = 0),
	ROUTE("GET", "/containers/{name*}/top", api_containers_top, .flags = 0),
	ROUTE("GET", "/containers/{name*}/changes", api_containers_changes, LAX),
	ROUTE("GET", "/containers/{name*}/export", api_containers_export, LAX),
	ROUTE("HEAD", "/containers/{name*}/archive", api_containers_archive_stat, .flags = 0),
	ROUTE("GET", "/containers/{name*}/archive", api_containers_archive_get, .flags = 0),
	ROUTE("PUT", "/containers/{name*}/archive", api_containers_archive_put, .flags = 0),
	ROUTE("GET", "/containers/{name}/checkpoints", api_system_checkpoint, .flags = 0),
	ROUTE("POST", "/containers/{name}/checkpoints", api_system_checkpoint, .flags = 0),
	ROUTE("DELETE", "/containers/{name}/checkpoints/{checkpoint}", api_system_checkpoint,
	      .flags = 0),
	/* after all that is below a container: names of links hold slashes */
	ROUTE("DELETE", "/containers/{name*}", api_containers_remove, .flags = 0),
	ROUTE("POST", "/commit", api_containers_commit, .flags = 0),

	/* exec */
	ROUTE("POST", "/containers/{name*}/exec", api_exec_create, .flags = 0),
	ROUTE("POST", "/exec/{id}/start", api_exec_start, .flags = 0),
	ROUTE("POST", "/exec/{id}/resize", api_exec_resize, .flags = 0),
	ROUTE("GET", "/exec/{id}/json", api_exec_inspect, URGENT_LAX),

	/* images */
	ROUTE("GET", "/images/json", api_images_list, .flags = 0),
	ROUTE("POST", "/images/create", api_images_create, .flags = 0),
	ROUTE("POST", "/images/load", api_images_load, .flags = 0),
	ROUTE("POST", "/images/prune", api_images_prune, .flags = 0),
	NOT_YET("GET", "/images/get", "saving images"),
	NOT_YET("GET", "/images/search", "searching registries"),
	ROUTE("GET", "/images/{name*}/json", api_images_inspect, URGENT_LAX),
	ROUTE("GET", "/images/{name*}/history", api_images_history, LAX),
	NOT_YET("GET", "/images/{name*}/get", "saving images"),
	NOT_YET("POST", "/images/{name*}/push", "pushing images"),
	ROUTE("POST", "/images/{name*}/tag", api_images_tag, .flags = 0),
	ROUTE("DELETE", "/images/{name*}", api_images_remove, .flags = 0),
	NOT_YET("GET", "/distribution/{name*}/json", "inspecting images in registries"),

	/* networks */
	ROUTE("GET", "/networks", api_networks_list, .flags = 0),
	NOT_YET("POST", "/networks/create", "creating networks"),
	ROUTE("POST", "/networks/prune", api_networks_prune, .flags = 0),
	ROUTE("GET", "/networks/{id}", api_networks_inspect, .flags = 0),
	ROUTE("DELETE", "/networks/{id}", api_networks_remove, .flags = 0),
	NOT_YET("POST", "/networks/{id}/connect", "connecting containers to networks"),
	NOT_YET("POST", "/networks/{id}/disconnect", "disconnecting containers from networks"),

	/* volumes */
	ROUTE("GET", "/volumes", api_volumes_list, .flags = 0),
	ROUTE("POST", "/volumes/create", api_volumes_create, .flags = 0),
	ROUTE("POST", "/volumes/prune", api_volumes_prune, .flags = 0),
	ROUTE("GET", "/volumes/{name}", api_volumes_inspect, .flags = 0),
	ROUTE("PUT", "/volumes/{name}", api_volumes_update, .flags = 0),
	ROUTE("DELETE", "/volumes/{name}", api_volumes_remove, .flags = 0),

	/* build */
	NOT_YET("POST", "/build", "building images"),
	ROUTE("POST", "/build/prune", api_system_build_prune, .flags = 0),
	NOT_YET("POST", "/build/cancel", "building images"),

	/* plugins */
	ROUTE("GET", "/plugins", api_system_plugins, .flags = 0),
	ROUTE("*", "/plugins", api_system_no_plugins, BELOW),

	/* swarm: always inactive */
	ROUTE("POST", "/swarm/leave", api_system_not_in_swarm, .flags = 0),
	ROUTE("*", "/swarm", api_system_no_swarm, BELOW),
	ROUTE("*", "/services", api_system_no_swarm, BELOW),
	ROUTE("*", "/nodes", api_system_no_swarm, BELOW),
	ROUTE("*", "/tasks", api_system_no_swarm, BELOW),
	ROUTE("*", "/secrets", api_system_no_swarm, BELOW),
	ROUTE("*", "/configs", api_system_no_swarm, BELOW),
};
const size_t route_count = ARRAY_LEN(route_table);
