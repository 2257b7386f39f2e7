/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exec: one more process in a running container. An instance is created, started once, and
 * remembered for some minutes after its end, so that a client can ask for the exit code.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "firmware/core/file.h"
#include "firmware/core/mem.h"
#include "firmware/sched/job.h"
#include "runtime/container/links.h"
#include "runtime/container/private.h"
#include "runtime/spec/spec.h"

#define EXEC_MEM_MAX (256u << 10)
#define EXEC_KEEP_NS (10 * 60 * NSEC_PER_SEC)
#define EXEC_RESIZE_WAIT_MS 10000
#define ETC_FILE_MAX (1u << 20)
#define PROCESS_MAX (256u << 10)

#define F(name, member, kind) SHAPE_FIELD(struct exec_config, name, member, kind, .flags = 0)
static const struct shape_field exec_fields[] = {
	F("AttachStdin", attach_stdin, SHAPE_BOOL),
	F("AttachStdout", attach_stdout, SHAPE_BOOL),
	F("AttachStderr", attach_stderr, SHAPE_BOOL),
	F("Tty", tty, SHAPE_BOOL),
	F("Privileged", privileged, SHAPE_BOOL),
	F("DetachKeys", detach_keys, SHAPE_TEXT),
	F("User", user, SHAPE_TEXT),
	F("WorkingDir", working_dir, SHAPE_TEXT),
	F("Env", env, SHAPE_TEXTS),
	F("Cmd", cmd, SHAPE_TEXTS_OR_ONE),
	SHAPE_FIELD(struct exec_config, "ConsoleSize", console_size_raw, SHAPE_RAW,
		    .flags = SHAPE_PAIR),
};
const struct shape shape_exec_config = {
	.name = "ExecOptions",
	.size = sizeof(struct exec_config),
	.fields = exec_fields,
	.n_fields = ARRAY_LEN(exec_fields),
};

void exec_ref(struct exec *x)
{
	x->refs++;
}

void exec_unref(struct exec *x)
{
	if (!x || --x->refs)
		return;
	arena_done(&x->mem);
	container_unref(x->container);
	mem_free(x);
}

/* Out of the engine's map and the container's list, with the reference these held. */
static void exec_forget(struct exec *x)
{
	map_remove(&x->container->eng->execs, &x->node);
	list_remove(&x->link);
	x->container->n_execs -= !x->probe;
	waitq_wake_all(&x->changed);
	exec_unref(x);
}

bool exec_is_old(const struct exec *x)
{
	return !x->running && x->ended_ns && clock_mono() - x->ended_ns > EXEC_KEEP_NS;
}

void container_forget_execs(struct container *c, bool all)
{
	struct exec *x, *next;
	int64_t now = clock_mono();

	list_for_each_safe (x, next, &c->execs, link) {
		if (!container_is_running(c) || !c->shim) {
			if (x->running) {
				x->running = false;
				x->ended_ns = now;
				if (!x->has_exit_code) {
					x->has_exit_code = true;
					x->exit_code = 137;
				}
				exec_event_die(x);
				waitq_wake_all(&x->changed);
			}
		}
		if (all || exec_is_old(x))
			exec_forget(x);
	}
}

static struct exec *oldest_ended(struct container *c)
{
	struct exec *x;

	list_for_each (x, &c->execs, link)
		if (x->started && !x->running && !x->probe)
			return x;
	return NULL;
}

static int check_running(const struct container *c, struct err *e)
{
	if (c->status == CONTAINER_PAUSED)
		return err_set(e, ERR_CONFLICT,
			       "Container %s is paused, unpause the container before exec", c->id);
	if (c->status == CONTAINER_RESTARTING)
		return err_set(e, ERR_CONFLICT,
			       "Container %s is restarting, wait until the container is running",
			       c->id);
	if (!container_is_running(c) || !c->shim)
		return err_set(e, ERR_CONFLICT, "container %s is not running", c->id);
	return 0;
}

static int make(struct container *c, const struct exec_config *cfg, bool probe, struct exec **ret,
		struct err *e) FIBER_FN
{
	uint8_t raw[CONTAINER_ID_LEN / 2];
	struct exec *x;
	int r = check_running(c, e);

