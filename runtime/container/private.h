/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of runtime/container share among themselves.
 *
 * Thread: loop. Yields: what carries FIBER_FN.
 */
#ifndef RUNTIME_CONTAINER_PRIVATE_H
#define RUNTIME_CONTAINER_PRIVATE_H

#include "firmware/sched/job.h"
#include "runtime/container/container.h"

#define CONTAINER_MEM_MAX (4u << 20) /* kept texts of one container */
#define CONTAINER_FILE_MAX (4u << 20)
#define SYSCTLS_OPTION "com.docker.network.endpoint.sysctls" /* of an endpoint's DriverOpts */
#define CONTAINER_PATH_MAX 256 /* state and run paths of ours; ENGINE_ROOT_MAX + 96 at most */

/* --- container.json: persist.c, record.c --- */

enum persist_mode { PERSIST_QUICK, PERSIST_SYNC };
/*
 * Replace container.json. Saves of one container queue, and each writes what c holds when its turn
 * has come, so the last state is what stays. A container that was deleted is not written again.
 */
int container_persist(struct container *c, enum persist_mode mode, struct err *e)
	FIBER_FN WARN_UNUSED;
/*
 * The durable form in two steps, so that the disk works while the caller goes on: what c holds at
 * begin is written; end waits for it, and other saves of c wait for end. p must not move between
 * them. end after a failed begin, or twice, does nothing.
 */
struct persist {
	struct container *c;
	struct arena mem;
	struct job job;
	char path[CONTAINER_PATH_MAX];
	struct str data;
	bool durable, started;
};
int container_persist_begin(struct container *c, struct persist *p, struct err *e)
	FIBER_FN WARN_UNUSED;
int container_persist_end(struct persist *p, struct err *e) FIBER_FN WARN_UNUSED;
/* The text of container.json. -ENOMEM. */
int container_to_record(const struct container *c, struct arena *a, struct buf *out) WARN_UNUSED;
/* Fill a fresh container from the text of container.json. */
int container_from_record(struct container *c, struct str json, struct arena *a, struct err *e)
	WARN_UNUSED;

/* --- container.c --- */

/* A container with its lists and lock ready and one reference, not yet in the engine. NULL: no
 * memory. */
struct container *container_new(struct engine *eng) WARN_UNUSED;
/* Put into the engine's maps and list; -EEXIST when id or name are taken. The engine takes a
 * reference. */
int container_enter(struct container *c, struct err *e) WARN_UNUSED;
void container_leave(struct container *c);
void container_state_path(const struct container *c,
			  char out[CONTAINER_PATH_MAX]); /* <data-root>/containers/<id> */
void container_run_path(const struct container *c,
			char out[CONTAINER_PATH_MAX]); /* <exec-root>/containers/<id> */
/* Attach to the image by ID and count the use; image stays NULL when it is gone. */
void container_bind_image(struct container *c, struct image *img);
void container_set_status(struct container *c, enum container_status status);
/* Conflict texts: name in use. */
int container_name_conflict(const struct container *holder, const char *name, struct err *e);
int container_name_check(const char *name, struct err *e) WARN_UNUSED;
/* adjective_surname, free in the engine. */
void container_name_generate(const struct engine *eng, char out[CONTAINER_NAME_MAX]);

/* --- validate.c, merge.c, mounts.c --- */

/* What a reply says besides the result; beyond its room no more is said. The texts are constants or
 * in the request's arena. */
struct warnings {
	const char *items[32];
	size_t n;
};
void warnings_add(struct warnings *w, const char *text); /* w may be NULL */
int warnings_keep(const struct warnings *w, struct arena *a, struct texts *ret, struct err *e)
	WARN_UNUSED;

/* Checks all but the mounts; what this kernel cannot do is dropped from req, with a warning. */
int container_validate(const struct engine *eng, struct create_request *req, unsigned api_minor,
		       struct warnings *w, struct err *e) WARN_UNUSED;
/* limits.c: limits alone, as an update has them too. */
int container_check_limits(struct host_config *h, const struct cgroup_support *s, bool update,
			   struct warnings *w, struct err *e) WARN_UNUSED;
/* version.c: what an older client cannot have meant is taken from req, or refused. */
int container_apply_version(struct create_request *req, unsigned minor, struct warnings *w,
			    struct err *e) WARN_UNUSED;
/* namespaces.c: "container:name" to "container:id". */
int container_resolve_namespaces(struct engine *eng, struct host_config *h, struct arena *a,
				 struct err *e) WARN_UNUSED;
/* Where a container that lets others join has its shared memory mounted. */
void container_shm_path(const struct container *c, char out[CONTAINER_PATH_MAX]);
/* Fill in what the image says and the engine's defaults. */
int container_merge(struct create_request *req, const struct engine_options *opt, bool cgroup_v2,
		    const struct image *img, const char *id, struct arena *a, struct err *e)
	WARN_UNUSED;
