/* SPDX-License-Identifier: Apache-2.0 */
/*
 * After a start of the daemon: read every container.json, find the shims again, take up what ended
 * meanwhile, and sweep what belongs to nobody. The disk says what was; the shims say what is.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "firmware/core/file.h"
#include "firmware/core/log.h"
#include "firmware/core/mem.h"
#include "firmware/sched/child.h"
#include "runtime/container/private.h"

#define RUNTIME_DELETE_MS 10000
#define EXIT_CODE_LOST 137

static void restore_file(struct engine *eng, const char *root, const char *id)
{
	CLEANUP_ARENA struct arena a = {0};
	CLEANUP(container_unrefp) struct container *c = container_new(eng);
	CLEANUP(image_unrefp) struct image *img = NULL;
	char path[CONTAINER_PATH_MAX + CONTAINER_ID_LEN + 32];
	struct str text;
	struct err e = ERR_INIT;

	text_format(path, sizeof(path), "%s/%s/container.json", root, id);
	if (!c || arena_open(&a, POOL_RESERVED) < 0) {
		log_error("container %s: no memory to restore it", id);
		return;
	}
	if (file_read_at(AT_FDCWD, path, CONTAINER_FILE_MAX, &a, &text, &e) < 0 ||
	    container_from_record(c, text, &a, &e) < 0 || container_enter(c, &e) < 0) {
		log_error("container %s cannot be restored: %s", id, e.msg);
		return;
	}
	container_volumes_restore(c);
	if (image_lookup(eng->images, c->image_id.text, &img, &e) < 0) {
		log_warn("container %s: its image is missing: %s", id, e.msg);
		return;
	}
	container_bind_image(c, img);
}

/* A creation or removal that was cut off with volumes made or still there. */
static void finish_removal(struct container *c) FIBER_FN
{
	struct err e = ERR_INIT;

	if (container_delete_all_locked(c, true, &e) < 0) {
		log_error("container %s: finishing its removal: %s", c->id, e.msg);
		container_set_status(c, CONTAINER_DEAD);
		return;
	}
	log_info("container %s was half created or half removed and is gone", c->id);
	container_leave(c);
}

static int restore_files(struct engine *eng, struct err *e)
{
	char root[CONTAINER_PATH_MAX];
	struct dirent *ent;
	DIR *dir;

	text_format(root, sizeof(root), "%s/containers", eng->opt->data_root);
	dir = opendir(root);
	if (!dir)
		return err_sys(e, errno, "opening %s", root);
	while ((ent = readdir(dir)) != NULL)
		if (strlen(ent->d_name) == CONTAINER_ID_LEN && str_is_hex(str_from(ent->d_name)))
			restore_file(eng, root, ent->d_name);
	closedir(dir);
	return 0;
}

static NOINLINE bool runtime_knows(const struct container *c, const char *root)
{
	char state[CONTAINER_PATH_MAX + CONTAINER_ID_LEN + 8];
	struct stat st;

	text_format(state, sizeof(state), "%s/%s", root, c->id);
	return stat(state, &st) == 0;
}

/* Whatever the runtime still knows of a container without a shim is ended. */
static NOINLINE void runtime_forget(struct container *c) FIBER_FN
{
	CLEANUP_ARENA struct arena a = {0};
	char root[CONTAINER_PATH_MAX];
	const char *argv[] = {engine_runtime_path(c->eng, c->host.runtime),
			      "--root",
			      root,
			      "delete",
			      "--force",
			      c->id,
			      NULL};
	struct child_spec spec = {.path = argv[0], .argv = argv};
	struct str output;
	struct err e = ERR_INIT;
	int status;

	text_format(root, sizeof(root), "%s/runtime", c->eng->opt->exec_root);
	if (!argv[0] || !runtime_knows(c, root) || arena_open(&a, POOL_RESERVED) < 0)
		return;
	if (child_run(&spec, clock_in_ms(RUNTIME_DELETE_MS), &a, &status, &output, &e) < 0)
		log_warn("container %s: deleting what the runtime kept: %s", c->id, e.msg);
}

static NOINLINE void adopt_running(struct container *c)
{
	struct err e = ERR_INIT;
	int r = 0;

	c->has_been_started = true;
	c->told_connected = true;
	if (!c->started_ns)
		c->started_ns = clock_wall(); /* its start was never answered */
	container_set_status(c, CONTAINER_RUNNING);
	container_volumes_adopt(c);
	if (c->endpoint)
		r = network_adopt(c->eng->network, c->id, c->endpoint, &e);
	else if (c->netns_path[0] && strncmp(c->netns_path, "/proc/", 6))
		r = netns_adopt(c->eng->network, c->id, &e);
	if (r < 0)
		log_warn("container %s: taking up its network again: %s", c->id, e.msg);
	log_info("container %s (%s) is running, pid %d", c->id, c->name, (int)c->pid);
}

/* Out of line: its frame is not wanted while a shim is awaited. */
static NOINLINE void adopt_ended(struct container *c, bool has_exit, const struct shim_exit *exit)
	FIBER_FN
{
	struct shim_exit report = {.code = EXIT_CODE_LOST, .started_ns = c->started_ns};

	if (has_exit)
		report = *exit;
	if (report.started_ns)
		c->started_ns = report.started_ns;
	c->has_been_started = true;
	runtime_forget(c);
	/* As if the report had come to a running daemon: take down, record, wake, auto-remove. */
	container_set_status(c, CONTAINER_RUNNING);
	container_handle_exit(c, &report);
}

