/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Images: what is known of each one in memory, and the operations on them. An image's ID is the
 * digest of its configuration. Everything is on disk in an OCI image layout under
 * <data-root>/image (oci-layout, index.json, blobs/sha256/…) with small JSON files beside it
 * (repositories.json: names; images/<hex>.json: manifest, layers, times); unpacked layers are in
 * <data-root>/layers (layer.h). At most CONFIG_IMAGES_MAX images.
 *
 * Thread: loop; blocking parts are jobs inside. Yields: what carries FIBER_FN.
 * Owns: struct image_store owns images; callers hold references (image_ref/image_unref).
 */
#ifndef RUNTIME_IMAGE_IMAGE_H
#define RUNTIME_IMAGE_IMAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "firmware/core/arena.h"
#include "firmware/core/err.h"
#include "firmware/core/map.h"
#include "firmware/core/stream.h"
#include "firmware/fmt/sha256.h"
#include "firmware/sched/fiber.h"
#include "firmware/sched/job.h"
#include "runtime/image/reference.h"
#include "runtime/model/config.h"
#include "runtime/options.h"

struct image_store;
struct platform; /* manifest.h */

struct image {
	struct map_node node; /* by hex ID */
	struct arena mem;     /* heap arena of everything below */
	unsigned refs;
	bool gone;	  /* removed from the store; memory lives until the last unref */
	struct digest id; /* of the configuration */
	struct digest
		parent; /* the image this one was committed on, which may be gone; "" for none */
	struct digest
		manifest; /* of the manifest blob it came with (made by us for docker archives) */
	struct image_spec spec;	 /* decoded configuration document, without its history
				    (image_config_text has it) */
	struct digest *diff_ids; /* n_layers, base first */
	struct digest *chain_ids;
	size_t n_layers;
	uint64_t size;		   /* sum of the unpacked layers' bytes */
	const char *manifest_type; /* media type of the manifest blob */
	uint64_t manifest_size;
	struct digest *blobs;  /* n_layers, the layers as they came (compressed or not) */
	uint64_t *layer_sizes; /* n_layers, bytes of files in each */
	int64_t created_ns;    /* from the configuration; 0 when absent */
	int64_t last_tag_ns;
	struct text_map names; /* familiar tag ("alpine:latest") → "" ; see image_names */
	unsigned children;     /* images in the store that were committed on it */
	unsigned containers;   /* containers that use it (kept by runtime/container) */
	unsigned running;      /* of these, running */
	unsigned mounts;       /* mounts of type "image" (likewise) */
};

/*
 * Open (and make) the store: reads all metadata, verifies what can be verified cheaply, sweeps
 * temporary files and half-made layers (the number swept is logged).
 */
int image_store_open(struct image_store **ret, const struct engine_options *opt, struct err *e)
	FIBER_FN WARN_UNUSED;
void image_store_close(struct image_store *s);
size_t image_store_count(const struct image_store *s);
const char *image_store_driver(const struct image_store *s); /* "overlay2" or "vfs" */

void image_ref(struct image *img);
void image_unref(struct image *img);
DEFINE_CLEANUP(struct image *, image_unref)

/*
 * Find by reference, full ID ("sha256:…" or hex), or unique ID prefix. A reference is taken.
 * ERR_NOT_FOUND "No such image: x:latest"; ambiguous prefix ERR_INVALID.
 */
int image_lookup(struct image_store *s, const char *name, struct image **ret, struct err *e)
	WARN_UNUSED;
/*
 * Is img, found by ref, made for what was asked? ERR_NOT_FOUND "image with reference x was found
 * but its platform (linux/amd64) does not match the specified platform (linux/arm64)".
 */
int image_check_platform(const struct image *img, const char *ref, const struct platform *want,
			 struct err *e) WARN_UNUSED;
/* All images, newest first, each referenced, in the arena; the caller unrefs each. */
int image_list(struct image_store *s, struct arena *a, struct image ***ret, size_t *ret_n,
	       struct err *e) WARN_UNUSED;
/* Familiar names of an image: tags ("alpine:latest") and digests ("alpine@sha256:…"), in the arena.
 */
int image_names(struct image_store *s, const struct image *img, struct arena *a,
		struct texts *ret_tags, struct texts *ret_digests) WARN_UNUSED;
/*
 * Bytes on disk: of all layers, and of each image those it shares with another of the n, which are
 * all there are.
 */
void image_store_usage(struct image_store *s, struct image *const *images, size_t n,
		       uint64_t *ret_shared, uint64_t *ret_layers);
