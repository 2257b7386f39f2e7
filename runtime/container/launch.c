/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a created container to a running one. The steps, each undone when a later one fails:
 *
 *   1. root      snapshot_mount, volumes that have something to mount
 *   2. prepare   job: bundle directory, bind sources, working directory, the user's ids
 *   3. network   namespace, bridge, published ports; hosts, hostname and resolv.conf
 *   4. bundle    config.json
 *   5. shim      which runs the OCI runtime and takes the waiting attach clients
 *
 * All that only a launch needs lives in one struct in a request arena (launch.h); the larger steps
 * have files of their own, launch_<step>.c.
 */
#include "runtime/container/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "firmware/core/file.h"
#include "firmware/core/log.h"
#include "firmware/core/mem.h"
#include "runtime/cgroup/cgroup.h"
#include "runtime/container/log_setup.h"
#include "runtime/model/console_size.h"

static int start_shim(struct launch *l, struct err *e) FIBER_FN
{
	struct container *c = l->c;
	struct str plan;
	size_t n_hold = 0, n_streams;
	int r;

	r = log_setup_plan(c, l->a, &plan, e);
	if (r < 0)
		return r;
	text_format(l->runtime_root, sizeof(l->runtime_root), "%s/runtime", c->eng->opt->exec_root);
	for (size_t i = 0; c->endpoint && i < c->endpoint->n_ports; i++)
		if (c->endpoint->ports[i].fd >= 0)
			l->hold_fds[n_hold++] = c->endpoint->ports[i].fd;
	l->shim = (struct shim_launch){
		.id = c->id,
		.run_dir = l->run_dir,
		.state_dir = l->state_dir,
		.runtime_path = engine_runtime_path(c->eng, c->host.runtime),
		.runtime_root = l->runtime_root,
		.self_path = c->eng->opt->self_path,
		.tty = c->config.tty,
		.open_stdin = c->config.open_stdin,
		.stdin_once = c->config.stdin_once,
		.log_driver = c->host.log_config.type,
		.log_plan = plan,
		.hold_fds = l->hold_fds,
		.n_hold_fds = n_hold,
		.events = &c->events,
	};
	if (!l->shim.runtime_path)
		return err_set(e, ERR_INVALID, "unknown or invalid runtime name: %s",
			       c->host.runtime);
	(void)console_size_parse(c->host.console_size_raw, &l->shim.height, &l->shim.width);
	n_streams = container_count_attaching(c);
	l->streams = arena_alloc_array(l->a, n_streams, sizeof(*l->streams));
	if (!l->streams)
		return err_set(e, ERR_UNAVAILABLE, "no memory to start a container");
	l->shim.streams = l->streams;
	l->shim.n_streams = container_take_attaching(c, l->streams, n_streams);
	r = shim_start(&l->shim, &c->shim, &c->pid, &c->started_ns, e);
	container_wake_attaching(c);
	for (size_t i = 0; c->endpoint && i < c->endpoint->n_ports; i++)
		fd_closep(&c->endpoint->ports[i].fd), c->endpoint->ports[i].fd = -1;
	return r;
}

static int launch_steps(struct launch *l, struct err *e) FIBER_FN
{
	struct container *c = l->c;
	struct err ignored = ERR_INIT;
	int r;

	container_state_path(c, l->state_dir);
	container_run_path(c, l->run_dir);
	if (!c->image)
		return err_set(e, ERR_NOT_FOUND, "No such image: %s", c->image_id.text);
	r = snapshot_mount(c->eng->images, c->id, c->image, l->rootfs, sizeof(l->rootfs), e);
	if (r < 0)
		return r;
	if (launch_namespaces(l, e) < 0 || launch_device_requests(l, e) < 0)
		return err_code(e);
	r = container_volumes_up(c, e);
	if (r < 0)
		return r;
	r = job_run(&l->job, launch_prepare, JOB_SHORT);
	if (r < 0) {
		if (e)
			*e = l->job.err;
		return l->job.err.kind ? r
				       : err_set(e, ERR_UNAVAILABLE,
						 "too many operations at once; try again");
	}
	if (launch_network(l, e) < 0)
		return err_code(e);
	container_network_event(c, true);
	if (launch_bundle(l, e) < 0)
		return err_code(e);
	/* On disk while the runtime works: a daemon that dies now finds the container and its
	 * network again, and after a power cut it is known to have been started. */
	r = container_persist(c, PERSIST_QUICK, e);
	if (r == 0)
		r = container_persist_begin(c, &l->persist, e);
	if (r < 0)
		return r;
	r = start_shim(l, e);
	if (container_persist_end(&l->persist, r < 0 ? NULL : &ignored) < 0 && r == 0)
		log_error("container %s: %s", c->id, ignored.msg);
	return r;
}

