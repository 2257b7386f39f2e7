/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Volumes: directories that outlive containers. One store, <data-root>/volumes/<name>/, with
 * volume.json (what the volume is) and _data (what it holds). There is one driver, "local"; with
 * its options something is mounted over _data for as long as a container needs it.
 *
 * Who uses a volume is noted by the user's ID (a container's); a volume with users cannot be
 * removed. Only those who run need it mounted, so that is counted apart.
 *
 * Thread: loop; blocking parts are jobs inside. Yields: what carries FIBER_FN.
 * Owns: the store owns volumes; callers hold references (volume_ref, volume_unref).
 * Limits: CONFIG_VOLUMES_MAX.
 */
#ifndef RUNTIME_VOLUME_VOLUME_H
#define RUNTIME_VOLUME_VOLUME_H

#include <stdbool.h>
#include <stdint.h>

#include "firmware/core/arena.h"
#include "firmware/core/err.h"
#include "firmware/core/list.h"
#include "firmware/core/map.h"
#include "firmware/fmt/bind.h"
#include "firmware/sched/fiber.h"
#include "runtime/event/event.h"

#define VOLUME_NAME_MAX 255
#define VOLUME_PATH_MAX 512 /* of everything in the store; the data root has at most 128 bytes */
#define VOLUME_DRIVER "local"
#define VOLUME_ANONYMOUS_LABEL "com.docker.volume.anonymous"

struct volume_store;

struct volume {
	struct volume_store *store;
	struct map_node node; /* by name */
	struct arena mem;     /* heap arena of the texts */
	unsigned refs;
	bool gone; /* no longer in the store */
	const char *name, *mountpoint;
	struct text_map labels, options;
	int64_t created_ns;
	/* private: */
	struct list users;	/* struct volume_user */
	unsigned mounts;	/* needed by so many who run */
	struct fiber_lock lock; /* of mounting, unmounting and filling */
};

/* Open (and make) the store: reads every volume.json, sweeps what was half made or removed. */
int volume_store_open(struct volume_store **ret, const char *data_root, struct event_bus *events,
		      struct err *e) FIBER_FN WARN_UNUSED;
void volume_store_close(struct volume_store *s);
/* Once the containers are restored: unmount what no running one needs. Returns how many. */
int volume_store_sweep(struct volume_store *s) FIBER_FN;
size_t volume_store_count(const struct volume_store *s);

void volume_ref(struct volume *v);
void volume_unref(struct volume *v);
DEFINE_CLEANUP(struct volume *, volume_unref)

/* By its exact name, referenced. ERR_NOT_FOUND "get X: no such volume". */
int volume_lookup(struct volume_store *s, const char *name, struct volume **ret, struct err *e)
	WARN_UNUSED;
/* All, sorted by name, each referenced, in the arena; the caller unrefs each. -ENOMEM. */
int volume_list(struct volume_store *s, struct arena *a, struct volume ***ret, size_t *ret_n)
	WARN_UNUSED;
bool volume_is_anonymous(const struct volume *v);

struct volume_request {
	const char *name;   /* NULL or "": a name of 64 hex digits, and the anonymous label */
	const char *driver; /* NULL or "": local */
	bool anonymous;	    /* name was made by volume_make_name: label it as anonymous */
	const struct text_map *labels, *options; /* may be NULL */
	const char *user; /* note this user with it, before anybody could remove it; may be NULL */
};
void volume_make_name(char out[65]);
/* Names and drivers that can be. ERR_INVALID "create X: …". */
int volume_check(const struct volume_request *req, struct err *e) WARN_UNUSED;
/* <data-root>/volumes/<name>/_data in the arena; NULL: no memory. */
const char *volume_path(const struct volume_store *s, const char *name, struct arena *a);
/*
 * Create, or find the one there is (its labels and options stay). Referenced and durable. *ret_new
 * (may be NULL) tells which.
 */
int volume_create(struct volume_store *s, const struct volume_request *req, struct volume **ret,
		  bool *ret_new, struct err *e) FIBER_FN WARN_UNUSED;
/* ERR_CONFLICT "remove X: volume is in use - [ID, ID]". Durable; its files may go later. */
int volume_remove(struct volume *v, struct err *e) FIBER_FN WARN_UNUSED;

/* --- who uses it --- */

/* The same user may come several times; it has to leave as often. -ENOMEM. */
int volume_use(struct volume *v, const char *user) WARN_UNUSED;
void volume_release(struct volume *v, const char *user);
size_t volume_users(const struct volume *v);

/* --- mount.c: for those who run --- */

bool volume_has_mount(const struct volume *v); /* its options say so */
/* Count one more; the first mounts what the options say, if they do. */
int volume_mount(struct volume *v, struct err *e) FIBER_FN WARN_UNUSED;
void volume_unmount(struct volume *v) FIBER_FN;
/* After a restart: a running user has it mounted already. */
void volume_adopt_mount(struct volume *v);

/* --- populate.c --- */

/*
 * What stands at path in the root file system at root (an absolute path of the host) is copied into
 * the volume, when it is empty: owner, mode, times and attributes too. path is resolved inside the
 * root alone. Nothing happens when there is no such path; ERR_INVALID when it is no directory.
 */
int volume_populate(struct volume *v, const char *root, const char *path, struct err *e)
	FIBER_FN WARN_UNUSED;
/* Is there something at path, as volume_populate sees it? */
bool volume_content_at(const char *root, const char *path) FIBER_FN;
/* Nothing is in it, as far as can be told: one with options is looked into when it is mounted. */
bool volume_is_empty(struct volume *v) FIBER_FN;

/* --- measure.c --- */

/* Bytes of its files. */
int volume_measure(struct volume *v, uint64_t *ret, struct err *e) FIBER_FN WARN_UNUSED;

/* "mount" and "unmount" are told by who mounts; extra attributes go with the driver's name. */
void volume_event(const struct volume *v, const char *action, const struct text_pair *extra,
		  size_t n_extra);

#endif
