/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verbs that run and end a container: start, stop, restart, kill, wait, resize, rename.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>

#include "firmware/core/log.h"
#include "runtime/container/private.h"
#include "runtime/container/restart_policy.h"
#include "runtime/spec/spec.h"

#define KILL_WAIT_MS 10000
#define START_WAIT_MS 30000
#define STOP_TIMEOUT_DEFAULT_S 10
#define EXIT_CODE_START_FAILED 128

static bool mentions(const char *text, const char *what)
{
	return strcasestr(text, what) != NULL; /* crun begins with a capital */
}

/* 127 when there is no such program, 126 when it cannot be run, else 128 (WIRE I). */
static int start_exit_code(const char *msg)
{
	if (mentions(msg, "executable file not found") ||
	    mentions(msg, "no such file or directory") ||
	    mentions(msg, "system cannot find the file specified"))
		return 127;
	if (mentions(msg, "permission denied") || mentions(msg, "is a directory") ||
	    mentions(msg, "not a directory"))
		return 126;
	return EXIT_CODE_START_FAILED;
}

int container_launch_locked(struct container *c, struct err *e)
{
	struct err saved = ERR_INIT;
	int r;

	c->error[0] = 0;
	c->starting = true;
	r = container_launch(c, e);
	c->starting = false;
	waitq_wake_all(&c->changed);
	if (r < 0)
		return r;
	c->exit_code = 0;
	c->oom_killed = false;
	c->finished_ns = 0;
	c->has_been_started = true;
	health_reset(c);
	container_set_status(c, CONTAINER_RUNNING);
	container_event(c, "start");
	if (container_persist(c, PERSIST_QUICK, &saved) < 0)
		log_error("%s", saved.msg);
	return 0;
}

static int start_locked(struct container *c, struct err *e) FIBER_FN
{
	struct err own = ERR_INIT, saved = ERR_INIT;
	int r;

	if (c->status == CONTAINER_PAUSED)
		return err_set(e, ERR_CONFLICT,
			       "cannot start a paused container, try unpause instead");
	if (container_is_running(c))
		return err_set(e, ERR_NOT_MODIFIED, "container %s is running", c->id);
	if (c->removed || c->status == CONTAINER_REMOVING || c->status == CONTAINER_DEAD)
		return err_set(e, ERR_CONFLICT,
			       "container is marked for removal and cannot be started");
	restart_reset(c);
	r = container_launch_locked(c, &own);
	if (r < 0) {
		c->exit_code = start_exit_code(own.msg);
		str_copy(c->error, sizeof(c->error),
			 str_span(own.msg, MIN(strlen(own.msg), sizeof(c->error) - 1)));
		/* Refused for want of room, it may be started again. */
		if (c->host.auto_remove && !c->restarts && own.kind != ERR_UNAVAILABLE)
			container_auto_remove(c);
		else if (container_persist(c, PERSIST_QUICK, &saved) < 0)
			log_error("%s", saved.msg);
		if (e)
			*e = own;
		return r;
	}
	return 0;
}

int container_start(struct container *c, struct err *e)
{
	int r;

	fiber_shield();
	r = fiber_lock_take(&c->lock, DEADLINE_NEVER);
	if (r == 0) {
		r = start_locked(c, e);
		fiber_lock_release(&c->lock);
	}
	fiber_unshield();
	return r;
}

static int not_running(const struct container *c, struct err *e)
{
	return err_set(e, ERR_CONFLICT, "container %s is not running", c->id);
}

void container_wait_started(struct container *c)
{
	while (c->starting && !c->removed)
		if (waitq_wait(&c->changed, clock_in_ms(START_WAIT_MS)) < 0)
			return;
}

static int signal_shim(struct container *c, int signo, struct err *e) FIBER_FN
{
	int r;

	if (!container_is_running(c) || !c->shim)
		return not_running(c, e);
	r = shim_kill(c->shim, signo, e);
	if (r == 0)
		container_event_number(c, "kill", "signal", signo);
	return r;
}

static int stop_signal(const struct container *c, const char *signal, struct err *e)
{
	const char *text = signal && *signal ? signal : c->config.stop_signal;
	int signo = SIGTERM;

	if (text && *text && signal_parse(text, &signo, e) < 0)
		return err_code(e);
	return signo;
}

/* On disk, so that a daemon that dies before the end does not start it again. */
static void remember_stop(struct container *c) FIBER_FN
{
	struct err e = ERR_INIT;

	if (restart_policy_any(&c->host.restart_policy) &&
	    container_persist(c, PERSIST_QUICK, &e) < 0)
		log_error("%s", e.msg);
}