/* More at a time would only wait for the same processors, each with its memory in hand. */
static int await_turn(struct engine *eng, struct err *e) FIBER_FN
{
	while (eng->launches >= CONFIG_LAUNCHES_MAX && !eng->stopping) {
		int r = waitq_wait(&eng->launch_turn, DEADLINE_NEVER);

		if (r < 0)
			return err_sys(e, r, "waiting for other containers to start");
	}
	if (eng->stopping) {
		waitq_wake_all(&eng->launch_turn);
		return err_set(e, ERR_UNAVAILABLE, "the daemon is shutting down");
	}
	eng->launches++;
	return 0;
}

static int launch(struct container *c, struct err *e) FIBER_FN
{
	CLEANUP_ARENA struct arena a = {0};
	struct launch *l;
	int r = arena_open(&a, POOL_NORMAL);

	if (r < 0)
		return err_set(e, ERR_UNAVAILABLE, "too many operations at once; try again");
	l = arena_alloc(&a, sizeof(*l));
	if (!l)
		return err_set(e, ERR_UNAVAILABLE, "no memory to start a container");
	l->c = c;
	l->a = &a;
	r = launch_steps(l, e);
	if (r < 0)
		container_teardown(c);
	return r;
}

int container_launch(struct container *c, struct err *e)
{
	struct engine *eng = c->eng;
	int r = await_turn(eng, e);

	if (r < 0)
		return r;
	r = launch(c, e);
	eng->launches--;
	waitq_wake_one(&eng->launch_turn);
	return r;
}

struct clear_job {
	struct job job;
	char path[CONTAINER_PATH_MAX];
	struct cgroup group;
	bool has_group;
};

static int clear_run(struct job *job)
{
	struct clear_job *j = container_of(job, struct clear_job, job);

	container_unstage_volumes(j->path);
	if (j->has_group)
		cgroup_remove(&j->group);
	return tree_remove_at(AT_FDCWD, j->path, &job->err);
}

static NOINLINE void clear_bundle(struct container *c) FIBER_FN
{
	struct clear_job clear = {0};

	container_run_path(c, clear.path);
	/* A runtime that ran to its end, or failed by itself, has removed the group. */
	clear.has_group = !c->pid && container_cgroup(c, &clear.group);
	if (job_run(&clear.job, clear_run, JOB_SHORT_MUST) < 0)
		log_warn("container %s: removing its bundle: %s", c->id, clear.job.err.msg);
}

void container_teardown(struct container *c)
{
	struct engine *eng = c->eng;
	struct err e = ERR_INIT;

	if (c->endpoint) {
		if (network_disconnect(eng->network, c->id, c->endpoint, &e) < 0)
			log_warn("container %s: taking down its network: %s", c->id, e.msg);
		mem_free(TAKE_PTR(c->endpoint));
	} else if (c->netns_path[0] && strncmp(c->netns_path, "/proc/", 6)) {
		if (netns_remove(eng->network, c->id, &e) < 0)
			log_warn("container %s: removing its network namespace: %s", c->id, e.msg);
	}
	c->netns_path[0] = 0;
	container_network_event(c, false);
	if (snapshot_unmount(eng->images, c->id, &e) < 0)
		log_warn("container %s: unmounting its root: %s", c->id, e.msg);
	clear_bundle(c);
	container_volumes_down(c);
}
