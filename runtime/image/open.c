/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading the store at start: layers, then images (each configuration is hashed again, its blobs
 * and layers looked for), then names and snapshots; and sweeping what belongs to none of them.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "firmware/core/file.h"
#include "firmware/core/log.h"
#include "firmware/core/mem.h"
#include "runtime/image/rootfs.h"

static const char *const folders[] = {
	"image", "image/blobs", BLOBS_DIR, RECORDS_DIR, LAYERS_DIR, SNAPSHOTS_DIR, TMP_DIR,
};

static int make_folders(struct image_store *s, struct err *e)
{
	int rc = dir_make_all(s->root, 0710, e);

	if (rc < 0)
		return rc;
	s->root_fd = open(s->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->root_fd < 0)
		return err_sys(e, errno, "open %s", s->root);
	for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
		if (mkdirat(s->root_fd, folders[i], 0710) < 0 && errno != EEXIST)
			return err_sys(e, errno, "make %s/%s", s->root, folders[i]);
	}
	if (faccessat(s->root_fd, "image/oci-layout", F_OK, 0) == 0)
		return 0;
	rc = file_replace_at(s->root_fd, NAMES_FILE, STR("{}\n"), 0600, false, e);
	if (rc == 0)
		rc = file_replace_at(s->root_fd, INDEX_FILE,
				     STR("{\"schemaVersion\":2,\"manifests\":[]}\n"), 0644, false,
				     e);
	if (rc < 0)
		return rc;
	return file_replace_at(s->root_fd, "image/oci-layout",
			       STR("{\"imageLayoutVersion\":\"1.0.0\"}\n"), 0644, true, e);
}

static int choose_driver(struct image_store *s, struct err *e)
{
	const char *asked = s->opt->storage_driver;

	if (asked && strcmp(asked, "overlay2") && strcmp(asked, "vfs"))
		return err_set(e, ERR_INVALID, "unknown storage driver: %s (overlay2 or vfs)",
			       asked);
	if (asked && !strcmp(asked, "vfs")) {
		if (!CONFIG(VFS))
			return err_set(e, ERR_NOT_IMPLEMENTED,
				       "the vfs storage driver is not built in (CONFIG_VFS)");
		s->vfs = true;
		return 0;
	}
	if (snapshot_overlay_works(s->root_fd, s->root))
		return 0;
	if (asked || !CONFIG(VFS))
		return err_set(e, ERR_SYSTEM, "an overlay cannot be mounted in %s", s->root);
	log_warn("an overlay cannot be mounted in %s: using vfs, which copies the image for each "
		 "container",
		 s->root);
	s->vfs = true;
	return 0;
}

/* Calls fn for each name in a directory of ours; a negative result ends the walk. */
static int each_name(struct image_store *s, const char *path,
		     int (*fn)(struct image_store *s, const char *name, struct err *e),
		     struct err *e)
{
	int rc = 0, fd = openat(s->root_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!dir) {
		rc = err_sys(e, errno, "open %s", path);
		if (fd >= 0)
			close(fd);
		return rc;
	}
	while (rc >= 0 && (entry = readdir(dir))) {
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			rc = fn(s, entry->d_name, e);
	}
	closedir(dir);
	return rc;
}

static int read_layer(struct image_store *s, const char *name, struct err *e)
{
	CLEANUP_ARENA struct arena a = {0};
	struct layer_file f;
	struct layer *l;

	if (strlen(name) != LAYER_DIR_HEX || !str_is_hex(str_from(name)))
		return 0;
	arena_open_heap(&a, 64 * 1024);
	if (layer_file_read(s->root_fd, name, &a, &f, e) < 0) {
		/* Half made, or damaged: swept below as nobody's. */
		log_warn("layer %s: %s", name, e->msg);
		err_clear(e);
		return 0;
	}
	if (!s->vfs && f.plain && f.whiteouts) {
		log_warn("layer %s was unpacked for the vfs driver", name);
		return 0;
	}
	l = mem_alloc(sizeof(*l));
	if (!l)
		return err_sys(e, ENOMEM, "read layer %s", name);
	l->chain = f.chain;
	l->diff_id = f.diff_id;
	l->size = f.size;
	l->form = f.plain ? LAYER_PLAIN : LAYER_OVERLAY;
	if (map_insert(&s->layers, &l->node, str_from(digest_hex(&l->chain))) < 0) {
		mem_free(l);
		return err_sys(e, ENOMEM, "read layer %s", name);
	}
	return 0;
}