	if (r < 0)
		return r;
	if (!cfg->cmd.n)
		return err_set(e, ERR_INVALID, "No exec command specified");
	container_forget_execs(c, false);
	if (!probe && c->n_execs >= CONFIG_EXECS_MAX) {
		if (!oldest_ended(c))
			return err_set(e, ERR_UNAVAILABLE,
				       "container %s has %d execs already (CONFIG_EXECS_MAX)",
				       c->id, CONFIG_EXECS_MAX);
		exec_forget(oldest_ended(c));
	}
	x = mem_alloc(sizeof(*x));
	if (!x)
		return err_set(e, ERR_UNAVAILABLE, "no memory for an exec");
	x->refs = 1;
	container_ref(c);
	x->container = c;
	x->probe = probe;
	x->life_ns = c->started_ns;
	waitq_init(&x->changed);
	arena_open_heap(&x->mem, EXEC_MEM_MAX);
	random_bytes(raw, sizeof(raw));
	hex_encode(raw, sizeof(raw), x->id);
	if (shape_copy(&shape_exec_config, cfg, &x->mem, &x->config) < 0 ||
	    map_insert(&c->eng->execs, &x->node, str_from(x->id)) < 0) {
		exec_unref(x);
		return err_set(e, ERR_UNAVAILABLE, "no memory for an exec");
	}
	list_push_back(&c->execs, &x->link);
	c->n_execs += !probe;
	exec_event(x, "exec_create");
	exec_ref(x);
	*ret = x;
	return 0;
}

int exec_create(struct container *c, const struct exec_config *cfg, struct exec **ret,
		struct err *e)
{
	return make(c, cfg, false, ret, e);
}

int exec_create_probe(struct container *c, const struct exec_config *cfg, struct exec **ret,
		      struct err *e)
{
	return make(c, cfg, true, ret, e);
}

void exec_drop_probe(struct exec *x)
{
	if (!list_empty(&x->link))
		exec_forget(x);
	exec_unref(x);
}

int exec_lookup(struct engine *eng, const char *id, struct exec **ret, struct err *e)
{
	struct map_node *n = map_find(&eng->execs, str_from(id));
	struct exec *x = n ? map_entry(n, struct exec, node) : NULL;

	if (!x)
		return err_set(e, ERR_NOT_FOUND, "No such exec instance: %s", id);
	exec_ref(x);
	*ret = x;
	return 0;
}

int exec_start_check(struct exec *x, struct err *e)
{
	const struct container *c = x->container;

	/* It belonged to a run of the container that is over. */
	if (!container_is_running(c) || c->status == CONTAINER_RESTARTING ||
	    c->started_ns != x->life_ns)
		return err_set(e, ERR_NOT_FOUND, "No such exec instance: %s", x->id);
	if (x->started && !x->running)
		return err_set(e, ERR_CONFLICT, "exec command %s has already run", x->id);
	if (x->started)
		return err_set(e, ERR_CONFLICT, "exec command %s is already running", x->id);
	return check_running(x->container, e);
}

int exec_start_reserve(struct exec *x, struct attach_client *client, struct err *e)
{
	int r = exec_start_check(x, e);
	struct shim *shim = x->container->shim;

	if (r == 0)
		r = shim_reserve(shim, true, e);
	if (r == 0)
		client->place = shim;
	return r;
}

void exec_start_give_up(struct exec *x, struct attach_client *client)
{
	if (client->place && client->place == x->container->shim)
		shim_unreserve(x->container->shim, true);
	client->place = NULL;
}

struct exec_launch {
	struct job job;
	struct arena *a;
	struct exec *x;
	pid_t container_pid;
	struct spec_exec spec;
	const char *user;
};

/* Names are looked up in the container's own files, as it sees them now. */
static int user_run(struct job *job)
{
	struct exec_launch *l = container_of(job, struct exec_launch, job);
	struct str passwd = STR(""), group = STR("");
	char path[64];
	CLEANUP_FD int root = -1;

	text_format(path, sizeof(path), "/proc/%d/root", (int)l->container_pid);
	root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0 && (errno == ENOENT || errno == ESRCH))
		return err_set(&job->err, ERR_CONFLICT, "container %s is not running",
			       l->x->container->id);
	if (root < 0)
		return err_sys(&job->err, errno, "opening the container's root");
	if (file_read_in_root(root, "/etc/passwd", ETC_FILE_MAX, l->a, &passwd, NULL) < 0)
		passwd = STR("");
	if (file_read_in_root(root, "/etc/group", ETC_FILE_MAX, l->a, &group, NULL) < 0)
		group = STR("");
	return passwd_resolve(str_from(l->user), passwd, group, &l->spec.user, &job->err);
}

