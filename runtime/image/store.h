/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside of the image store, for the files of this folder alone.
 *
 * On disk, beneath the data root:
 *
 *   image/oci-layout, index.json, blobs/sha256/<hex>   an OCI image layout
 *   image/images/<hex>.json      one record an image (struct image_record)
 *   image/repositories.json      names → image IDs
 *   layers/<24 hex of the chain ID>/{layer.json,diff/}  unpacked layers (layer.h)
 *   layers/<24 hex>-init/diff/   the mount points every container needs, on top of that layer
 *   snapshots/<id>/{snapshot.json,diff/,work/,merged/}  roots of containers
 *   tmp/                         what is being made; swept at start
 *
 * Durability: blobs and layers are renamed into place without a sync of their own. The commit of an
 * image first syncs the file system as a whole and then writes the record, so that whatever a
 * record names is on disk; what no record names is swept at start.
 *
 * Blobs and layers are counted: images, snapshots and running pulls and loads each hold their own.
 * With the last hold gone the file is renamed into tmp/ at once and deleted by a job later, so that
 * nobody finds it half deleted.
 *
 * Thread: loop, but for what says worker. Yields: what carries FIBER_FN. Owns: struct image_store.
 * Limits: CONFIG_IMAGES_MAX, CONFIG_LAYERS_MAX, CONFIG_IMAGE_LAYERS_MAX.
 */
#ifndef RUNTIME_IMAGE_STORE_H
#define RUNTIME_IMAGE_STORE_H

#include "firmware/core/config.h"
#include "runtime/image/image.h"

#define BLOBS_DIR "image/blobs/sha256"
#define RECORDS_DIR "image/images"
#define NAMES_FILE "image/repositories.json"
#define INDEX_FILE "image/index.json"
#define LAYERS_DIR "layers"
#define SNAPSHOTS_DIR "snapshots"
#define TMP_DIR "tmp"

#define LAYER_DIR_HEX 24   /* of the chain ID, in the name of its directory */
#define STORE_PATH_MAX 256 /* any path of ours relative to the data root */
#define DOCUMENT_MAX ((size_t)CONFIG_MANIFEST_KIB_MAX * 1024)

/* How "deleted" stands in a layer's directory. */
enum layer_form {
	LAYER_OVERLAY, /* as overlayfs wants it: char device 0:0, trusted.overlay.opaque */
	LAYER_PLAIN,   /* .wh. files, where such nodes cannot be made (vfs) */
};

struct blob {
	struct map_node node; /* by hex */
	char hex[DIGEST_HEX + 1];
	unsigned holds;
};

struct layer {
	struct map_node node; /* by chain ID */
	struct digest chain, diff_id;
	uint64_t size;
	unsigned holds;
	unsigned images; /* scratch of image_store_usage */
	bool making;	 /* somebody unpacks it now; wait on store->changed */
	enum layer_form form;
};

struct image_name {
	struct map_node node; /* by text */
	struct image *img;
	char text[]; /* familiar, with tag or digest */
};

struct snapshot {
	struct map_node node;  /* by id */
	struct layer **layers; /* base first */
	size_t n_layers;
	char id[];
};

/* One image on disk, and in memory while it is made. */
struct layer_record {
	const char *chain_id, *diff_id, *blob;
	int64_t size;
};
struct image_record {
	const char *id, *manifest, *manifest_type, *parent;
	int64_t manifest_size;
	int64_t last_tag_time;	   /* ns since the epoch */
	struct shape_array layers; /* struct layer_record, base first */
};
extern const struct shape shape_image_record;

struct image_store {
	const struct engine_options *opt;
	char *root; /* data root, absolute */
	int root_fd;
	bool vfs;
	struct map images, names, layers, blobs, snapshots;
	struct fiber_lock meta; /* held over every change of records and names */
	struct waitq changed;	/* a layer in the making is done or given up */
	bool (*find_user)(void *arg, const struct image *img, bool running, char id_out[65]);
	void *find_user_arg;
	void (*tell)(void *arg, const char *action, const char *id, const char *name,
		     const struct text_map *labels);
	void *tell_arg;
	size_t orphans; /* images whose parent is not here */
	uint64_t next_tmp;
	size_t swept; /* at start */
};

/* --- store.c --- */

