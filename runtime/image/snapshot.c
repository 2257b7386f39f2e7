/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Roots of containers. A snapshot names its layers in its own file and holds them, so that it lives
 * on when its image is removed. It is made in tmp/ and renamed into place; it goes the other way
 * round.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "firmware/core/file.h"
#include "firmware/core/mem.h"
#include "runtime/image/rootfs.h"
#include "runtime/image/snapshot.h"

struct snapshot_job {
	struct job job;
	struct rootfs rootfs;
	bool vfs;
	const char *id;
	char dir[STORE_PATH_MAX];
	char tmp[STORE_PATH_MAX], init_tmp[STORE_PATH_MAX];
	struct digest chains[];
};

struct snapshot *snapshot_find(struct image_store *s, const char *id)
{
	struct map_node *n = map_find(&s->snapshots, str_from(id));

	return n ? map_entry(n, struct snapshot, node) : NULL;
}

bool snapshot_id_valid(const char *id)
{
	size_t n = strspn(id, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_.-");

	return n && !id[n] && n <= SNAPSHOT_ID_MAX && id[0] != '.';
}

void snapshot_path(const char *id, const char *suffix, char out[STORE_PATH_MAX])
{
	snprintf(out, STORE_PATH_MAX, SNAPSHOTS_DIR "/%.*s%s", SNAPSHOT_ID_MAX, id, suffix);
}

int snapshot_add(struct image_store *s, const char *id, const struct digest *chains, size_t n,
		 struct snapshot **ret, struct err *e)
{
	size_t len = strlen(id);
	struct snapshot *snap = mem_alloc(sizeof(*snap) + len + 1);

	if (!snap)
		return err_sys(e, ENOMEM, "keep snapshot %s", id);
	memcpy(snap->id, id, len + 1);
	snap->layers = mem_alloc_array(n + 1, sizeof(struct layer *));
	if (!snap->layers || map_insert(&s->snapshots, &snap->node, str_span(snap->id, len)) < 0) {
		mem_free(snap->layers);
		mem_free(snap);
		return err_sys(e, ENOMEM, "keep snapshot %s", id);
	}
	for (size_t i = 0; i < n; i++) {
		struct layer *l = layer_find(s, &chains[i]);

		if (!l || l->making) {
			for (size_t k = 0; k < i; k++)
				layer_release(s, snap->layers[k]);
			map_remove(&s->snapshots, &snap->node);
			mem_free(snap->layers);
			mem_free(snap);
			return err_set(e, ERR_NOT_FOUND, "layer %s is missing", chains[i].text);
		}
		layer_hold(l);
		snap->layers[snap->n_layers++] = l;
	}
	if (ret)
		*ret = snap;
	return 0;
}

static void snapshot_drop(struct image_store *s, struct snapshot *snap)
{
	map_remove(&s->snapshots, &snap->node);
	for (size_t i = 0; i < snap->n_layers; i++)
		layer_release(s, snap->layers[i]);
	mem_free(snap->layers);
	mem_free(snap);
}

void snapshots_done(struct image_store *s)
{
	struct map_node *n;

	while ((n = map_next(&s->snapshots, NULL))) {
		struct snapshot *snap = map_entry(n, struct snapshot, node);

		/* The files stay: this is the end of the process, not of the snapshot. */
		map_remove(&s->snapshots, n);
		mem_free(snap->layers);
		mem_free(snap);
	}
	map_done(&s->snapshots);
}

static struct snapshot_job *job_new(struct image_store *s, const char *id,
				    const struct snapshot *snap, struct err *e)
{
	size_t n = snap ? snap->n_layers : 0;
	struct snapshot_job *j = mem_alloc(sizeof(*j) + n * sizeof(struct digest));

	if (!j) {
		err_sys(e, ENOMEM, "snapshot %s", id);
		return NULL;
	}
	for (size_t i = 0; i < n; i++)
		j->chains[i] = snap->layers[i]->chain;
	j->rootfs = (struct rootfs){&j->job, s->root_fd, s->root, j->chains, n};
	j->vfs = s->vfs;
	j->id = id;
	snapshot_path(id, "", j->dir);
	return j;
}

static int job_do(struct snapshot_job *j, int (*run)(struct job *job), enum job_class cls,
		  struct err *e) FIBER_FN
{
	int rc = job_run(&j->job, run, cls);

	if (rc == -EAGAIN && !j->job.err.msg[0])
		err_set(&j->job.err, ERR_UNAVAILABLE, "too many operations at once");
	if (rc < 0 && e)
		*e = j->job.err;
	return rc;
}

/* --- create --- */

static int write_snapshot_file(const struct snapshot_job *j, struct err *e)
{
	char path[STORE_PATH_MAX + 16];
	struct json_writer w;
	struct buf b CLEANUP_BUF;
	int rc;

	buf_init_heap(&b, SNAPSHOT_FILE_MAX);
	json_begin(&w, &b);
	w.pretty = true;
	json_object_open(&w);
	json_kv_text(&w, "id", j->id);
	json_key(&w, "layers");
	json_array_open(&w);
	for (size_t i = 0; i < j->rootfs.n_chains; i++)
		json_put_text(&w, j->chains[i].text);
	json_array_close(&w);
	json_object_close(&w);
	buf_putc(&b, '\n');
	if (b.failed)
		return err_sys(e, ENOMEM, "describe snapshot %s", j->id);
	snprintf(path, sizeof(path), "%s/snapshot.json", j->tmp);
	rc = file_replace_at(j->rootfs.root_fd, path, buf_str(&b), 0600, true, e);
	return rc;
}

static int make_directory(int root_fd, const char *base, const char *name, mode_t mode,
			  struct err *e)
{
	char path[STORE_PATH_MAX + 16];

	snprintf(path, sizeof(path), "%s/%s", base, name);
	if (mkdirat(root_fd, path, mode) < 0)
		return err_sys(e, errno, "make %s", path);
	return 0;
}

static int fill_upper(const struct snapshot_job *j, struct err *e)
{
	char init[STORE_PATH_MAX], diff[STORE_PATH_MAX + 16];
	CLEANUP_FD int from = -1, to = -1;

	init_layer_path(j->chains, j->rootfs.n_chains, "/diff", init);
	snprintf(diff, sizeof(diff), "%s/diff", j->tmp);
	from = openat(j->rootfs.root_fd, init, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	to = openat(j->rootfs.root_fd, diff, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (from < 0 || to < 0)
		return err_sys(e, errno, "open %s", from < 0 ? init : diff);
	return copy_metadata(from, to, e);
}

static int fill_copy(const struct snapshot_job *j, struct err *e)
{
	char merged[STORE_PATH_MAX + 16];
	CLEANUP_FD int fd = -1;
	int rc;

	if (!CONFIG(VFS))
		return err_set(e, ERR_NOT_IMPLEMENTED,
			       "the vfs storage driver is not built in (CONFIG_VFS)");
	snprintf(merged, sizeof(merged), "%s/merged", j->tmp);
	rc = rootfs_copy(&j->rootfs, merged, e);
	if (rc < 0)
		return rc;
	fd = openat(j->rootfs.root_fd, merged, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? err_sys(e, errno, "open %s", merged) : init_layer_fill(fd, e);
}

static int create_steps(struct snapshot_job *j, struct err *e)
{
	int root_fd = j->rootfs.root_fd;
	int rc = j->vfs ? 0 : init_layer_ensure(&j->rootfs, j->init_tmp, e);

	if (rc < 0)
		return rc;
	if (mkdirat(root_fd, j->tmp, 0710) < 0)
		return err_sys(e, errno, "make %s", j->tmp);
	rc = make_directory(root_fd, j->tmp, "merged", 0755, e);
	if (rc == 0 && !j->vfs)
		rc = make_directory(root_fd, j->tmp, "diff", 0755, e);
	if (rc == 0 && !j->vfs)
		rc = make_directory(root_fd, j->tmp, "work", 0700, e);
	if (rc == 0)
		rc = j->vfs ? fill_copy(j, e) : fill_upper(j, e);
	if (rc == 0)
		rc = write_snapshot_file(j, e);
	if (rc == 0 && renameat(root_fd, j->tmp, root_fd, j->dir) < 0)
		rc = err_sys(e, errno, "rename %s to %s", j->tmp, j->dir);
	if (rc == 0)
		rc = dir_sync_at(root_fd, SNAPSHOTS_DIR, e);
	return rc;
}

static int create_run(struct job *job)
{
	struct snapshot_job *j = container_of(job, struct snapshot_job, job);
	int rc = create_steps(j, &job->err);

	if (rc < 0)
		(void)!tree_remove_at(j->rootfs.root_fd, j->tmp, NULL);
	return rc;
}

int snapshot_create(struct image_store *s, const char *id, struct image *img, struct err *e)
	FIBER_FN
{
	CLEANUP_MEM struct snapshot_job *j = NULL;
	struct snapshot *snap;
	int rc;

	if (!snapshot_id_valid(id))
		return err_set(e, ERR_INVALID, "invalid snapshot id: %s", id);
	if (snapshot_find(s, id))
		return err_set(e, ERR_CONFLICT, "snapshot %s exists already", id);
	rc = snapshot_add(s, id, img->chain_ids, img->n_layers, &snap, e);
	if (rc < 0)
		return rc;
	j = job_new(s, id, snap, e);
	if (j) {
		store_tmp_path(s, "snapshot", j->tmp);
		store_tmp_path(s, "init", j->init_tmp);
		rc = job_do(j, create_run, JOB_SHORT, e);
	} else {
		rc = -ENOMEM;
	}
	if (rc < 0)
		snapshot_drop(s, snap);
	return rc;
}

/* --- mount and unmount --- */

static int mount_run(struct job *job)
{
	struct snapshot_job *j = container_of(job, struct snapshot_job, job);
	char upper[STORE_PATH_MAX], work[STORE_PATH_MAX], merged[STORE_PATH_MAX];
	int rc;

	snapshot_path(j->id, "/merged", merged);
	if (rootfs_mounted(j->rootfs.root_fd, merged))
		return 0;
	/* Swept with a layer that was nobody's at that time. */
	rc = init_layer_ensure(&j->rootfs, j->init_tmp, &job->err);
	if (rc < 0)
		return rc;
	snapshot_path(j->id, "/diff", upper);
	snapshot_path(j->id, "/work", work);
	return rootfs_mount(&j->rootfs, true, upper, work, merged, &job->err);
}

int snapshot_mount(struct image_store *s, const char *id, struct image *img, char *path,
		   size_t path_size, struct err *e) FIBER_FN
{
	struct snapshot *snap = snapshot_find(s, id);
	CLEANUP_MEM struct snapshot_job *j = NULL;
	int rc = 0;

	(void)img;
	if (!snap)
		return err_set(e, ERR_NOT_FOUND, "snapshot %s does not exist", id);
	if ((size_t)snprintf(path, path_size, "%s/" SNAPSHOTS_DIR "/%s/merged", s->root, id) >=
	    path_size)
		return err_set(e, ERR_TOO_LARGE, "the path of the data root is too long");
	if (s->vfs)
		return 0;
	j = job_new(s, id, snap, e);
	if (!j)
		return -ENOMEM;
	store_tmp_path(s, "init", j->init_tmp);
	rc = job_do(j, mount_run, JOB_SHORT, e);
	return rc;
}

static int unmount_run(struct job *job)
{
	struct snapshot_job *j = container_of(job, struct snapshot_job, job);
	char merged[STORE_PATH_MAX];

	snapshot_path(j->id, "/merged", merged);
	return rootfs_unmount(j->rootfs.root_fd, j->rootfs.root, merged, &job->err);
}

int snapshot_unmount(struct image_store *s, const char *id, struct err *e) FIBER_FN
{
	CLEANUP_MEM struct snapshot_job *j = NULL;

	if (s->vfs || !snapshot_id_valid(id) || !snapshot_find(s, id))
		return 0;
	j = job_new(s, id, NULL, e);
	return j ? job_do(j, unmount_run, JOB_SHORT_MUST, e) : -ENOMEM;
}

/* --- remove --- */

static int remove_run(struct job *job)
{
	struct snapshot_job *j = container_of(job, struct snapshot_job, job);
	int root_fd = j->rootfs.root_fd, rc;

	rc = j->vfs ? 0 : unmount_run(job);
	if (rc < 0)
		return rc;
	if (renameat(root_fd, j->dir, root_fd, j->tmp) < 0 && errno != ENOENT)
		return err_sys(&job->err, errno, "rename %s to %s", j->dir, j->tmp);
	rc = dir_sync_at(root_fd, SNAPSHOTS_DIR, &job->err);
	return rc < 0 ? rc : tree_remove_at(root_fd, j->tmp, &job->err);
}

int snapshot_remove(struct image_store *s, const char *id, struct err *e) FIBER_FN
{
	CLEANUP_MEM struct snapshot_job *j = NULL;
	struct snapshot *snap;
	int rc;

	if (!snapshot_id_valid(id))
		return err_set(e, ERR_INVALID, "invalid snapshot id: %s", id);
	j = job_new(s, id, NULL, e);
	if (!j)
		return -ENOMEM;
	store_tmp_path(s, "trash", j->tmp);
	/* Once begun it goes on, also when the one who asked is gone. */
	fiber_shield();
	rc = job_do(j, remove_run, JOB_SHORT_MUST, e);
	fiber_unshield();
	if (rc < 0)
		return rc;
	snap = snapshot_find(s, id);
	if (snap) {
		snapshot_drop(s, snap);
		store_reap(s);
	}
	return 0;
}
