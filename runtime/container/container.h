/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Containers: what is known of each, and the operations of their life. One directory each,
 * <data-root>/containers/<id>/ (container.json, the log, hosts, hostname, resolv.conf, exit.json),
 * and while it runs a bundle in <exec-root>/containers/<id>/. container.json is replaced atomically
 * before an operation is answered.
 *
 * Operations that change a container take its lock in order; kill and stop do not wait for it, so
 * they always get through. They run shielded: a client that goes away does not leave a container
 * half started.
 *
 * Thread: loop. Yields: what carries FIBER_FN. Owns: the engine owns containers; whoever keeps a
 * pointer across a wait holds a reference. Limits: CONFIG_CONTAINERS_MAX, CONFIG_EXECS_MAX (per
 * container).
 */
#ifndef RUNTIME_CONTAINER_CONTAINER_H
#define RUNTIME_CONTAINER_CONTAINER_H

#include <stdbool.h>
#include <stdint.h>

#include "firmware/core/arena.h"
#include "firmware/core/err.h"
#include "firmware/core/list.h"
#include "firmware/core/map.h"
#include "firmware/sched/fiber.h"
#include "firmware/sched/loop.h"
#include "runtime/engine.h"
#include "runtime/image/image.h"
#include "runtime/model/config.h"
#include "runtime/network/network.h"
#include "runtime/shim/shim.h"

#define CONTAINER_ID_LEN 64
#define CONTAINER_NAME_MAX 256

enum container_status {
	CONTAINER_CREATED,
	CONTAINER_RUNNING,
	CONTAINER_PAUSED,
	CONTAINER_RESTARTING,
	CONTAINER_REMOVING,
	CONTAINER_EXITED,
	CONTAINER_DEAD,
};
const char *container_status_name(enum container_status s); /* "created", … */
int container_status_parse(struct str text, enum container_status *ret) WARN_UNUSED;

struct container_mount {
	const char *type; /* "bind", "volume", "tmpfs", "image" */
	const char *name; /* volume; ID of an image */
	const char *source, *destination;
	const char *driver;
	const char *mode; /* as given: "ro", "z,ro", "" */
	bool rw;
	const char *propagation;
	const char *subpath; /* of the volume, or NULL */
	bool top_only;	     /* a bind without what is mounted below its source */
	bool ro_top_only;    /* read-only, but not what is mounted below */
	bool ro_all;	     /* read-only with all below, or not at all */
	bool is_file;	     /* of a bind: known since the last start */
	bool implied;	     /* propagation: for the data root's sake, not as asked for */
	bool alone;	     /* implied, but nothing spreads from there: since the last start */
	bool anonymous;	     /* a volume made for this container; goes with it when asked to */
	bool used, up;	     /* private to volumes.c: the volume knows us; it is mounted for us */
};

struct container_link {
	const char *child; /* ID of the container */
	const char *alias; /* what it is called */
};

/* Private to restart.c. */
struct container_restart {
	struct loop_timer timer; /* while "restarting" */
	struct list due;	 /* in the engine's queue, once it fired */
	int64_t delay_ns;	 /* of the last wait */
	bool cancelled;		 /* a client means it to end */
};

struct health;	  /* health_state.h */
struct log_query; /* runtime/log/log_reader.h */

/* Private to health.c, but for the state. */
struct container_health {
	struct health *state;	 /* NULL: has no check, or was never started */
	struct loop_timer timer; /* until the next probe */
	struct fiber *probe;	 /* while one runs */
	unsigned run;		 /* counts beginnings and ends of the monitoring */
	bool active;
};

struct container {
	struct engine *eng;
	struct map_node id_node, name_node;
	struct list link;
	unsigned refs;
	struct arena mem; /* heap arena of the texts below that never change */

	char id[CONTAINER_ID_LEN + 1];
	char name[CONTAINER_NAME_MAX];	/* without the leading slash */
	struct container_config config; /* merged with the image's */
	struct host_config host;	/* defaults filled in */
	struct networking_config networking;
	struct image *image; /* referenced; NULL when it could not be found again */
	struct digest image_id;
	const char *path;  /* argv[0] */
	struct texts args; /* argv[1…] */
	struct container_mount *mounts;
	size_t n_mounts;
	struct container_link *links;
	size_t n_links;
	int64_t created_ns;