/* c is locked: an end that the shim reports meanwhile is dealt with afterwards. */
static void reconnect(struct container *c) FIBER_FN
{
	char run_dir[CONTAINER_PATH_MAX], state_dir[CONTAINER_PATH_MAX];
	bool was_running = container_is_running(c), starting = c->starting, has_exit = false;
	bool restarting = c->status == CONTAINER_RESTARTING;
	struct shim_exit exit = {0};
	struct stat st;
	struct err e = ERR_INIT;
	int r;

	c->starting = false;
	container_run_path(c, run_dir);
	container_state_path(c, state_dir);
	c->status = was_running ? CONTAINER_EXITED : c->status;
	if (c->image && was_running)
		c->image->running--;
	r = shim_reconnect(run_dir, state_dir, &c->events, &c->shim, &c->pid, &has_exit, &exit, &e);
	if (r == 0) {
		adopt_running(c);
		container_restore_paused(c);
		if (!was_running && container_persist(c, PERSIST_QUICK, &e) < 0)
			log_error("%s", e.msg);
		return;
	}
	/*
	 * No shim: the container ended unseen, or its start was cut off. A start whose bundle is
	 * gone too was cut off by the machine's end, and may have been answered.
	 */
	if ((was_running && !restarting) || (starting && has_exit) ||
	    (starting && stat(run_dir, &st) < 0)) {
		adopt_ended(c, has_exit, &exit);
	} else {
		if (stat(run_dir, &st) == 0) {
			runtime_forget(c);
			container_teardown(c);
		}
		if (restarting)
			container_set_status(c, CONTAINER_RESTARTING);
	}
	mem_free(TAKE_PTR(c->endpoint));
	c->netns_path[0] = 0;
}

static bool has_process(const struct container *c)
{
	return container_is_running(c) && c->status != CONTAINER_RESTARTING;
}

static int keep_snapshot(void *arg, const char *id)
{
	struct engine *eng = arg;
	char owner[CONTAINER_ID_LEN + 1];
	struct map_node *n;

	if (container_image_snapshot_owner(id, owner))
		id = owner;
	n = map_find(&eng->containers_by_id, str_from(id));
	if (!n)
		return SNAPSHOT_DELETE;
	return has_process(map_entry(n, struct container, id_node)) ? SNAPSHOT_KEEP
								    : SNAPSHOT_UNMOUNT;
}

struct bundle_sweep {
	struct job job;
	char root[CONTAINER_PATH_MAX];
	char ids[64][CONTAINER_ID_LEN + 1]; /* found in one pass */
	size_t n;
};

static int list_bundles(struct job *job)
{
	struct bundle_sweep *s = container_of(job, struct bundle_sweep, job);
	DIR *dir = opendir(s->root);
	struct dirent *ent;

	s->n = 0;
	if (!dir)
		return 0;
	while (s->n < ARRAY_LEN(s->ids) && (ent = readdir(dir)) != NULL)
		if (ent->d_name[0] != '.')
			str_copy(s->ids[s->n++], sizeof(s->ids[0]), str_from(ent->d_name));
	closedir(dir);
	return 0;
}

/* Bundles whose container is gone or does not run. */
static void sweep_bundles(struct engine *eng) FIBER_FN
{
	CLEANUP_ARENA struct arena a = {0};
	struct bundle_sweep *s;

	if (arena_open(&a, POOL_RESERVED) < 0)
		return;
	s = arena_alloc(&a, sizeof(*s));
	if (!s)
		return;
	text_format(s->root, sizeof(s->root), "%s/containers", eng->opt->exec_root);
	if (job_run(&s->job, list_bundles, JOB_SHORT) < 0)
		return;
	for (size_t i = 0; i < s->n; i++) {
		struct map_node *n = map_find(&eng->containers_by_id, str_from(s->ids[i]));
		char path[CONTAINER_PATH_MAX + CONTAINER_ID_LEN + 4];
		struct err e = ERR_INIT;

		if (n && has_process(map_entry(n, struct container, id_node)))
			continue;
		text_format(path, sizeof(path), "%s/%s", s->root, s->ids[i]);
		container_unstage_volumes(path);
		if (tree_remove_at(AT_FDCWD, path, &e) < 0)
			log_warn("sweeping %s: %s", path, e.msg);
	}
}

/* Over references: while one is waited for, another may end and be removed. */
static int reconnect_all(struct engine *eng, struct err *e) FIBER_FN
{
	CLEANUP_ARENA struct arena a = {0};
	struct container **all;
	size_t n = 0;

	if (arena_open(&a, POOL_RESERVED) < 0 || container_list(eng, &a, &all, &n) < 0)
		return err_set(e, ERR_UNAVAILABLE, "no memory to restore the containers");
	for (size_t i = 0; i < n; i++) {
		if (fiber_lock_take(&all[i]->lock, DEADLINE_NEVER) == 0) {
			if (all[i]->unfinished)
				finish_removal(all[i]);
			else if (!all[i]->removed)
				reconnect(all[i]);
			fiber_lock_release(&all[i]->lock);
		}
		container_unref(all[i]);
	}
	return 0;
}

int containers_restore(struct engine *eng, struct err *e)
{
	int swept = container_sweep_dirs(eng);
	int r = restore_files(eng, e);

	if (r == 0)
		r = reconnect_all(eng, e);
	if (r < 0)
		return r;
	sweep_bundles(eng);
	swept += volume_store_sweep(eng->volumes);
	r = snapshot_sweep(eng->images, keep_snapshot, eng, e);
	if (r < 0)
		return r;
	swept += r;
	r = network_sweep(eng->network, e);
	if (r < 0) {
		log_warn("sweeping networks: %s", e->msg);
		err_clear(e);
		r = 0;
	}
	if (swept + r > 0)
		log_info("swept %d remains of an earlier daemon", swept + r);
	restart_revive(eng);
	return 0;
}