static int load_image(struct image_store *s, const char *path, struct err *e)
{
	CLEANUP_ARENA struct arena a = {0};
	char config_path[STORE_PATH_MAX];
	struct image_record r;
	struct str text, config;
	struct digest actual;
	struct image *img;
	int rc;

	arena_open_heap(&a, 8 * DOCUMENT_MAX);
	rc = file_read_at(s->root_fd, path, DOCUMENT_MAX, &a, &text, e);
	if (rc == 0)
		rc = shape_decode_text(&shape_image_record, text, &a, &r, e);
	if (rc == 0)
		rc = digest_parse(str_from(r.id ? r.id : ""), &actual, e);
	if (rc < 0)
		return rc;
	blob_path(&actual, config_path);
	rc = file_read_at(s->root_fd, config_path, DOCUMENT_MAX, &a, &config, e);
	if (rc < 0)
		return rc;
	digest_of(config.p, config.n, &actual);
	if (strcmp(actual.text, r.id))
		return err_set(e, ERR_INVALID, "its configuration is damaged");
	rc = image_from_record(&r, config, &img, e);
	if (rc < 0)
		return rc;
	for (size_t i = 0; rc == 0 && i < img->n_layers; i++) {
		/* A lost blob hinders a later push, not the image's use. */
		if (!blob_exists(s, &img->blobs[i]))
			log_debug("image %s: blob %s is not here", r.id, img->blobs[i].text);
	}
	if (!blob_exists(s, &img->manifest))
		rc = err_set(e, ERR_INVALID, "its manifest is missing");
	if (rc == 0)
		rc = image_insert(s, img, e);
	if (rc < 0)
		image_unref(img);
	return rc;
}

static int read_image(struct image_store *s, const char *name, struct err *e)
{
	char path[STORE_PATH_MAX];

	if (strlen(name) != DIGEST_HEX + 5 || !str_ends(str_from(name), ".json"))
		return 0;
	snprintf(path, sizeof(path), RECORDS_DIR "/%s", name);
	if (load_image(s, path, e) < 0) {
		log_error("image %.12s is left out: %s", name, e->msg);
		err_clear(e);
		/* What cannot be used is not looked at again. */
		store_discard(s, path);
	}
	return 0;
}

static int read_names(struct image_store *s, struct err *e)
{
	CLEANUP_ARENA struct arena a = {0};
	struct json_node root, value;
	struct json_iter it = {0};
	struct str text, key, id;
	int rc;

	arena_open_heap(&a, 256u << 20);
	rc = file_read_at(s->root_fd, NAMES_FILE, 64u << 20, &a, &text, e);
	if (rc == -ENOENT) {
		err_clear(e);
		return 0;
	}
	if (rc == 0)
		rc = json_parse(text, &a, &root, e);
	if (rc < 0) {
		/* Images live on without names, rather than none at all. */
		log_error("the names of images are lost: %s", e->msg);
		err_clear(e);
		return 0;
	}
	while (json_next(root, &it, &a, &key, &value)) {
		struct digest d;
		struct image *img;
		char name[REFERENCE_TEXT_MAX];

		if (json_string(value, &a, &id) < 0 || digest_parse(id, &d, NULL) < 0 ||
		    !str_copy(name, sizeof(name), key))
			continue;
		img = store_find_id(s, &d);
		if (img && names_set(s, name, img) < 0)
			return err_sys(e, ENOMEM, "read the names of images");
	}
	return 0;
}

/* --- sweeping --- */