/* Does an entry of env, from the given one on, set the same variable? */
static bool overrides(const struct texts *env, size_t from, const char *entry)
{
	size_t key = strcspn(entry, "=");

	for (size_t i = from; i < env->n; i++)
		if (!strncmp(env->items[i], entry, key) && env->items[i][key] == '=')
			return true;
	return false;
}

static int fill_env(struct exec_launch *l)
{
	const struct container *c = l->x->container;
	const struct texts *base = &c->config.env, *extra = &l->x->config.env;
	struct link_texts links = {0};
	int told = links_describe(c, l->a, &links, NULL);
	const char **env =
		arena_alloc_array(l->a, base->n + extra->n + links.env.n + 5, sizeof(*env));
	size_t n = 0;
	bool has_path = false, has_term = false, has_home = false;

	if (!env)
		return -ENOMEM;
	for (size_t i = 0; told == 0 && i < links.env.n; i++) /* while they all run */
		if (!overrides(base, 0, links.env.items[i]) &&
		    !overrides(extra, 0, links.env.items[i]))
			env[n++] = links.env.items[i];
	for (size_t i = 0; i < base->n; i++)
		if (strchr(base->items[i], '=') && !overrides(extra, 0, base->items[i]) &&
		    strcmp(base->items[i], "HOME="))
			env[n++] = base->items[i];
	for (size_t i = 0; i < extra->n; i++)
		if (strchr(extra->items[i], '=') && !overrides(extra, i + 1, extra->items[i]) &&
		    strcmp(extra->items[i], "HOME="))
			env[n++] = extra->items[i];
	for (size_t i = 0; i < n; i++) {
		has_path |= strz_starts(env[i], "PATH=");
		has_term |= strz_starts(env[i], "TERM=");
		has_home |= strz_starts(env[i], "HOME=");
	}
	if (!has_path)
		env[n++] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	if (c->config.hostname)
		env[n++] = arena_printf(l->a, "HOSTNAME=%s", c->config.hostname);
	if (l->x->config.tty && !has_term)
		env[n++] = "TERM=xterm";
	if (!has_home) /* an empty one counts as none */
		env[n++] = arena_printf(l->a, "HOME=%s", l->spec.user.home);
	l->spec.env = env;
	return 0;
}

static int fill_args(struct exec_launch *l)
{
	const struct texts *cmd = &l->x->config.cmd;
	const char **args = arena_alloc_array(l->a, cmd->n + 1, sizeof(*args));

	if (!args)
		return -ENOMEM;
	for (size_t i = 0; i < cmd->n; i++)
		args[i] = cmd->items[i];
	l->spec.args = args;
	return 0;
}

static int write_process(struct exec_launch *l, uint16_t height, uint16_t width, struct buf *out,
			 struct err *e) FIBER_FN
{
	const struct exec *x = l->x;
	const struct container *c = x->container;
	const char *cwd = x->config.working_dir && *x->config.working_dir ? x->config.working_dir
									  : c->config.working_dir;
	int r;

	l->user = x->config.user && *x->config.user ? x->config.user : c->config.user;
	l->user = l->user ? l->user : "";
	l->container_pid = c->pid;
	r = job_run(&l->job, user_run, JOB_SHORT);
	if (r < 0) {
		if (e)
			*e = l->job.err;
		return l->job.err.kind ? r
				       : err_set(e, ERR_UNAVAILABLE,
						 "too many operations at once; try again");
	}
	if (fill_env(l) < 0 || fill_args(l) < 0)
		return err_set(e, ERR_UNAVAILABLE, "no memory");
	l->spec.cwd = cwd && *cwd ? cwd : "/";
	l->spec.tty = x->config.tty;
	l->spec.privileged = x->config.privileged;
	l->spec.host = &c->host;
	l->spec.height = height;
	l->spec.width = width;
	return spec_write_exec(&l->spec, out, e);
}

