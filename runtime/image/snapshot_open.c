/* SPDX-License-Identifier: Apache-2.0 */
/* Snapshots when the daemon starts: read from disk, and those swept that nobody owns. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>

#include "firmware/core/file.h"
#include "firmware/core/log.h"
#include "runtime/image/snapshot.h"

static int read_snapshot(struct image_store *s, const char *id, struct err *e)
{
	CLEANUP_ARENA struct arena a = {0};
	struct digest *chains;
	struct json_node layers, one;
	struct json_iter it = {0};
	char path[STORE_PATH_MAX];
	struct str text, key;
	size_t n = 0;
	int rc;

	arena_open_heap(&a, 1u << 20);
	snapshot_path(id, "/snapshot.json", path);
	rc = file_read_at(s->root_fd, path, SNAPSHOT_FILE_MAX, &a, &text, e);
	if (rc == 0)
		rc = json_parse(text, &a, &one, e);
	if (rc < 0)
		return rc;
	layers = json_get(one, "layers");
	chains = arena_alloc_array(&a, json_count(layers) + 1, sizeof(*chains));
	if (!chains)
		return err_sys(e, ENOMEM, "read snapshot %s", id);
	while (json_next(layers, &it, &a, &key, &one)) {
		if (json_string(one, &a, &text) < 0)
			return err_set(e, ERR_INVALID, "snapshot.json is damaged");
		rc = digest_parse(text, &chains[n++], e);
		if (rc < 0)
			return rc;
	}
	return snapshot_add(s, id, chains, n, NULL, e);
}

int snapshot_read_all(struct image_store *s, struct err *e)
{
	int fd = openat(s->root_fd, SNAPSHOTS_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!dir) {
		if (fd >= 0)
			close(fd);
		return err_sys(e, errno, "open %s", SNAPSHOTS_DIR);
	}
	while ((entry = readdir(dir))) {
		const char *id = entry->d_name;

		if (!snapshot_id_valid(id))
			continue;
		/* Left on disk: what a container wrote is not thrown away for a damaged file beside
		 * it. */
		if (read_snapshot(s, id, e) < 0) {
			log_warn("snapshot %s: %s", id, e->msg);
			err_clear(e);
		}
	}
	closedir(dir);
	return 0;
}

int snapshot_sweep(struct image_store *s, int (*keep)(void *arg, const char *id), void *arg,
		   struct err *e) FIBER_FN
{
	CLEANUP_ARENA struct arena a = {0};
	size_t n = 0, removed = 0, max = s->snapshots.count;
	const char **ids;
	struct map_node *node;
	int rc = 0;

	arena_open_heap(&a, 64u << 20);
	ids = arena_alloc_array(&a, max + 1, sizeof(*ids));
	for (node = map_next(&s->snapshots, NULL); ids && node;
	     node = map_next(&s->snapshots, node)) {
		ids[n] = arena_strdup(&a, map_entry(node, struct snapshot, node)->id);
		if (!ids[n++])
			ids = NULL;
	}
	if (!ids)
		return err_sys(e, ENOMEM, "sweep snapshots");
	for (size_t i = 0; rc == 0 && i < n; i++) {
		int kept = keep(arg, ids[i]);

		if (kept <= 0) {
			rc = snapshot_remove(s, ids[i], e);
			removed++;
		} else if (kept == 1) {
			rc = snapshot_unmount(s, ids[i], e);
		}
	}
	if (removed)
		log_info("swept %zu snapshots without a container", removed);
	return rc;
}