static int sweep_tmp(struct image_store *s, const char *name, struct err *e)
{
	char path[STORE_PATH_MAX + 256];

	/* A crash may have left the mount an init layer is made through. */
	snprintf(path, sizeof(path), TMP_DIR "/%s/merged", name);
	if (rootfs_unmount(s->root_fd, s->root, path, e) < 0)
		err_clear(e);
	snprintf(path, sizeof(path), TMP_DIR "/%s", name);
	if (tree_remove_at(s->root_fd, path, e) < 0) {
		log_warn("cannot sweep %s: %s", path, e->msg);
		err_clear(e);
	}
	s->swept++;
	return 0;
}

static int sweep_layer(struct image_store *s, const char *name, struct err *e)
{
	char path[STORE_PATH_MAX];
	struct map_node *n;

	(void)e;
	/* A layer in use keeps its directory and the init directory on top of it. */
	for (n = map_next(&s->layers, NULL); n; n = map_next(&s->layers, n)) {
		struct layer *l = map_entry(n, struct layer, node);

		if (l->holds && !strncmp(digest_hex(&l->chain), name, LAYER_DIR_HEX))
			return 0;
	}
	if (strlen(name) >= STORE_PATH_MAX - sizeof(LAYERS_DIR))
		return 0;
	snprintf(path, sizeof(path), LAYERS_DIR "/%.200s", name);
	store_discard(s, path);
	s->swept++;
	return 0;
}

static int sweep_blob(struct image_store *s, const char *name, struct err *e)
{
	char path[STORE_PATH_MAX];

	(void)e;
	if (map_find(&s->blobs, str_from(name)))
		return 0;
	snprintf(path, sizeof(path), BLOBS_DIR "/%.200s", name);
	store_discard(s, path);
	s->swept++;
	return 0;
}

/* What a crash left of file_replace_at. */
static int sweep_partial(struct image_store *s, const char *name, struct err *e)
{
	static const char *const folder[] = {"image", RECORDS_DIR};
	char path[STORE_PATH_MAX];
	struct stat st;

	(void)e;
	if (!strstr(name, ".tmp-"))
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(folder); i++) {
		snprintf(path, sizeof(path), "%s/%.200s", folder[i], name);
		if (fstatat(s->root_fd, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		store_discard(s, path);
		s->swept++;
	}
	return 0;
}

static void forget_unused_layers(struct image_store *s)
{
	struct map_node *n = map_next(&s->layers, NULL);

	while (n) {
		struct layer *l = map_entry(n, struct layer, node);

		n = map_next(&s->layers, n);
		if (l->holds)
			continue;
		map_remove(&s->layers, &l->node);
		mem_free(l);
	}
}

static int sweep(struct image_store *s, struct err *e)
{
	int rc = each_name(s, LAYERS_DIR, sweep_layer, e);

	if (rc >= 0)
		rc = each_name(s, BLOBS_DIR, sweep_blob, e);
	if (rc >= 0)
		rc = each_name(s, "image", sweep_partial, e);
	if (rc >= 0)
		rc = each_name(s, RECORDS_DIR, sweep_partial, e);
	forget_unused_layers(s);
	if (s->swept)
		log_info("image store: swept %zu unfinished or unused files and layers", s->swept);
	return rc;
}

int store_read(struct image_store *s, struct err *e)
{
	int rc = make_folders(s, e);

	s->swept = 0;
	if (rc >= 0)
		rc = each_name(s, TMP_DIR, sweep_tmp, e);
	if (rc >= 0)
		rc = choose_driver(s, e);
	if (rc >= 0)
		rc = each_name(s, LAYERS_DIR, read_layer, e);
	if (rc >= 0)
		rc = each_name(s, RECORDS_DIR, read_image, e);
	if (rc >= 0)
		rc = read_names(s, e);
	if (rc >= 0)
		rc = snapshot_read_all(s, e);
	if (rc >= 0)
		rc = sweep(s, e);
	if (rc >= 0)
		rc = each_name(s, TMP_DIR, sweep_tmp, e);
	return rc < 0 ? rc : 0;
}