	enum container_status status;
	pid_t pid; /* while running */
	int exit_code;
	bool oom_killed;
	char error[256];		 /* of the last start */
	int64_t started_ns, finished_ns; /* 0: never */
	bool removed;			 /* no longer in the engine; wakes "removed" waiters */
	bool has_been_started;
	bool starting; /* a start is under way: on disk, it tells that one may have been cut off */
	bool unfinished; /* half created or half removed, with volumes: the next start removes it */
	bool told_connected; /* the last network event said so */
	bool stop_requested; /* by a client, since the last start */
	unsigned restarts;   /* by clients, under way: its end does not remove it */
	uint64_t exits;	     /* counts ends; "next-exit" waits for a change */
	int restart_count;   /* by the policy, since a client last started it */
	struct container_restart restart;
	struct container_health health;

	struct endpoint *endpoint; /* on the bridge, while running; else NULL */
	char netns_path[256];	   /* "" with the host's network */
	struct shim *shim;	   /* while running */
	struct shim_events events;

	struct shim_exit exit_report; /* private: what the shim reported, until it is dealt with */
	void (*exit_entry)(void *arg);
	struct loop_timer exit_retry;

	struct fiber_lock lock, saving;
	bool deleted_on_disk;  /* its files are gone: nothing is to be saved any more */
	struct waitq changed;  /* woken on every change of state, exit and removal */
	struct list attaching; /* struct attach_client waiting for a start */
	size_t n_attaching;    /* those, and who is about to wait */
	struct list execs;     /* struct exec */
	size_t n_execs;
};

void container_ref(struct container *c);
void container_unref(struct container *c);
DEFINE_CLEANUP(struct container *, container_unref)

static inline bool container_is_running(const struct container *c)
{
	return c->status == CONTAINER_RUNNING || c->status == CONTAINER_PAUSED ||
	       c->status == CONTAINER_RESTARTING;
}
static inline struct container *container_from_link(struct list *l)
{
	return list_entry(l, struct container, link);
}

/*
 * Full ID, exact name (with or without "/"; "parent/alias" of a link too), then unique ID prefix.
 * The container is referenced. ERR_NOT_FOUND "No such container: x"; ERR_INVALID "multiple IDs
 * found with provided prefix: x".
 */
int container_lookup(struct engine *eng, const char *name, struct container **ret, struct err *e)
	WARN_UNUSED;
/* links.c: names that links give c ("/parent/alias"), in the arena. */
int container_link_names(const struct container *c, struct arena *a, struct texts *ret) WARN_UNUSED;
/* c's own links as inspect shows them ("/child:/parent/alias"); not set when it has none. */
int container_link_list(const struct container *c, struct arena *a, struct texts *ret) WARN_UNUSED;
/* The container that "parent/alias" names, or NULL. */
struct container *container_linked(const struct engine *eng, struct str path);
/* End the link "parent/alias". ERR_CONFLICT for a plain name; ERR_SYSTEM without such a parent. */
int container_unlink(struct engine *eng, const char *name, struct err *e) FIBER_FN WARN_UNUSED;
/* How many there are in the three states that /info and the metrics know. */
struct container_counts {
	unsigned running, paused, stopped;
};
struct container_counts container_count(const struct engine *eng);
/* References to all containers, newest first, in the arena (unref each). */
int container_list(struct engine *eng, struct arena *a, struct container ***ret, size_t *ret_n)
	WARN_UNUSED;

struct container_create {
	const char *name;	    /* NULL: one is generated */
	const char *platform;	    /* NULL: any */
	struct create_request *req; /* changed in place (defaults, merge); copied to keep */
	unsigned api_minor;
	struct arena *a;
};
/* Create; durable on return. Warnings (texts in the arena) may come with success. */
int container_create(struct engine *eng, struct container_create *in, struct container **ret,
		     struct texts *ret_warnings, struct err *e) FIBER_FN WARN_UNUSED;