/* What c leaves open is taken from img. Lists that grow are new ones in the arena. -ENOMEM. */
int container_merge_config(struct container_config *c, const struct container_config *img,
			   struct arena *a) WARN_UNUSED;
/* The command line; ERR_INVALID "no command specified". */
int container_argv(const struct container_config *config, struct arena *a, const char **ret_path,
		   struct texts *ret_args, struct err *e) WARN_UNUSED;
/* A mount point and, for volumes, how to make it. */
struct planned_mount {
	struct container_mount m;
	bool copy;	 /* what the image has there goes into the volume when it is empty */
	bool from_other; /* of another container: its volume exists already */
	const struct text_map *labels, *options; /* or NULL */
};
/* Parse VolumesFrom, Binds, Mounts and the image's volumes into mount points (sources are checked
 * or made at start, volumes by container_volumes_create). */
int container_mounts(const struct engine *eng, const struct create_request *req, unsigned api_minor,
		     struct arena *a, struct planned_mount **ret, size_t *ret_n, struct err *e)
	WARN_UNUSED;
/* At start: sources of Binds are made when missing, others must exist. Runs in a job. */
int container_mount_sources(struct container_mount *mounts, size_t n, struct err *e) WARN_UNUSED;
/* mount_tmpfs.c: "mode=1777,size=…" in the arena. ERR_INVALID "invalid option: x". */
int container_tmpfs_options(const struct tmpfs_options *o, struct arena *a, const char **ret,
			    struct err *e) WARN_UNUSED;
/* Where Tmpfs goes: neither the root nor a relative path. */
int container_check_tmpfs_target(const char *path, struct err *e) WARN_UNUSED;
/* launch_prepare.c: mkdir -p beneath root, 0755 and root's. For jobs. */
int container_make_workdir(int root, const char *dir, struct err *e) WARN_UNUSED;
/* propagation.c: mounts can spread only from where the host shares them. For jobs. */
int container_check_propagation(struct container_mount *mounts, size_t n, struct err *e)
	WARN_UNUSED;
/* ports.c: PortBindings to requests. */
int container_ports(const struct container_config *config, const struct host_config *host,
		    struct port_request *ret, size_t max, size_t *ret_n, struct err *e) WARN_UNUSED;

/* --- run.c --- */

/* Launch and record that it runs. c is locked and may be started; on failure it is as it was. */
int container_launch_locked(struct container *c, struct err *e) FIBER_FN WARN_UNUSED;

/* --- volumes.c --- */

bool container_has_volumes(const struct container *c, bool anonymous);
/* Make and fill the volumes of c->mounts, of which planned says more. The snapshot exists; c is
 * locked. On failure some may be in use: release them. */
int container_volumes_create(struct container *c, const struct planned_mount *planned,
			     struct image *img, struct err *e) FIBER_FN WARN_UNUSED;
/* c is no longer their user. anonymous: remove its own too, unless somebody else has them. */
void container_volumes_release(struct container *c, bool anonymous) FIBER_FN;
/* After a start of the daemon: use them again; and those that run have them mounted. */
void container_volumes_restore(struct container *c);
void container_volumes_adopt(struct container *c);
/* Mounted while it runs. All or nothing; down may be repeated. c is locked. */
int container_volumes_up(struct container *c, struct err *e) FIBER_FN WARN_UNUSED;
void container_volumes_down(struct container *c) FIBER_FN;
/* image_mounts.c: mounts of type "image", along with the volumes: made, forgotten, mounted. c is
 * locked. */
int container_images_create(struct container *c, struct err *e) FIBER_FN WARN_UNUSED;
void container_images_release(struct container *c) FIBER_FN;
void container_images_restore(struct container *c);
int container_images_up(struct container *c, struct err *e) FIBER_FN WARN_UNUSED;
void container_images_down(struct container *c) FIBER_FN;
/* Whose mount a snapshot is, by its name; false: nobody's. */
bool container_image_snapshot_owner(const char *name, char id[CONTAINER_ID_LEN + 1]);
/* The source of a bind or volume, its subpath resolved beneath it: an O_PATH descriptor or -errno.
 * For jobs. */
int container_mount_open(const struct container_mount *m) WARN_UNUSED;
/* Unmount what launch_stage_volumes mounted. For jobs. */
void container_unstage_volumes(const char *run_dir);

/* --- launch.c and launch_*.c: everything between "start" and a running shim --- */