/* The configuration blob, verbatim, in the arena. */
int image_config_text(struct image_store *s, const struct image *img, struct arena *a,
		      struct str *ret, struct err *e) WARN_UNUSED;

/* Its history (struct image_history, oldest first), which is not kept in memory: read anew into the
 * arena. */
int image_history(struct image_store *s, const struct image *img, struct arena *a,
		  struct shape_array *ret, struct err *e) WARN_UNUSED;

/* Give img another name (replacing what had it). ref is parsed with the tag defaulted. Durable on
 * return. */
int image_tag(struct image_store *s, struct image *img, const struct reference *ref, struct err *e)
	FIBER_FN WARN_UNUSED;

struct image_removed {
	bool deleted;	  /* false: untagged */
	const char *what; /* familiar name or digest */
};
/*
 * Remove by name or ID as DELETE /images/{name} does: untag, and delete when the last name goes (or
 * it was named by ID). Conflicts carry the engine's messages (WIRE J). The records are in the
 * arena.
 */
int image_remove(struct image_store *s, const char *name, bool force, bool noprune, struct arena *a,
		 struct image_removed **ret, size_t *ret_n, struct err *e) FIBER_FN WARN_UNUSED;
/* For the conflict messages: tells one container that uses img ("" when none; running first). */
void image_store_set_user_lookup(struct image_store *s,
				 bool (*find)(void *arg, const struct image *img, bool running,
					      char id_out[65]),
				 void *arg);

/*
 * Tells of every change: "pull", "load", "tag", "untag", "delete". The labels are the image's, or
 * NULL when it is gone.
 */
void image_store_set_event_hook(struct image_store *s,
				void (*tell)(void *arg, const char *action, const char *id,
					     const char *name, const struct text_map *labels),
				void *arg);

/* One line of progress, as the engine streams it. NULL/-1 members are left out. */
struct progress {
	const char *stream;
	const char *status;
	const char *id;
	int64_t current, total; /* -1: none; progressDetail is {} when status concerns a layer
				   without counts */
	bool detail;		/* write progressDetail even when empty */
	const char *aux;	/* JSON */
};
struct progress_sink {
	int (*emit)(struct progress_sink *sink, const struct progress *p)
		FIBER_FN; /* negative: the client is gone */
};

/*
 * POST /images/load: source is a blocking reader over the (possibly compressed) archive that is
 * read inside jobs only; begin/end bracket it (http_body_begin_blocking) through body. Emits
 * "Loaded image: …".
 */
struct image_source {
	int (*begin)(struct image_source *src, struct job *job, struct reader **ret, struct err *e)
		FIBER_FN;
	void (*end)(struct image_source *src);
};
int image_load(struct image_store *s, struct image_source *src, struct progress_sink *sink,
	       struct err *e) FIBER_FN WARN_UNUSED;

struct registry_auth {
	const char *username, *password;
	const char *identity_token, *registry_token;
	const char *server_address;
};
/* Decode X-Registry-Auth (base64 JSON); undecodable is anonymous, as in the engine. */
void registry_auth_decode(struct str header, struct arena *a, struct registry_auth *ret);

/* The same from a document. ERR_INVALID when it is none. */
int registry_auth_parse(struct json_node json, struct arena *a, struct registry_auth *ret,
			struct err *e) WARN_UNUSED;
/*
 * POST /auth: are these credentials good at the registry of auth->server_address (NULL: Docker
 * Hub)? The token, in the arena, is what a token service gave in place of the password; NULL when
 * it gave none. ERR_UNAUTHORIZED, or ERR_SYSTEM with the reason.
 */
int image_registry_login(struct image_store *s, const struct registry_auth *auth, struct arena *a,
			 const char **ret_token, struct err *e) FIBER_FN WARN_UNUSED;

/* POST /images/create?fromImage: pull a tag, a digest, or (ref without either) every tag. platform
 * may be NULL ("os/arch[/variant]"). */
int image_pull(struct image_store *s, const struct reference *ref, const char *platform,
	       const struct registry_auth *auth, struct progress_sink *sink, struct err *e)
	FIBER_FN WARN_UNUSED;

/* --- making an image of what changed (draft.c) --- */

/*
 * In two steps, so that who owns the files is held up by the first alone: their tar stream becomes
 * a blob in tmp/; then the blob becomes a layer and an image.
 */
