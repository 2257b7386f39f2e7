/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Namespaces that containers share with the host or with each other: which
 * container "container:x" means, when it is created and again when it starts.
 */
#include <stdio.h>

#include "runtime/container/launch.h"

#define PEER "container:"

static bool names_peer(const char *mode)
{
	return strz_starts(mode ? mode : "", PEER) && mode[strlen(PEER)];
}

/* container:NAME is kept as container:ID. */
static int resolve(struct engine *eng, const char **mode, bool must, struct arena *a, struct err *e)
{
	CLEANUP(container_unrefp) struct container *peer = NULL;

	if (!names_peer(*mode))
		return 0;
	if (container_lookup(eng, *mode + strlen(PEER), &peer, e) < 0) {
		if (must) {
			e->kind =
				ERR_INVALID; /* "not found" would make clients look for the image */
			return err_code(e);
		}
		err_clear(e);
		return 0;
	}
	*mode = arena_printf(a, PEER "%s", peer->id);
	return *mode ? 0 : err_set(e, ERR_UNAVAILABLE, "no memory");
}

int container_resolve_namespaces(struct engine *eng, struct host_config *h, struct arena *a,
				 struct err *e)
{
	if (resolve(eng, &h->ipc_mode, true, a, e) < 0 ||
	    resolve(eng, &h->pid_mode, true, a, e) < 0)
		return err_code(e);
	/* The start says so when there is none. */
	return resolve(eng, &h->network_mode, false, a, e);
}

/* --- start --- */

/* The running container a mode names. */
static int find_peer(const struct container *c, const char *mode, struct container **ret,
		     struct err *e)
{
	CLEANUP(container_unrefp) struct container *peer = NULL;

	if (container_lookup(c->eng, mode + strlen(PEER), &peer, e) < 0)
		return err_code(e);
	if (peer->status == CONTAINER_RESTARTING)
		return err_set(e, ERR_CONFLICT,
			       "Container %s is restarting, wait until the container is running",
			       peer->id);
	if (!container_is_running(peer) || peer->pid <= 0)
		return err_set(e, ERR_CONFLICT, "container %s is not running", peer->id);
	*ret = TAKE_PTR(peer);
	return 0;
}

void container_shm_path(const struct container *c, char out[CONTAINER_PATH_MAX])
{
	container_run_path(c, out);
	strcat(out, "/" LAUNCH_SHM);
}

/* Where the shared memory that goes with a running container's IPC namespace is mounted. */
static int find_shm(const struct container *c, char out[CONTAINER_PATH_MAX], struct err *e)
{
	CLEANUP(container_unrefp) struct container *next = NULL;
	const char *mode = c->host.ipc_mode;

	container_ref((struct container *)(uintptr_t)c);
	next = (struct container *)(uintptr_t)c;
	for (int depth = 0; names_peer(mode) && depth < IPC_CHAIN_MAX; depth++) {
		struct container *peer = NULL;

		if (find_peer(next, mode, &peer, e) < 0)
			return err_code(e);
		container_unref(next);
		next = peer;
		mode = next->host.ipc_mode;
	}
	if (is_text(mode, "host")) {
		strcpy(out, "/dev/shm");
		return 0;
	}
	if (!is_text(mode, "shareable"))
		return err_set(e, ERR_INVALID,
			       "container %s: non-shareable IPC (hint: use IpcMode:shareable for "
			       "the donor container)",
			       next->id);
	container_shm_path(next, out);
	return 0;
}

/* Whatever keeps it from joining another is the engine's failure, not the request's. */
static int cannot_join(struct err *e, const char *what)
{
	e->kind = ERR_SYSTEM;
	return err_wrap(e, "failed to join %s namespace", what);
}

static int join_ipc(struct launch *l, struct err *e)
{
	const char *mode = l->c->host.ipc_mode;
	CLEANUP(container_unrefp) struct container *peer = NULL;

	if (names_peer(mode)) {
		if (find_peer(l->c, mode, &peer, e) < 0 || find_shm(peer, l->shm, e) < 0)
			return cannot_join(e, "IPC");
		text_format(l->ipc_path, sizeof(l->ipc_path), "/proc/%d/ns/ipc", (int)peer->pid);
		l->spec.ipc_path = l->ipc_path;
	} else if (is_text(mode, "shareable")) {
		container_shm_path(l->c, l->shm);
		l->own_shm = true;
	}
	l->spec.shm_path = l->shm[0] ? l->shm : NULL;
	return 0;
}

int launch_namespaces(struct launch *l, struct err *e)
{
	const char *mode = l->c->host.pid_mode;
	CLEANUP(container_unrefp) struct container *peer = NULL;

	if (join_ipc(l, e) < 0)
		return err_code(e);
	if (!names_peer(mode))
		return 0;
	if (find_peer(l->c, mode, &peer, e) < 0)
		return cannot_join(e, "PID");
	text_format(l->pid_path, sizeof(l->pid_path), "/proc/%d/ns/pid", (int)peer->pid);
	l->spec.pid_path = l->pid_path;
	return 0;
}
