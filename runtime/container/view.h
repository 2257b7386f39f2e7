/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A container's file system as a descriptor of its root directory, for jobs. See look.h for what
 * is seen.
 *
 * Thread: loop. Yields: yes. Owns: a view holds descriptors and, of a stopped container, the lock
 * and the mount until it is closed.
 */
#ifndef RUNTIME_CONTAINER_VIEW_H
#define RUNTIME_CONTAINER_VIEW_H

#include "runtime/container/private.h"

struct container_view {
	struct container *c; /* the caller's reference */
	int root_fd;	     /* O_PATH */
	int ns_fd;	     /* mount namespace made for this view; -1: none */
	bool locked;
};
#define CONTAINER_VIEW_INIT                                                                        \
	{                                                                                          \
		.root_fd = -1, .ns_fd = -1                                                         \
	}

enum view_kind {
	VIEW_FULL, /* as the container sees it */
	VIEW_ROOT, /* its root file system alone */
};
/* ERR_NOT_FOUND when it is removed meanwhile. *v is initialised with CONTAINER_VIEW_INIT. */
int container_view_open(struct container *c, enum view_kind kind, struct container_view *v,
			struct err *e) FIBER_FN WARN_UNUSED;
/* Harmless on a view that was never opened. */
void container_view_close(struct container_view *v) FIBER_FN;

/* openat2 beneath root as if it were "/"; magic links are refused. A descriptor or -errno. */
int open_in_root(int root, const char *path, uint64_t flags) WARN_UNUSED;

#endif