static inline enum layer_form store_form(const struct image_store *s)
{
	return s->vfs ? LAYER_PLAIN : LAYER_OVERLAY;
}
/* "tmp/<kind>-<n>", new in this run. */
void store_tmp_path(struct image_store *s, const char *kind, char out[STORE_PATH_MAX]);
void blob_path(const struct digest *d, char out[STORE_PATH_MAX]);
/* "layers/<24 hex>" and what follows it ("", "/diff", "-init"). */
void layer_path(const struct digest *chain, const char *suffix, char out[STORE_PATH_MAX]);
/* Move path into tmp/ to be deleted by store_reap; what is not there is fine. */
void store_discard(struct image_store *s, const char *path);
/* Delete what was discarded. Not cancelled. */
void store_reap(struct image_store *s) FIBER_FN;
/* Tell of a change; id and name NULL: the image's ID. img may be NULL when both are given. */
void store_tell(struct image_store *s, const struct image *img, const char *action, const char *id,
		const char *name);
struct image *store_find_id(struct image_store *s, const struct digest *id);

/* Chain ID of a layer on its parent (NULL: none). */
void chain_id_next(const struct digest *parent, const struct digest *diff_id, struct digest *ret);

/* --- holds.c --- */

int blob_hold(struct image_store *s, const struct digest *d, struct err *e) WARN_UNUSED;
void blob_release(struct image_store *s, const struct digest *d);
bool blob_exists(struct image_store *s, const struct digest *d);
struct layer *layer_find(struct image_store *s, const struct digest *chain);
/*
 * Hold a layer, or take on to make it: 0 held and ready, 1 claimed (the caller calls layer_made or
 * layer_given_up soon; others wait for that).
 */
int layer_claim(struct image_store *s, const struct digest *chain, const struct digest *diff_id,
		struct layer **ret, struct err *e) FIBER_FN WARN_UNUSED;
void layer_made(struct image_store *s, struct layer *l, uint64_t size);
void layer_given_up(struct image_store *s, struct layer *l);
void layer_hold(struct layer *l);
void layer_release(struct image_store *s, struct layer *l);

/* --- record.c: memory and disk forms of one image --- */

/*
 * Make the object of a record from its configuration document, checked against the record's
 * layers. It has one reference and is not in the store.
 */
int image_from_record(const struct image_record *r, struct str config, struct image **ret,
		      struct err *e) WARN_UNUSED;
/* Decode a configuration document and hand out its diff IDs, in the arena. ERR_INVALID when it is
 * none. */
int image_spec_parse(struct str config, struct arena *a, struct image_spec *ret,
		     struct digest **ret_diff_ids, size_t *ret_n, struct err *e) WARN_UNUSED;
/* Put it among the store's images: takes over the reference, holds its blobs and layers. */
int image_insert(struct image_store *s, struct image *img, struct err *e) WARN_UNUSED;
/* The other way round; its files are discarded with the last hold. */
void image_take_out(struct image_store *s, struct image *img);
void image_record_encode(const struct image *img, int64_t last_tag_ns, struct buf *out);

/* --- commit.c: changes that are durable when they return --- */

struct name_change {
	const char *name;   /* familiar, with tag or digest */
	struct image *img;  /* NULL: take the name away */
	struct image *from; /* then: whose it is */
};
struct commit {
	struct image *add; /* new to the store, or NULL */
	struct image
		*remove; /* leaves the store, or NULL; all its names must be among the changes */
	const struct name_change *names;
	size_t n_names;
};
/*
 * Write it all to disk, then to memory. Of add the store takes over the reference, unless an image
 * of that ID came in meanwhile: then the names go to that one. ERR_NOT_FOUND or ERR_CONFLICT when
 * what the change was planned on is no longer so.
 */
int store_commit(struct image_store *s, const struct commit *c, struct err *e) FIBER_FN WARN_UNUSED;
/* Memory alone (start). */
int names_set(struct image_store *s, const char *name, struct image *img) WARN_UNUSED;
void names_drop(struct image_store *s, const char *name);
struct image *names_find(struct image_store *s, const char *name);

/* --- open.c (worker, on a store nobody else has yet) --- */

int store_read(struct image_store *s, struct err *e) WARN_UNUSED;

/* --- snapshot.c --- */

int snapshot_read_all(struct image_store *s, struct err *e) WARN_UNUSED; /* worker, at open */
bool snapshot_overlay_works(int root_fd, const char *root);		 /* worker */
void snapshots_done(struct image_store *s);

#endif
