/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Restarts by policy. A container that ended and is to run again is "restarting" until its timer
 * fires; then it queues with the others that are due, and a few at a time are started, so that a
 * machine that comes up with a thousand containers does not start them all at once. It is running
 * in the eyes of clients all the while, though there is no process: who ends it meanwhile ends the
 * wait.
 *
 * While the daemon restores itself nothing is started: restart_revive comes after the sweeps, and
 * what ended in the meantime waits for it.
 */
#include <stdio.h>

#include "firmware/core/log.h"
#include "runtime/container/links.h"
#include "runtime/container/restart_policy.h"

#define AGAIN_MS 100	    /* until a container that this one joins runs */
#define UNAVAILABLE_MS 1000 /* until the daemon has room for a start */
#define DRAIN_MS 3000

static void on_due(struct loop_timer *t);

static void arm(struct container *c, int64_t delay_ns)
{
	if (c->eng->restored && !c->eng->stopping)
		loop_timer_arm(&c->restart.timer, clock_mono() + delay_ns, on_due);
}

void restart_init(struct container *c)
{
	list_init(&c->restart.due);
}

void restart_done(struct container *c)
{
	loop_timer_disarm(&c->restart.timer);
	list_remove(&c->restart.due);
}

void restart_reset(struct container *c)
{
	restart_done(c);
	c->restart.cancelled = false;
	c->restart.delay_ns = 0;
	c->restart_count = 0;
	c->stop_requested = false;
}

static struct restart_case present_case(const struct container *c)
{
	return (struct restart_case){.exit_code = c->exit_code,
				     .restarts = c->restart_count,
				     .stopped = c->stop_requested,
				     .cancelled = c->restart.cancelled};
}

bool restart_after_exit(struct container *c)
{
	struct restart_case now = present_case(c);

	if (c->removed || !restart_policy_wants(&c->host.restart_policy, &now))
		return false;
	c->restart.delay_ns = restart_delay(c->restart.delay_ns, c->finished_ns - c->started_ns);
	c->restart_count++;
	return true;
}

void restart_schedule(struct container *c)
{
	arm(c, c->restart.delay_ns);
}

/* "container:x" of a container that is about to run: there is nothing to join yet. */
static bool awaits(const struct container *c, const char *mode)
{
	CLEANUP(container_unrefp) struct container *other = NULL;

	return mode && strz_starts(mode, "container:") &&
	       container_lookup(c->eng, mode + strlen("container:"), &other, NULL) == 0 &&
	       other != c && other->status == CONTAINER_RESTARTING;
}

static bool awaits_another(const struct container *c)
{
	return awaits(c, c->host.network_mode) || awaits(c, c->host.ipc_mode) ||
	       awaits(c, c->host.pid_mode) || links_await(c);
}

/* c is locked and restarting. */
static void start_again(struct container *c) FIBER_FN
{
	struct err e = ERR_INIT, saved = ERR_INIT;
	int code = c->exit_code;

	if (awaits_another(c)) {
		arm(c, AGAIN_MS * NSEC_PER_MSEC);
		return;
	}
	if (container_launch_locked(c, &e) == 0)
		return;
	if (e.kind == ERR_UNAVAILABLE) {
		arm(c, UNAVAILABLE_MS * NSEC_PER_MSEC);
		return;
	}
	log_warn("container %s: starting it again: %s", c->id, e.msg);
	c->exit_code = code;
	str_copy(c->error, sizeof(c->error),
		 str_span(e.msg, MIN(strlen(e.msg), sizeof(c->error) - 1)));
	container_set_status(c, CONTAINER_EXITED);
	if (container_persist(c, PERSIST_QUICK, &saved) < 0)
		log_error("%s", saved.msg);
}

static void restart_fiber(void *arg) FIBER_ENTRY;

/* Start what is due, as far as may be under way at one time. */
static void start_due(struct engine *eng)
{
	while (!list_empty(&eng->restarts_due) && eng->restarts_under_way < CONFIG_RESTARTS_MAX &&
	       !eng->stopping) {
		struct container *c = list_first(&eng->restarts_due, struct container, restart.due);

		list_remove(&c->restart.due);
		container_ref(c);
		if (fiber_spawn("restart", restart_fiber, c, POOL_NORMAL, NULL) < 0) {
			arm(c, UNAVAILABLE_MS * NSEC_PER_MSEC);
			container_unref(c);
			return;
		}
		eng->restarts_under_way++;
	}
}

static void restart_fiber(void *arg)
{
	struct container *c = arg;
	struct engine *eng = c->eng;

	fiber_shield();
	if (fiber_lock_take(&c->lock, DEADLINE_NEVER) == 0) {
		if (c->status == CONTAINER_RESTARTING && !c->removed && !eng->stopping)
			start_again(c);
		fiber_lock_release(&c->lock);
	}
	fiber_unshield();
	container_unref(c);
	eng->restarts_under_way--;
	start_due(eng);
}

static void on_due(struct loop_timer *t)
{
	struct container *c = container_of(t, struct container, restart.timer);

	list_remove(&c->restart.due);
	list_push_back(&c->eng->restarts_due, &c->restart.due);
	start_due(c->eng);
}

void restart_cancel(struct container *c)
{
	struct err e = ERR_INIT;

	c->restart.cancelled = true;
	if (c->status != CONTAINER_RESTARTING || fiber_lock_take(&c->lock, DEADLINE_NEVER) < 0)
		return;
	if (c->status == CONTAINER_RESTARTING) {
		restart_done(c);
		container_set_status(c, CONTAINER_EXITED);
		if (container_persist(c, PERSIST_QUICK, &e) < 0)
			log_error("%s", e.msg);
	}
	fiber_lock_release(&c->lock);
}

static bool should_revive(const struct container *c)
{
	struct restart_case now = present_case(c);

	return c->status == CONTAINER_RESTARTING ||
	       (c->status == CONTAINER_EXITED && c->has_been_started &&
		restart_policy_revives(&c->host.restart_policy, &now));
}

void restart_revive(struct engine *eng)
{
	struct container *c;
	unsigned n = 0;

	eng->restored = true;
	list_for_each (c, &eng->containers, link) {
		if (!should_revive(c))
			continue;
		restart_reset(c);
		container_set_status(c, CONTAINER_RESTARTING);
		arm(c, 0);
		n++;
	}
	if (n)
		log_info("starting %u containers by their restart policies", n);
}

void restart_drain(struct engine *eng)
{
	int64_t deadline = clock_in_ms(DRAIN_MS);

	while (eng->restarts_under_way && clock_mono() < deadline)
		(void)fiber_sleep_ms(10);
}
