/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Health checks. While a container with a check runs, a timer says when the next probe is due; the
 * probe is an exec on a fiber of its own, whose output comes over a socket pair: one end goes to
 * the shim as a client's would, the other is read here. So a container with a check costs a timer,
 * and a stack only while its probe runs.
 *
 * Who changes the status calls health_follow, which starts and ends the monitoring. A probe that
 * outlives its run of the container (or a pause) is cancelled and its result dropped.
 */
#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "firmware/core/log.h"
#include "firmware/core/mem.h"
#include "firmware/sched/io.h"
#include "runtime/container/health_state.h"
#include "runtime/container/private.h"

#define BUSY_MS 1000 /* until the daemon has room for a probe */
#define KILL_WAIT_MS 5000
#define EXIT_CODE_KILLED 137
#define END_MS 200
#define TEXT_MAX (HEALTH_OUTPUT_MAX + 128)

struct probe {
	struct container *c;
	struct arena *a;
	struct exec *x;
	struct io io;
	struct attach_client client;
	int shim_end;
	struct buf output;
	bool cut;
};

static void on_due(struct loop_timer *t);

static void schedule(struct container *c)
{
	int64_t ns = health_interval(c->config.healthcheck, c->health.state,
				     clock_wall() - c->started_ns);

	loop_timer_arm(&c->health.timer, clock_mono() + ns, on_due);
}

/* --- one probe --- */

static int take_shim_end(struct attach_client *client)
{
	struct probe *p = client->arg;

	return TAKE_FD(p->shim_end);
}

/* The check's own words, after the container's shell if it wants one. */
static int command(struct probe *p, struct texts *ret)
{
	static const char *const default_shell[] = {"/bin/sh", "-c"};
	const struct texts *test = &p->c->config.healthcheck->test, *own = &p->c->config.shell;
	const char *const *shell = own->n ? own->items : default_shell;
	size_t n = !strcmp(test->items[0], "CMD-SHELL")
			   ? (own->n ? own->n : ARRAY_LEN(default_shell))
			   : 0;
	const char **all = arena_alloc_array(p->a, n + test->n, sizeof(*all));

	if (!all)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		all[i] = shell[i];
	for (size_t i = 1; i < test->n; i++)
		all[n++] = test->items[i];
	*ret = (struct texts){all, n, true};
	return 0;
}

static int start(struct probe *p, struct err *e) FIBER_FN
{
	struct exec_config cfg = {.attach_stdout = true, .attach_stderr = true};
	int fds[2], r;

	if (command(p, &cfg.cmd) < 0)
		return err_set(e, ERR_UNAVAILABLE, "no memory");
	if (exec_create_probe(p->c, &cfg, &p->x, e) < 0)
		return err_code(e);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		return err_sys(e, errno, "socketpair");
	p->shim_end = fds[1];
	r = io_open(&p->io, fds[0]);
	if (r < 0) {
		close(fds[0]);
		return err_sys(e, r, "watching a probe");
	}
	p->client = (struct attach_client){
		.want_stdout = true, .want_stderr = true, .take_fd = take_shim_end, .arg = p};
	return exec_start(p->x, true, 0, 0, &p->client, e);
}

static void keep(struct probe *p, const char *data, size_t n)
{
	size_t room = HEALTH_OUTPUT_MAX - p->output.n;

	p->cut |= n > room;
	for (size_t i = 0; i < MIN(n, room); i++)
		buf_putc(&p->output, data[i] ? data[i] : ' ');
}

/* Read to the end of the output, which comes with the end of the process. */
static int follow(struct probe *p, int64_t deadline) FIBER_FN
{
	char block[512];
	ssize_t n;
	int r = 0;

	while ((n = io_read(&p->io, block, sizeof(block), deadline)) > 0)
		keep(p, block, (size_t)n);
	if (n == -ETIMEDOUT || fiber_cancelled())
		return n < 0 ? (int)n : -ECANCELED;
	while (r == 0 && p->x->running)
		r = waitq_wait(&p->x->changed, deadline);
	return r;
}

/* The probe leads a session of its own, so its children go with it. */
static void end(struct probe *p) FIBER_FN
{
	int64_t deadline = clock_in_ms(KILL_WAIT_MS);
	pid_t pid = p->x->pid;

	if (!p->x->running || pid <= 1)
		return;
	(void)kill(getpgid(pid) == pid ? -pid : pid, SIGKILL);
	while (p->x->running && waitq_wait(&p->x->changed, deadline) == 0)
		;
}

static void put_output(struct probe *p, struct buf *out)
{
	buf_put(out, p->output.p, p->output.n);
	if (p->cut)
		buf_puts(out, "...");
}