/* ERR_NOT_MODIFIED when it runs already. */
int container_start(struct container *c, struct err *e) FIBER_FN WARN_UNUSED;
/* signal NULL: the container's StopSignal; timeout seconds: -1 wait for ever, INT64_MIN the
 * container's own. ERR_NOT_MODIFIED when stopped. */
int container_stop(struct container *c, const char *signal, int64_t timeout_s, struct err *e)
	FIBER_FN WARN_UNUSED;
int container_restart(struct container *c, const char *signal, int64_t timeout_s, struct err *e)
	FIBER_FN WARN_UNUSED;
/* signal NULL or "": SIGKILL (and then waits for the end, as the engine does, up to 10 s). */
int container_kill(struct container *c, const char *signal, struct err *e) FIBER_FN WARN_UNUSED;
/* as: what the caller called the container, for messages. */
int container_remove(struct container *c, const char *as, bool force, bool volumes, struct err *e)
	FIBER_FN WARN_UNUSED;
int container_rename(struct container *c, const char *name, struct err *e) FIBER_FN WARN_UNUSED;
int container_resize(struct container *c, uint16_t height, uint16_t width, struct err *e)
	FIBER_FN WARN_UNUSED;

enum wait_condition { WAIT_NOT_RUNNING, WAIT_NEXT_EXIT, WAIT_REMOVED };
int wait_condition_parse(struct str text, enum wait_condition *ret, struct err *e) WARN_UNUSED;
/*
 * Two steps, so that the reply's head can be flushed between them: begin notes the present state,
 * finish waits. A container that is removed while waited for answers its last exit code.
 */
struct container_waiter {
	struct container *c; /* referenced from begin to finish */
	enum wait_condition condition;
	uint64_t exits;
};
void container_wait_begin(struct container_waiter *w, struct container *c,
			  enum wait_condition cond);
int container_wait_finish(struct container_waiter *w, int *ret_code, char error_out[256])
	FIBER_FN WARN_UNUSED;

/* A client stream for attach; lives in the handler's frame or arena. */
struct attach_client {
	struct list link;  /* private */
	struct waitq done; /* private */
	bool taken;	   /* handed to the shim */
	bool want_stdin, want_stdout, want_stderr;
	bool websocket, ws_text;  /* speaks websocket frames; wants text frames */
	bool counted;		  /* private: in the container's n_attaching */
	const struct shim *place; /* private: which keeps a place for it; only compared */
	struct str detach_keys;	  /* parsed bytes; empty: the default */
	struct str leftover;
	int (*take_fd)(struct attach_client
			       *client); /* called once, at hand-over: gives up the descriptor */
	void *arg;
};
/* Before the upgrade is answered: ERR_CONFLICT when paused or restarting. */
int container_attach_check(const struct container *c, struct err *e) WARN_UNUSED;
/*
 * The same, and ERR_UNAVAILABLE when as many clients as there may be are attached. Keeps a place
 * for the client: container_attach uses it up, or container_attach_give_up must.
 */
int container_attach_reserve(struct container *c, struct attach_client *client, struct err *e)
	FIBER_FN WARN_UNUSED;
void container_attach_give_up(struct container *c, struct attach_client *client) FIBER_FN;
/* Hand over at once when it runs; otherwise wait for the start. Returns when taken, removed, or the
 * client left. */
int container_attach(struct container *c, struct attach_client *client, struct err *e)
	FIBER_FN WARN_UNUSED;
/* "ctrl-p,ctrl-q" to bytes in the arena; ERR_INVALID "Invalid detach keys (X) provided" with what =
 * "detach" or "escape". */
int detach_keys_parse(struct str text, const char *what, struct arena *a, struct str *ret,
		      struct err *e) WARN_UNUSED;

/* One of its mounts is this image. */
bool container_mounts_image(const struct container *c, const struct image *img);

/* --- commit.c --- */

