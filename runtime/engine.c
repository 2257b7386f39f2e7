/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening and closing the engine. The order matters: directories and the lock, images (containers
 * refer to them), the network, volumes, then containers, whose restore sweeps all of them.
 */
#include "runtime/engine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "firmware/core/file.h"
#include "firmware/core/log.h"
#include "runtime/container/private.h"
#include "runtime/event/event.h"
#include "runtime/log/log_reader.h"

static int make_dirs(const struct engine_options *opt, struct err *e)
{
	static const char *const data[] = {"", "/containers", "/tmp"}, *const run[] = {
									       "", "/containers",
									       "/netns"};
	char path[CONTAINER_PATH_MAX];

	if (strlen(opt->data_root) > ENGINE_ROOT_MAX || strlen(opt->exec_root) > ENGINE_ROOT_MAX)
		return err_set(e, ERR_INVALID,
			       "the data root and the exec root may have at most %d bytes",
			       ENGINE_ROOT_MAX);
	for (size_t i = 0; i < ARRAY_LEN(data); i++) {
		text_format(path, sizeof(path), "%s%s", opt->data_root, data[i]);
		if (dir_make_all(path, 0710, e) < 0)
			return err_wrap(e, "data root");
	}
	for (size_t i = 0; i < ARRAY_LEN(run); i++) {
		text_format(path, sizeof(path), "%s%s", opt->exec_root, run[i]);
		if (dir_make_all(path, 0711, e) < 0)
			return err_wrap(e, "exec root");
	}
	return 0;
}

/* Two daemons on one data root would destroy it; the lock goes with the process. */
static int lock_root(struct engine *eng, struct err *e)
{
	char path[CONTAINER_PATH_MAX];
	CLEANUP_FD int fd = -1;

	text_format(path, sizeof(path), "%s/lock", eng->opt->data_root);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(e, errno, "opening %s", path);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK
			       ? err_set(e, ERR_CONFLICT, "another daemon uses the data root %s",
					 eng->opt->data_root)
			       : err_sys(e, errno, "locking %s", path);
	eng->lock_fd = TAKE_FD(fd);
	return 0;
}

static int load_id(struct engine *eng, struct err *e)
{
	CLEANUP_ARENA struct arena a = {0};
	char path[CONTAINER_PATH_MAX];
	struct str text;
	uint8_t r[16];

	text_format(path, sizeof(path), "%s/engine-id", eng->opt->data_root);
	if (arena_open(&a, POOL_NORMAL) < 0)
		return err_set(e, ERR_UNAVAILABLE, "no memory");
	if (file_read_at(AT_FDCWD, path, 4096, &a, &text, e) == 0 && str_trim(text).n >= 36) {
		str_copy(eng->id, 37, str_span(text.p, 36));
		return 0;
	}
	err_clear(e);
	random_bytes(r, sizeof(r));
	r[6] = (uint8_t)((r[6] & 0x0f) | 0x40);
	r[8] = (uint8_t)((r[8] & 0x3f) | 0x80);
	text_format(eng->id, sizeof(eng->id),
		    "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", r[0],
		    r[1], r[2], r[3], r[4], r[5], r[6], r[7], r[8], r[9], r[10], r[11], r[12],
		    r[13], r[14], r[15]);
	return file_replace_at(AT_FDCWD, path, str_from(eng->id), 0600, false, e);
}

/* For the image store's conflict messages. */
static bool find_user(void *arg, const struct image *img, bool running, char id_out[65])
{
	struct engine *eng = arg;
	const struct container *c;

	list_for_each (c, &eng->containers, link) {
		if ((c->image != img && !container_mounts_image(c, img)) ||
		    (running && !container_is_running(c)))
			continue;
		str_copy(id_out, 65, str_from(c->id));
		return true;
	}
	return false;
}

static void on_image_event(void *arg, const char *action, const char *id, const char *name,
			   const struct text_map *labels)
{
	struct engine *eng = arg;
	struct text_pair own = {"name", name};
	struct event_source src = {.type = EVENT_IMAGE,
				   .action = action,
				   .id = id,
				   .own = &own,
				   .n_own = 1,
				   .labels = labels};

	event_publish(eng->events, &src);
}

int engine_open(struct engine *eng, const struct engine_options *opt, struct err *e)
{
	*eng = (struct engine){.opt = opt, .lock_fd = -1, .started_ns = clock_wall()};
	map_init(&eng->containers_by_id);
	map_init(&eng->containers_by_name);
	map_init(&eng->execs);
	list_init(&eng->containers);
	list_init(&eng->restarts_due);
	waitq_init(&eng->launch_turn);
	oci_version_init(&eng->oci_version);
	eng->cgroup_v2 = cgroup_is_v2();
	cgroup_support_find(eng->cgroup_v2, &eng->limits);
	eng->ro_recursive = syscall(SYS_mount_setattr, -1, NULL, 0, NULL, 0) < 0 && errno != ENOSYS;
	if (make_dirs(opt, e) < 0 || lock_root(eng, e) < 0 || load_id(eng, e) < 0 ||
	    event_bus_open(&eng->events, e) < 0 || log_reader_init(e) < 0 ||
	    image_store_open(&eng->images, opt, e) < 0 || network_open(&eng->network, opt, e) < 0 ||
	    volume_store_open(&eng->volumes, opt->data_root, eng->events, e) < 0)
		return err_code(e);
	image_store_set_user_lookup(eng->images, find_user, eng);
	image_store_set_event_hook(eng->images, on_image_event, eng);
	return containers_restore(eng, e);
}

static bool any_running(const struct engine *eng)
{
	const struct container *c;

	list_for_each (c, &eng->containers, link)
		if (container_is_running(c))
			return true;
	return false;
}

void engine_close(struct engine *eng)
{
	restart_drain(eng);
	if (eng->network)
		network_close(eng->network, !any_running(eng));
	while (!list_empty(&eng->containers)) {
		struct container *c = container_from_link(eng->containers.next);

		container_forget_execs(c, true);
		container_leave(c);
	}
	volume_store_close(TAKE_PTR(eng->volumes));
	if (eng->images)
		image_store_close(eng->images);
	map_done(&eng->containers_by_id);
	map_done(&eng->containers_by_name);
	map_done(&eng->execs);
	event_bus_close(TAKE_PTR(eng->events));
	fd_closep(&eng->lock_fd);
}

int engine_prune_begin(bool *running, struct err *e)
{
	if (*running)
		return err_set(e, ERR_CONFLICT, "a prune operation is already running");
	*running = true;
	return 0;
}

const char *engine_runtime_path(const struct engine *eng, const char *name)
{
	if (!name || !*name)
		name = eng->opt->default_runtime;
	for (size_t i = 0; i < eng->opt->n_runtimes; i++)
		if (!strcmp(eng->opt->runtimes[i].name, name))
			return eng->opt->runtimes[i].path;
	return NULL;
}
