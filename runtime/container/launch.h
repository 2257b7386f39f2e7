/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the steps of a launch share (launch.c says their order): one struct in a request arena,
 * filled by each step for the next.
 *
 * Thread: loop, save launch_prepare (worker). Yields: what carries FIBER_FN. Owns: the struct is
 * the launch's own; the container is locked while it lasts.
 */
#ifndef RUNTIME_CONTAINER_LAUNCH_H
#define RUNTIME_CONTAINER_LAUNCH_H

#include <arpa/inet.h>

#include "runtime/container/links.h"
#include "runtime/spec/spec.h"

#define IPC_CHAIN_MAX 16 /* containers that join each other's IPC, one after the other */
#define LAUNCH_SHM "shm" /* in the bundle: shared memory others may join */

struct launch {
	struct container *c;
	struct arena *a;
	struct job job;
	struct persist persist;
	char state_dir[CONTAINER_PATH_MAX], run_dir[CONTAINER_PATH_MAX];
	char hosts[CONTAINER_PATH_MAX + 16], hostname[CONTAINER_PATH_MAX + 16],
		resolv[CONTAINER_PATH_MAX + 16];
	char rootfs[CONTAINER_PATH_MAX];
	char runtime_root[CONTAINER_PATH_MAX];
	char shm[CONTAINER_PATH_MAX]; /* what is bound at /dev/shm, or "" */
	bool own_shm;		      /* and it is to be mounted first */
	char ipc_path[32], pid_path[32];
	struct passwd_user user;
	uint32_t extra_gids[PASSWD_GROUPS_MAX];
	size_t n_extra_gids;
	const char **env, **args;
	struct spec_mount *mounts;
	size_t n_mounts;
	struct spec_input spec;
	char cgroups_path[CONTAINER_PATH_MAX];
	struct port_request ports[NETWORK_PORTS_MAX];
	struct hosts_request files;
	struct link_texts links;
	struct texts device_names; /* asked for by name */
	struct cdi_injection injection;
	struct text_map sysctls; /* of the endpoint's interface */
	char ip[INET_ADDRSTRLEN], gateway[INET_ADDRSTRLEN];
	int hold_fds[NETWORK_PORTS_MAX];
	struct shim_launch shim;
	struct shim_stream *streams; /* of clients that attached before */
};

static inline bool is_empty(const char *s)
{
	return !s || !*s;
}

static inline bool is_text(const char *s, const char *what)
{
	return s && !strcmp(s, what);
}

/* namespaces.c: find the containers whose namespaces it joins; they must run. */
int launch_namespaces(struct launch *l, struct err *e) WARN_UNUSED;
/*
 * Job over l->job: the bundle directory, the sources of binds, the working directory, the user's
 * ids. The root file system is mounted at l->rootfs.
 */
int launch_prepare(struct job *job);
/* volumes.c, for the job: parts of volumes (Subpath) are bound into the bundle, at this path. */
int launch_stage_volumes(const struct launch *l, struct err *e) WARN_UNUSED;
/* And the shared memory that others may join. */
int launch_stage_shm(const struct launch *l, struct err *e) WARN_UNUSED;
const char *launch_stage_path(const struct launch *l, size_t i);
/* The network namespace with its addresses and ports, and the files of /etc that speak of them. */
int launch_network(struct launch *l, struct err *e) FIBER_FN WARN_UNUSED;
/*
 * Devices asked for by name are noted; ERR_SYSTEM when some are asked for by capability: nobody has
 * any.
 */
int launch_device_requests(struct launch *l, struct err *e) WARN_UNUSED;
/* For the job: what those by name need (runtime/cdi). */
int launch_find_devices(struct launch *l, struct err *e) WARN_UNUSED;
/* config.json, from all that the steps before found out. */
int launch_bundle(struct launch *l, struct err *e) WARN_UNUSED;

#endif
