/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The blocking half of snapshots: overlay mounts, the init layer, and the copy that vfs makes.
 *
 * Lower directories are named relative to <data root>/layers, which the worker makes its working
 * directory for the mount, so that CONFIG_IMAGE_LAYERS_MAX of them fit into the page that mount(2)
 * takes.
 *
 * Thread: worker. Yields: no. Owns: nothing kept.
 */
#ifndef RUNTIME_IMAGE_ROOTFS_H
#define RUNTIME_IMAGE_ROOTFS_H

#include "runtime/image/layer.h"

struct rootfs {
	const struct job *job; /* stop flag; may be NULL */
	int root_fd;
	const char *root;	     /* data root, absolute */
	const struct digest *chains; /* base first */
	size_t n_chains;
};

/*
 * Mount the layers with upper and work (relative to the data root) at target (likewise). With init
 * the init layer lies on top of them.
 */
int rootfs_mount(const struct rootfs *r, bool init, const char *upper, const char *work,
		 const char *target, struct err *e) WARN_UNUSED;
bool rootfs_mounted(int root_fd, const char *target);
/* Whatever is mounted there, lazily if it is busy. */
int rootfs_unmount(int root_fd, const char *root, const char *target, struct err *e) WARN_UNUSED;

/* Make the init layer on top of these layers unless it is there. tmp: a path of its own in tmp/. */
int init_layer_ensure(const struct rootfs *r, const char *tmp, struct err *e) WARN_UNUSED;
/* "layers/<24 hex>-init" or "layers/empty-init". */
void init_layer_path(const struct digest *chains, size_t n, const char *suffix,
		     char out[STORE_PATH_MAX]);
/* The mount points every container needs, in the root at fd, where they are missing. */
int init_layer_fill(int fd, struct err *e) WARN_UNUSED;

/* Copy all layers, one over the other, into the directory target (vfs). */
int rootfs_copy(const struct rootfs *r, const char *target, struct err *e) WARN_UNUSED;
/* What is in the directory at from into the empty one at to, which becomes like it in owner, mode,
 * times and attributes too. Nothing is taken for a deletion. job may be NULL. */
int copy_tree(const struct job *job, int from, int to, struct err *e) WARN_UNUSED;
/* Of the directory at fd to that at to: owner, mode, times and attributes. */
int copy_metadata(int fd, int to, struct err *e) WARN_UNUSED;

#endif
