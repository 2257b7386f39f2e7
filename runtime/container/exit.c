/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happens when a container ends. The shim reports on its reader fiber, which must not wait; so
 * the report is kept in the container and a fiber of its own does the rest under the container's
 * lock. exit.json is durable before the report comes, so a crash anywhere here is made good at the
 * next start.
 */
#include <errno.h>
#include <stdio.h>

#include "firmware/core/log.h"
#include "firmware/core/mem.h"
#include "firmware/sched/child.h"
#include "runtime/container/log_setup.h"
#include "runtime/container/private.h"
#include "runtime/log/log_reader.h"

#define EXIT_RETRY_MS 50
#define RUNTIME_DELETE_MS 10000
#define EXIT_CODE_LOST 137

static void wake_log_followers(struct container *c)
{
	char path[CONTAINER_PATH_MAX + CONTAINER_ID_LEN + 64];
	bool local;

	if (log_setup_path(c, path, sizeof(path), &local))
		log_reader_wake(path);
}

void container_auto_remove(struct container *c)
{
	struct err e = ERR_INIT;

	c->status = CONTAINER_REMOVING;
	wake_log_followers(c);
	if (container_delete_all_locked(c, true, &e) == 0) {
		container_forget_execs(c, true);
		container_wake_attaching(c);
		container_event(c, "destroy");
		container_leave(c);
		return;
	}
	log_error("container %s: removing it after its end: %s", c->id, e.msg);
	container_set_status(c, CONTAINER_DEAD);
	if (container_persist(c, PERSIST_QUICK, &e) < 0)
		log_error("%s", e.msg);
}

int container_handle_exit(struct container *c, const struct shim_exit *exit)
{
	struct err e = ERR_INIT;

	bool again;

	if (!container_is_running(c))
		return 0;
	if (c->shim)
		shim_free(TAKE_PTR(c->shim));
	health_follow(c);
	container_forget_execs(c, false);
	container_teardown(c);
	c->pid = 0;
	c->exit_code = exit->code;
	c->oom_killed = exit->oom_killed;
	c->finished_ns = exit->finished_ns ? exit->finished_ns : clock_wall();
	c->exits++;
	again = restart_after_exit(c);
	c->status = again ? CONTAINER_RESTARTING : CONTAINER_EXITED;
	if (c->image && !again)
		c->image->running--;
	container_event_die(c);
	if (c->host.auto_remove && !c->restarts) {
		container_auto_remove(c);
		return 0;
	}
	if (container_persist(c, PERSIST_QUICK, &e) < 0)
		log_error("%s", e.msg);
	wake_log_followers(c);
	waitq_wake_all(&c->changed);
	if (again)
		restart_schedule(c);
	return 0;
}

static void exit_fiber(void *arg) FIBER_ENTRY
{
	struct container *c = arg;

	fiber_shield();
	if (fiber_lock_take(&c->lock, DEADLINE_NEVER) == 0) {
		struct shim_exit report = c->exit_report;

		container_handle_exit(c, &report);
		fiber_lock_release(&c->lock);
	}
	fiber_unshield();
	container_unref(c);
}

static void start_exit_fiber(struct container *c, void (*entry)(void *));

static void retry_exit(struct loop_timer *t)
{
	struct container *c = container_of(t, struct container, exit_retry);

	start_exit_fiber(c, c->exit_entry);
}

/* Takes over one reference. */
static void start_exit_fiber(struct container *c, void (*entry)(void *))
{
	c->exit_entry = entry;
	if (fiber_spawn("container-exit", entry, c, POOL_RESERVED, NULL) < 0)
		loop_timer_arm(&c->exit_retry, clock_in_ms(EXIT_RETRY_MS), retry_exit);
}

static void on_exited(void *arg, const struct shim_exit *exit)
{
	struct container *c = arg;

	c->exit_report = *exit;
	container_ref(c);
	start_exit_fiber(c, exit_fiber);
}

static void on_exec_exited(void *arg, const char *exec_id, int code)
{
	container_exec_ended(arg, exec_id, code);
}

static void on_detached(void *arg, const char *exec_id)
{
	struct container *c = arg;

	if (exec_id)
		container_event_with(c, "exec_detach", "execID", exec_id);
	else
		container_event(c, "detach");
}

/* The shim was killed: what it left running is ended, so that nothing runs that nobody watches. */
static void lost_fiber(void *arg) FIBER_ENTRY
{
	struct container *c = arg;
	CLEANUP_ARENA struct arena a = {0};
	struct err e = ERR_INIT;
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
	int status;

	fiber_shield();
	text_format(root, sizeof(root), "%s/runtime", c->eng->opt->exec_root);
	if (fiber_lock_take(&c->lock, DEADLINE_NEVER) == 0) {
		if (container_is_running(c)) {
			log_warn("container %s: its shim is gone; ending the container", c->id);
			if (!argv[0] || arena_open(&a, POOL_RESERVED) < 0 ||
			    child_run(&spec, clock_in_ms(RUNTIME_DELETE_MS), &a, &status, &output,
				      &e) < 0)
				log_error("container %s: deleting it from the runtime: %s", c->id,
					  e.msg);
			container_handle_exit(c, &c->exit_report);
		}
		fiber_lock_release(&c->lock);
	}
	fiber_unshield();
	container_unref(c);
}

static void on_lost(void *arg)
{
	struct container *c = arg;

	c->exit_report = (struct shim_exit){
		.code = EXIT_CODE_LOST, .started_ns = c->started_ns, .finished_ns = clock_wall()};
	container_ref(c);
	start_exit_fiber(c, lost_fiber);
}

const struct shim_events container_shim_events = {
	.exited = on_exited,
	.exec_exited = on_exec_exited,
	.detached = on_detached,
	.lost = on_lost,
};

int container_wait_stopped(struct container *c, int64_t deadline)
{
	while (container_is_running(c)) {
		int r = waitq_wait(&c->changed, deadline);

		if (r < 0)
			return r;
	}
	return 0;
}