/*
 * A signal from a client says that it looks after the container, and, unless the container has
 * another signal for its end, that it means to end it. As the engine has it, that goes for every
 * signal. True when there is no process to send it to, only a restart to come.
 */
static bool note_signal(struct container *c, int signo) FIBER_FN
{
	bool waits;

	if (!container_is_running(c))
		return false;
	waits = c->status == CONTAINER_RESTARTING;
	c->stop_requested = true;
	if (signo == SIGKILL || !c->config.stop_signal || !*c->config.stop_signal ||
	    signo == stop_signal(c, NULL, NULL))
		restart_cancel(c);
	if (container_is_running(c))
		remember_stop(c);
	return waits && (!container_is_running(c) || c->status == CONTAINER_RESTARTING);
}

static int stop_shielded(struct container *c, const char *signal, int64_t timeout_s, struct err *e)
	FIBER_FN
{
	int signo, r;

	container_wait_started(c);
	if (!container_is_running(c))
		return err_set(e, ERR_NOT_MODIFIED, "container %s is not running", c->id);
	signo = stop_signal(c, signal, e);
	if (signo < 0)
		return signo;
	if (timeout_s == INT64_MIN)
		timeout_s = c->config.stop_timeout.set ? c->config.stop_timeout.v
						       : STOP_TIMEOUT_DEFAULT_S;
	c->stop_requested = true;
	restart_cancel(c);
	if (!container_is_running(c))
		return 0;
	remember_stop(c);
	r = signal_shim(c, signo, e);
	container_let_go(c);
	/* Without a shim its end is being dealt with already. */
	if (r == 0 || !c->shim)
		r = container_wait_stopped(
			c, timeout_s < 0 ? DEADLINE_NEVER
					 : clock_in_ms(MIN(timeout_s, 1 << 30) * 1000));
	if (!container_is_running(c))
		return 0;
	r = signal_shim(c, SIGKILL, e);
	/* "Conflict": it has ended, and its last output is on the way. */
	if (r < 0 && c->shim && container_is_running(c) && e->kind != ERR_CONFLICT)
		return err_wrap(e, "cannot stop container: %s", c->id);
	if (container_wait_stopped(c, clock_in_ms(KILL_WAIT_MS)) < 0)
		return err_set(e, ERR_SYSTEM,
			       "cannot stop container: %s: tried to kill container, but did not "
			       "receive an exit event",
			       c->id);
	return 0;
}

int container_stop(struct container *c, const char *signal, int64_t timeout_s, struct err *e)
{
	int r;

	fiber_shield();
	r = stop_shielded(c, signal, timeout_s, e);
	if (r == 0)
		container_event(c, "stop");
	fiber_unshield();
	return r;
}

static int restart(struct container *c, const char *signal, int64_t timeout_s, struct err *e)
	FIBER_FN
{
	int r;

	fiber_shield();
	r = stop_shielded(c, signal, timeout_s, e);
	if (r == 0)
		container_event(c, "stop");
	if (r < 0 && e->kind == ERR_NOT_MODIFIED) {
		err_clear(e);
		r = 0;
	}
	fiber_unshield();
	if (r < 0)
		return r;
	r = container_start(c, e);
	if (r < 0 && e->kind == ERR_NOT_MODIFIED) {
		err_clear(e);
		r = 0;
	}
	if (r == 0)
		container_event(c, "restart");
	return r;
}

int container_restart(struct container *c, const char *signal, int64_t timeout_s, struct err *e)
{
	int r;

	c->restarts++;
	r = restart(c, signal, timeout_s, e);
	c->restarts--;
	return r;
}

int container_kill(struct container *c, const char *signal, struct err *e)
{
	int signo = SIGKILL, r;

	if (signal && *signal && signal_parse(signal, &signo, e) < 0)
		return err_code(e);
	fiber_shield();
	container_wait_started(c);
	if (note_signal(c, signo)) {
		fiber_unshield();
		return 0;
	}
	r = signal_shim(c, signo, e);
	/* As the engine: only a container with a stop signal of its own tells signals apart. */
	if (r == 0 && (signo == SIGKILL || !c->config.stop_signal || !*c->config.stop_signal ||
		       signo == stop_signal(c, NULL, e)))
		container_let_go(c);
	if (r < 0 && !container_is_running(c)) {
		r = not_running(c, e);
	} else if (r == 0 && signo == SIGKILL &&
		   container_wait_stopped(c, clock_in_ms(KILL_WAIT_MS)) < 0) {
		r = err_set(e, ERR_SYSTEM,
			    "cannot kill container: %s: tried to kill container, but did not "
			    "receive an exit event",
			    c->id);
	}
	fiber_unshield();
	return r < 0 ? err_code(e) : 0;
}