static struct shim_stream exec_stream(const struct exec *x, struct attach_client *client, bool raw)
{
	client->taken = true;
	return (struct shim_stream){
		.fd = client->take_fd(client),
		.leftover = client->leftover,
		.want_stdin = x->config.attach_stdin,
		.want_stdout = x->config.attach_stdout,
		.want_stderr = x->config.attach_stderr && (!raw || x->probe),
		.framed = !raw,
		.detach_keys = client->detach_keys,
	};
}

static int exec_launch(struct exec *x, struct exec_launch *l, bool raw, uint16_t height,
		       uint16_t width, struct attach_client *client, struct err *e) FIBER_FN
{
	struct container *c = x->container;
	struct shim_stream stream;
	struct shim_exec run = {
		.exec_id = x->id, .tty = x->config.tty, .height = height, .width = width};
	struct buf out;
	int r, code = 126;

	buf_init(&out, l->a, PROCESS_MAX);
	r = write_process(l, height, width, &out, e);
	if (r < 0)
		return r;
	if (check_running(c, e) < 0)
		return err_code(e);
	run.process = buf_str(&out);
	run.attach_stdin = x->config.attach_stdin && client;
	if (client) {
		stream = exec_stream(x, client, raw);
		run.stream = &stream;
		run.reserved = client->place && client->place == c->shim;
		client->place = NULL;
	}
	r = shim_exec_start(c->shim, &run, &x->pid, &code, e);
	if (r < 0) {
		x->has_exit_code = true;
		x->exit_code = code;
	}
	return r;
}

int exec_start(struct exec *x, bool raw, uint16_t height, uint16_t width,
	       struct attach_client *client, struct err *e)
{
	CLEANUP_ARENA struct arena a = {0};
	struct exec_launch *l;
	int r = exec_start_check(x, e);

	if (r < 0)
		return r;
	if (arena_open(&a, POOL_NORMAL) < 0)
		return err_set(e, ERR_UNAVAILABLE, "too many operations at once; try again");
	l = arena_alloc(&a, sizeof(*l));
	if (!l)
		return err_set(e, ERR_UNAVAILABLE, "no memory for an exec");
	l->a = &a;
	l->x = x;
	exec_ref(x);
	fiber_shield();
	x->started = true;
	x->running = true;
	exec_event(x, "exec_start");
	r = exec_launch(x, l, raw, height, width, client, e);
	if (r < 0) {
		x->running = false;
		x->ended_ns = clock_mono();
		if (!x->has_exit_code) {
			x->has_exit_code = true;
			x->exit_code = 126;
		}
	}
	waitq_wake_all(&x->changed);
	if (client)
		exec_start_give_up(x, client); /* when it did not come to using it */
	fiber_unshield();
	exec_unref(x);
	return r;
}

void container_exec_ended(struct container *c, const char *exec_id, int code)
{
	struct map_node *n = map_find(&c->eng->execs, str_from(exec_id));
	struct exec *x = n ? map_entry(n, struct exec, node) : NULL;

	if (!x)
		return;
	x->running = false;
	x->has_exit_code = true;
	x->exit_code = code;
	x->ended_ns = clock_mono();
	exec_event_die(x);
	waitq_wake_all(&x->changed);
}

int exec_resize(struct exec *x, uint16_t height, uint16_t width, struct err *e)
{
	int64_t deadline = clock_in_ms(EXEC_RESIZE_WAIT_MS);
	int r = 0;

	/* The process may be about to start: the client resizes right after asking for it. */
	while (r == 0 && (!x->started || (x->running && !x->pid)))
		r = waitq_wait(&x->changed, deadline);
	if (r < 0)
		return err_set(e, ERR_TIMEOUT, "timeout waiting for exec session ready");
	if (!x->running || !x->container->shim)
		return err_set(e, ERR_CONFLICT,
			       "cannot resize a stopped container: exec %s is not running", x->id);
	return shim_resize(x->container->shim, x->id, height, width, e);
}

int exec_refresh(struct exec *x, struct err *e)
{
	if (!x->running || !x->pid || !x->container->shim)
		return 0;
	return shim_sync(x->container->shim, e);
}