/* 0 and the result, -EAGAIN when there was no room for a probe, or cancel code. */
static int run(struct probe *p, struct health_result *ret, struct buf *text) FIBER_FN
{
	int64_t timeout = health_timeout(p->c->config.healthcheck);
	struct err e = ERR_INIT;
	int r = start(p, &e);

	if (r < 0) {
		/* The container's process is gone, of whose end we are about to hear. */
		if (e.kind == ERR_CONFLICT)
			(void)fiber_sleep_ms(END_MS);
		buf_puts(text, e.msg);
		return fiber_cancelled() ? -ECANCELED : e.kind == ERR_UNAVAILABLE ? -EAGAIN : 0;
	}
	r = follow(p, clock_mono() + timeout);
	if (r < 0)
		end(p);
	if (r == -ETIMEDOUT) {
		buf_puts(text, "Health check exceeded timeout (");
		health_put_duration(text, timeout);
		buf_puts(text, p->output.n ? "): " : ")");
	} else if (r == 0) {
		ret->exit_code = p->x->exit_code;
		/* It may have died with the container, of whose end we are about to hear. */
		if (ret->exit_code == EXIT_CODE_KILLED)
			r = fiber_sleep_ms(END_MS);
	}
	put_output(p, text);
	return r == -ETIMEDOUT ? 0 : r;
}

static int probe(struct container *c, struct health_result *ret) FIBER_FN
{
	CLEANUP_ARENA struct arena a = {0};
	struct probe *p;
	struct buf text;
	int r;

	if (arena_open(&a, POOL_NORMAL) < 0)
		return -EAGAIN;
	p = arena_alloc(&a, sizeof(*p));
	if (!p)
		return -EAGAIN;
	p->c = c;
	p->a = &a;
	p->shim_end = -1;
	buf_init(&p->output, &a, HEALTH_OUTPUT_MAX + 1);
	buf_init(&text, &a, TEXT_MAX);
	r = run(p, ret, &text);
	io_close(&p->io);
	fd_closep(&p->shim_end);
	if (p->x)
		exec_drop_probe(p->x);
	ret->end_ns = clock_wall();
	if (r == 0)
		ret->output = mem_strndup(text.p ? text.p : "", text.n);
	return r < 0 ? r : ret->output ? 0 : -EAGAIN;
}

/* --- the monitoring --- */

static void take(struct container *c, struct health_result *r) FIBER_FN
{
	struct health *h = c->health.state;
	char action[40];
	struct err e = ERR_INIT;

	if (!health_take(h, c->config.healthcheck, r, c->started_ns))
		return;
	text_format(action, sizeof(action), "health_status: %s", health_status_name(h->status));
	container_event(c, action);
	if (container_persist(c, PERSIST_QUICK, &e) < 0)
		log_error("%s", e.msg);
}

static void probe_fiber(void *arg) FIBER_ENTRY
{
	struct container *c = arg;
	unsigned of = c->health.run;
	struct health_result result = {.start_ns = clock_wall(), .exit_code = -1};
	int r = probe(c, &result);

	c->health.probe = NULL;
	c->eng->probes--;
	if (r == 0) {
		c->eng->probes_run++;
		c->eng->probes_failed += result.exit_code != 0;
	}
	if (r == 0 && of == c->health.run)
		take(c, &result);
	mem_free(result.output);
	if (of == c->health.run && r == -EAGAIN)
		loop_timer_arm(&c->health.timer, clock_in_ms(BUSY_MS), on_due);
	else if (of == c->health.run && !c->eng->stopping)
		schedule(c);
	container_unref(c);
}

static void on_due(struct loop_timer *t)
{
	struct container *c = container_of(t, struct container, health.timer);

	container_ref(c);
	if (!c->health.probe && c->eng->probes < CONFIG_HEALTH_PROBES &&
	    fiber_spawn("health", probe_fiber, c, POOL_NORMAL, &c->health.probe) == 0) {
		c->eng->probes++;
		return;
	}
	loop_timer_arm(t, clock_in_ms(BUSY_MS), on_due);
	container_unref(c);
}

void health_reset(struct container *c)
{
	if (!health_config_probes(c->config.healthcheck))
		return;
	if (!c->health.state)
		c->health.state = health_new();
	if (!c->health.state) {
		log_error("container %s: no memory for its health check", c->id);
		return;
	}
	c->health.state->status = HEALTH_STARTING;
	c->health.state->failing_streak = 0;
}

void health_follow(struct container *c)
{
	bool wanted = c->status == CONTAINER_RUNNING && c->shim &&
		      health_config_probes(c->config.healthcheck);

	if (wanted && !c->health.state)
		health_reset(c);
	if (!c->health.state)
		return;
	if (!wanted)
		c->health.state->status = HEALTH_UNHEALTHY;
	if (wanted == c->health.active)
		return;
	c->health.active = wanted;
	c->health.run++;
	loop_timer_disarm(&c->health.timer);
	if (wanted)
		schedule(c);
	else if (c->health.probe)
		fiber_cancel(c->health.probe, -ECANCELED);
}

void health_done(struct container *c)
{
	loop_timer_disarm(&c->health.timer);
	health_free(TAKE_PTR(c->health.state));
}