struct container_commit {
	bool pause;
	const struct container_config *config; /* NULL: the container's own */
	struct texts changes;		       /* Dockerfile lines */
	const char *author, *comment;
	const char *name; /* familiar, with a tag; NULL: the image gets none */
	struct arena *a;
};
/* Make an image of it; durable on return, the image is referenced. */
int container_commit(struct container *c, const struct container_commit *in, struct image **ret,
		     struct err *e) FIBER_FN WARN_UNUSED;

/* --- exec --- */

struct exec_config {
	bool attach_stdin, attach_stdout, attach_stderr, tty, privileged;
	const char *detach_keys, *user, *working_dir;
	struct texts env, cmd;
	struct str console_size_raw;
};
extern const struct shape shape_exec_config;

struct exec {
	struct map_node node;
	struct list link; /* of the container */
	unsigned refs;
	struct arena mem;
	char id[CONTAINER_ID_LEN + 1];
	struct container *container; /* referenced */
	struct exec_config config;
	bool probe; /* of a health check: not shown among the container's execs */
	bool started, running, has_exit_code;
	int exit_code;
	pid_t pid;
	int64_t life_ns;  /* when the container it was made in was started */
	int64_t ended_ns; /* monotonic; forgotten some minutes later */
	struct waitq changed;
};
void exec_ref(struct exec *x);
void exec_unref(struct exec *x);
DEFINE_CLEANUP(struct exec *, exec_unref)

/* ERR_CONFLICT "container ID is not running" and its like; ERR_INVALID "No exec command specified".
 */
int exec_create(struct container *c, const struct exec_config *cfg, struct exec **ret,
		struct err *e) FIBER_FN WARN_UNUSED;
/* ERR_NOT_FOUND "No such exec instance: X". */
int exec_lookup(struct engine *eng, const char *id, struct exec **ret, struct err *e) WARN_UNUSED;
/* Before the upgrade is answered; ERR_CONFLICT "exec command ID has already run", "container ID is
 * not running". */
int exec_start_check(struct exec *x, struct err *e) WARN_UNUSED;
/*
 * The same, and a place for the process is kept: exec_start uses it up, or exec_start_give_up must.
 * ERR_UNAVAILABLE when too many run.
 */
int exec_start_reserve(struct exec *x, struct attach_client *client, struct err *e)
	FIBER_FN WARN_UNUSED;
void exec_start_give_up(struct exec *x, struct attach_client *client) FIBER_FN;
/*
 * Run it. client NULL: detached (errors come back in e). With a client the stream is handed over
 * and errors have been written into it. The terminal is the process's, as it was created; raw is
 * what the client asks for at the start: no frames, and so nothing of a stderr of its own.
 */
int exec_start(struct exec *x, bool raw, uint16_t height, uint16_t width,
	       struct attach_client *client, struct err *e) FIBER_FN WARN_UNUSED;
int exec_resize(struct exec *x, uint16_t height, uint16_t width, struct err *e)
	FIBER_FN WARN_UNUSED;
/* Has it ended so long ago that it may be forgotten any time? */
bool exec_is_old(const struct exec *x);
/* Bring x up to date with the shim (an exit that was reported but not yet read). */
int exec_refresh(struct exec *x, struct err *e) FIBER_FN WARN_UNUSED;

/* --- events --- */

/* An event of c with its labels, image and name; _with adds one attribute. */
void container_event(const struct container *c, const char *action);
void container_event_with(const struct container *c, const char *action, const char *key,
			  const char *value);
void container_event_number(const struct container *c, const char *action, const char *key,
			    int64_t value);
void container_event_two(const struct container *c, const char *action,
			 const struct text_pair extra[2]);
/* "exec_create" or "exec_start", with the command. */
void exec_event(const struct exec *x, const char *verb);
/* An event of a network; container_id may be NULL. */
void network_event(const struct engine *eng, const struct network_info *net, const char *action,
		   const char *container_id);

/* --- for logs --- */

/* Where the log is (path, in the arena, and local); ERR_NOT_IMPLEMENTED "configured logging driver
 * does not support reading". */
int container_log_find(const struct container *c, struct arena *a, struct log_query *q,
		       struct err *e) WARN_UNUSED;
const char *container_dir(const struct container *c,
			  struct arena *a); /* <data-root>/containers/<id> */

#endif