struct launch; /* in the caller's arena */
/* Root file system, network, files, config.json, shim. Undoes itself on failure. c is locked. */
int container_launch(struct container *c, struct err *e) FIBER_FN WARN_UNUSED;
/* Take down what a launch built: network, mount, bundle. Safe to repeat; errors are logged. */
void container_teardown(struct container *c) FIBER_FN;

/* --- exit.c --- */

extern const struct shim_events container_shim_events; /* arg is set per container */
/* The container ended: record it, take down, wake, auto-remove. */
int container_handle_exit(struct container *c, const struct shim_exit *exit) FIBER_FN;
/* Remove a container that asked for it when it ended or could not start. c is locked. */
void container_auto_remove(struct container *c) FIBER_FN;
/*
 * While a start is under way: wait for its outcome, so that a signal sent right behind a start
 * meets a running container, as with the engine.
 */
void container_wait_started(struct container *c) FIBER_FN;
/* Wait until the container is not running or the deadline passes. */
int container_wait_stopped(struct container *c, int64_t deadline) FIBER_FN WARN_UNUSED;

/* --- pause.c --- */

struct cgroup;
/* Where launch_bundle puts it. False when the path is too long. */
bool container_cgroup(const struct container *c, struct cgroup *ret) WARN_UNUSED;
/*
 * Hold it still while its files are read; c is locked. 1 when it was frozen for that, and is to be
 * let go by container_go_on; 0 when nothing runs or it is paused already. A daemon that dies in
 * between lets it go when it starts again.
 */
int container_hold_still(struct container *c, struct err *e) FIBER_FN WARN_UNUSED;
void container_go_on(struct container *c) FIBER_FN;
/* A paused container that was sent its last signal must go on to see it. */
void container_let_go(struct container *c) FIBER_FN;
/* After a start of the daemon: was it left paused? */
void container_restore_paused(struct container *c) FIBER_FN;

/* --- restart.c --- */

void restart_init(struct container *c);
/* No restart to come: nothing waits for c any more. Safe to repeat. */
void restart_done(struct container *c);
/* A client, or the start of the daemon, starts it: counts from the beginning. */
void restart_reset(struct container *c);
/* c ended (exit_code, times set): is it to run again? If so that is counted, and restart_schedule
 * is to be called once the end is dealt with and the status is CONTAINER_RESTARTING. */
bool restart_after_exit(struct container *c) WARN_UNUSED;
void restart_schedule(struct container *c);
/* The container is to end: no restart from now on, and one that is waited for ends at once. */
void restart_cancel(struct container *c) FIBER_FN;
/* The engine is restored: start what should run. */
void restart_revive(struct engine *eng);
/* Wait a little for starts under way; the engine closes. */
void restart_drain(struct engine *eng) FIBER_FN;

/* --- health.c --- */

/* It starts: from the beginning, but for the log. Does nothing without a check. */
void health_reset(struct container *c);
/* After a change of status: probe while it runs, not while it is paused or ended. */
void health_follow(struct container *c);
void health_done(struct container *c);

/* --- event.c --- */

void container_event_die(const struct container *c); /* and "oom" before it */
void container_event_commit(const struct container *c, const char *comment, const char *image_id,
			    const char *image_ref);
void container_event_resize(const struct container *c, uint16_t height, uint16_t width);
/* Connected to its network or taken off it; nothing happens when that was the last word. */
void container_network_event(struct container *c, bool connected);
void exec_event_die(const struct exec *x);

/* --- remove.c --- */

int container_delete_locked(struct container *c, struct err *e) FIBER_FN WARN_UNUSED;
/* And let go of its volumes; volumes: remove the anonymous ones. */
int container_delete_all_locked(struct container *c, bool volumes, struct err *e)
	FIBER_FN WARN_UNUSED;
/* Directories that a removal or creation left half done. Returns how many were swept. */
int container_sweep_dirs(struct engine *eng) FIBER_FN;

/* --- attach.c --- */

size_t container_count_attaching(const struct container *c);
/* Clients that wait for the start, as streams for the shim (at most max). The descriptors are
 * taken. */
size_t container_take_attaching(struct container *c, struct shim_stream *streams, size_t max);
void container_wake_attaching(struct container *c);

/* --- exec.c --- */

void container_forget_execs(struct container *c, bool all);
/* An exec of a health check: beyond the limit, and not shown. Dropped when the probe is over. */
int exec_create_probe(struct container *c, const struct exec_config *cfg, struct exec **ret,
		      struct err *e) FIBER_FN WARN_UNUSED;
void exec_drop_probe(struct exec *x);
void container_exec_ended(struct container *c, const char *exec_id, int code);

/* --- restore.c --- */

/* Read all containers from disk and find their shims. */
int containers_restore(struct engine *eng, struct err *e) FIBER_FN WARN_UNUSED;

#endif
