/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looking into a container from outside: its files as tar streams both ways, what it changed, its
 * processes, what it uses. Files of a running container are seen through its own root, with its
 * volumes, binds and tmpfs; for a stopped one the root and its volumes are mounted for the time,
 * in a mount namespace that nobody else sees and under the container's lock. Every path is resolved
 * inside the container's root.
 *
 * Thread: loop; file work is done by jobs inside. Yields: what carries FIBER_FN. Owns: results are
 * in the arena given.
 */
#ifndef RUNTIME_CONTAINER_LOOK_H
#define RUNTIME_CONTAINER_LOOK_H

#include "runtime/cgroup/cgroup.h"
#include "runtime/container/container.h"

/* --- archive.c --- */

struct path_stat {
	const char *name; /* last component as asked for: "passwd", ".", "/" */
	int64_t size;
	uint32_t mode; /* as Go's os.FileMode has it */
	int64_t mtime_ns;
	const char *link_target; /* where a symlink leads, as a path in the container; else "" */
};

/* Where a tar stream goes: begin is called once, before the job that writes. */
struct look_sink {
	int (*begin)(struct look_sink *sink, struct job *job, struct writer **ret, struct err *e)
		FIBER_FN;
	int (*finish)(struct look_sink *sink,
		      struct err *e); /* worker: all is written; may be NULL */
	void (*end)(struct look_sink *sink);
	const struct path_stat *stat; /* set before begin; NULL for exports */
};
/* Where one comes from. */
struct look_source {
	int (*begin)(struct look_source *source, struct job *job, struct reader **ret,
		     struct err *e) FIBER_FN;
	void (*end)(struct look_source *source);
};

/*
 * ERR_NOT_FOUND "Could not find the file PATH in container NAME", with the container's name as the
 * client gave it.
 */
int container_archive_stat(struct container *c, const char *name, const char *path, struct arena *a,
			   struct path_stat *ret, struct err *e) FIBER_FN WARN_UNUSED;
/* The file or tree at path, rooted at its last component. */
int container_archive_get(struct container *c, const char *name, const char *path, struct arena *a,
			  struct look_sink *sink, struct err *e) FIBER_FN WARN_UNUSED;
struct archive_put {
	const char *path; /* the directory to unpack in */
	bool no_overwrite_dir_nondir;
	bool copy_uid_gid; /* everything becomes the container's user's */
};
/* Unpack a tar stream (plain, gzip, bzip2, xz or zstd). ERR_INVALID with the engine's messages. */
int container_archive_put(struct container *c, const char *name, const struct archive_put *in,
			  struct arena *a, struct look_source *source, struct err *e)
	FIBER_FN WARN_UNUSED;
/* The whole root file system, without what is mounted in it. */
int container_export(struct container *c, struct arena *a, struct look_sink *sink, struct err *e)
	FIBER_FN WARN_UNUSED;

/* --- changes.c --- */

enum change_kind { CHANGE_MODIFIED, CHANGE_ADDED, CHANGE_DELETED };
struct change {
	const char *path;
	enum change_kind kind;
};
/* What differs from the image, ascending by path. */
int container_changes(struct container *c, struct arena *a, struct change **ret, size_t *ret_n,
		      struct err *e) FIBER_FN WARN_UNUSED;

/* --- top.c --- */

struct top {
	struct texts titles;
	struct texts *rows; /* each as many as there are titles */
	size_t n;
};
/* The container's processes as `ps` shows them. ERR_CONFLICT when it does not run. */
int container_top(struct container *c, const char *ps_args, struct arena *a, struct top *ret,
		  struct err *e) FIBER_FN WARN_UNUSED;

/* --- sample.c --- */

struct net_counters {
	const char *name;
	uint64_t rx_bytes, rx_packets, rx_errors, rx_dropped;
	uint64_t tx_bytes, tx_packets, tx_errors, tx_dropped;
};
struct container_sample {
	bool running; /* else all but the time is zero */
	int64_t read_ns;
	struct cgroup_stats group;
	uint64_t system_ns; /* processor time of the machine */
	unsigned cpus;
	uint64_t machine_memory;
	struct net_counters *nets; /* of its own namespace; none with the machine's network */
	size_t n_nets;
};
int container_sample(struct container *c, struct arena *a, struct container_sample *ret,
		     struct err *e) FIBER_FN WARN_UNUSED;

/* --- pause.c, update.c --- */

int container_pause(struct container *c, struct err *e) FIBER_FN WARN_UNUSED;
int container_unpause(struct container *c, struct err *e) FIBER_FN WARN_UNUSED;
/* Limits that are set in h replace the container's. Durable and in force on return. What this
 * kernel cannot set is dropped from h; warnings (in the arena) say so. */
int container_update(struct container *c, struct host_config *h, struct arena *a,
		     struct texts *ret_warnings, struct err *e) FIBER_FN WARN_UNUSED;

#endif