int container_resize(struct container *c, uint16_t height, uint16_t width, struct err *e)
{
	int r;

	if (!container_is_running(c) || !c->shim)
		return not_running(c, e);
	r = shim_resize(c->shim, NULL, height, width, e);
	if (r == 0)
		container_event_resize(c, height, width);
	return r;
}

static int rename_locked(struct container *c, const char *name, struct err *e) FIBER_FN
{
	char old[CONTAINER_NAME_MAX], slashed[CONTAINER_NAME_MAX + 1];
	struct map_node *holder = map_find(&c->eng->containers_by_name, str_from(name));
	int r;

	if (c->removed)
		return err_set(e, ERR_NOT_FOUND, "No such container: %s", c->id);
	if (!strcmp(name, c->name))
		return err_set(e, ERR_INVALID,
			       "Renaming a container with the same name as its current name");
	if (holder) {
		container_name_conflict(map_entry(holder, struct container, name_node), name, e);
		return err_wrap(e, "Error when allocating new name");
	}
	map_remove(&c->eng->containers_by_name, &c->name_node);
	memcpy(old, c->name, sizeof(old));
	str_copy(c->name, sizeof(c->name), str_from(name));
	r = map_insert(&c->eng->containers_by_name, &c->name_node, str_from(c->name));
	if (r == 0)
		r = container_persist(c, PERSIST_SYNC, e);
	if (r == 0) {
		text_format(slashed, sizeof(slashed), "/%s", old);
		container_event_with(c, "rename", "oldName", slashed);
		return 0;
	}
	/* Put things back as they were; the slot just given up is free. */
	if (map_find(&c->eng->containers_by_name, str_from(c->name)) == &c->name_node)
		map_remove(&c->eng->containers_by_name, &c->name_node);
	memcpy(c->name, old, sizeof(old));
	if (map_insert(&c->eng->containers_by_name, &c->name_node, str_from(c->name)) < 0)
		log_error("container %s lost its name %s", c->id, c->name);
	return e->kind ? err_code(e) : err_set(e, ERR_UNAVAILABLE, "no memory");
}

int container_rename(struct container *c, const char *name, struct err *e)
{
	int r;

	if (*name == '/')
		name++;
	if (!*name)
		return err_set(e, ERR_INVALID, "Neither old nor new names may be empty");
	r = container_name_check(name, e);
	if (r < 0)
		return err_wrap(e, "Error when allocating new name");
	fiber_shield();
	r = fiber_lock_take(&c->lock, DEADLINE_NEVER);
	if (r == 0) {
		r = rename_locked(c, name, e);
		fiber_lock_release(&c->lock);
	}
	fiber_unshield();
	return r;
}

int wait_condition_parse(struct str text, enum wait_condition *ret, struct err *e)
{
	if (!text.n || str_eqz(text, "not-running"))
		*ret = WAIT_NOT_RUNNING;
	else if (str_eqz(text, "next-exit"))
		*ret = WAIT_NEXT_EXIT;
	else if (str_eqz(text, "removed"))
		*ret = WAIT_REMOVED;
	else
		return err_set(e, ERR_INVALID, "invalid condition: \"" STR_FMT "\"", STR_ARG(text));
	return 0;
}

void container_wait_begin(struct container_waiter *w, struct container *c, enum wait_condition cond)
{
	container_ref(c);
	*w = (struct container_waiter){.c = c, .condition = cond, .exits = c->exits};
}

static bool wait_is_over(const struct container_waiter *w)
{
	const struct container *c = w->c;

	if (c->removed)
		return true;
	switch (w->condition) {
	case WAIT_NOT_RUNNING:
		return !container_is_running(c) || c->exits != w->exits;
	case WAIT_NEXT_EXIT:
		return c->exits != w->exits;
	default:
		return false;
	}
}

int container_wait_finish(struct container_waiter *w, int *ret_code, char error_out[256])
{
	int r = 0;

	while (r == 0 && !wait_is_over(w))
		r = waitq_wait(&w->c->changed, DEADLINE_NEVER);
	if (r == 0) {
		*ret_code = w->c->exit_code;
		/* A removal clears what a failed start left, as clients that remove expect. */
		if (w->condition == WAIT_REMOVED)
			*error_out = '\0';
		else
			memcpy(error_out, w->c->error, 256);
	}
	container_unref(TAKE_PTR(w->c));
	return r;
}