struct image_draft; /* heap */
struct image_layer_source {
	/* Before and after the job that writes; both may be NULL. Without a begin there is no end.
	 */
	int (*begin)(struct image_layer_source *src, struct job *job, struct err *e) FIBER_FN;
	void (*end)(struct image_layer_source *src);
	/* Worker: write the layer's tar; *ret_entries 0 when nothing changed. */
	int (*write)(struct image_layer_source *src, const struct job *job, struct writer *sink,
		     uint64_t *ret_entries, struct err *e);
};
int image_draft_write(struct image_store *s, struct image_layer_source *src,
		      struct image_draft **ret, struct err *e) FIBER_FN WARN_UNUSED;
struct image_commit {
	struct image *parent; /* NULL: none */
	const struct container_config *config;
	const struct container_config *container_config; /* as it was; may be NULL */
	const char *container;				 /* its ID, or NULL */
	const char *author, *comment, *created_by;	 /* may be NULL */
	const char *name;				 /* familiar, with a tag; NULL: none */
	const struct platform *platform;		 /* without a parent; NULL: the host's */
};
/*
 * Durable on return; the image is referenced. Tells of "tag" alone. ERR_NOT_FOUND when the parent
 * was removed meanwhile.
 */
int image_draft_commit(struct image_store *s, struct image_draft *d, const struct image_commit *c,
		       struct image **ret, struct err *e) FIBER_FN WARN_UNUSED;
/* In any case at the end; NULL is fine. */
void image_draft_free(struct image_store *s, struct image_draft *d) FIBER_FN;

/*
 * POST /images/create?fromSrc (import.c): the tar, compressed or not, that source reads becomes the
 * only layer of an image. Of what, config, comment, name and platform count. The image is
 * referenced; tells of "tag" and "import".
 */
int image_import(struct image_store *s, struct image_source *source,
		 const struct image_commit *what, struct image **ret, struct err *e)
	FIBER_FN WARN_UNUSED;

/* --- root filesystems of containers (snapshots), see layer.h --- */

/*
 * Prepare a writable root for container id on top of img; durable. With an init layer holding the
 * mount points. From then on the snapshot itself keeps the layers: img may be NULL in the calls
 * below, and may be removed.
 */
int snapshot_create(struct image_store *s, const char *id, struct image *img, struct err *e)
	FIBER_FN WARN_UNUSED;
/* Mount it (idempotent); the path of the merged root is <data-root>/snapshots/<id>/merged (vfs: the
 * copy). */
int snapshot_mount(struct image_store *s, const char *id, struct image *img, char *path,
		   size_t path_size, struct err *e) FIBER_FN WARN_UNUSED;
int snapshot_unmount(struct image_store *s, const char *id, struct err *e) FIBER_FN WARN_UNUSED;
/* Unmount and delete; what is not there is fine. */
int snapshot_remove(struct image_store *s, const char *id, struct err *e) FIBER_FN WARN_UNUSED;
/* What the owner says of a snapshot found on disk. */
enum snapshot_fate {
	SNAPSHOT_DELETE = 0,  /* nobody's */
	SNAPSHOT_UNMOUNT = 1, /* kept, its container does not run */
	SNAPSHOT_KEEP = 2,    /* in use */
};
/* After start: ask keep() (enum snapshot_fate) about every snapshot and act on it. Returns how many
 * were deleted. */
int snapshot_sweep(struct image_store *s, int (*keep)(void *arg, const char *id), void *arg,
		   struct err *e) FIBER_FN WARN_UNUSED;
/* GraphDriver.Data of inspect: LowerDir, UpperDir, WorkDir, MergedDir (overlay2) as text pairs. */
int snapshot_describe(struct image_store *s, const char *id, const struct image *img,
		      struct arena *a, struct text_map *ret) WARN_UNUSED;
/* What of it is where, all absolute. -ENOENT, -ENOMEM. */
struct snapshot_places {
	bool plain;	  /* vfs: tree is a whole copy, and ".wh." files of layers say "deleted" */
	const char *tree; /* what may have changed: the upper directory, or the copy */
	struct texts layers; /* below it, top first; under overlay the init layer among them */
};
int snapshot_places(struct image_store *s, const char *id, struct arena *a,
		    struct snapshot_places *ret) WARN_UNUSED;
/* What every root was given when it was made, unless it was there: i-th path and st_mode; NULL
 * behind the last. */
const char *init_layer_entry(size_t i, uint32_t *ret_mode);
int image_describe_layers(struct image_store *s, const struct image *img, struct arena *a,
			  struct text_map *ret) WARN_UNUSED;

#endif
