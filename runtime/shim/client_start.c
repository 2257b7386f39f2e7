/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starting a shim, and finding it again. Whether one lives is told by its socket; shim.pid (pid and
 * start time, against pids given out again) tells whether one that is ending still uses the folder,
 * and its lock on the state directory, which outlives the folder, whether the runtime still deletes
 * the container.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "firmware/core/config.h"
#include "firmware/sched/child.h"
#include "runtime/shim/client_private.h"
#include "runtime/shim/log_plan.h"

#define START_MS ((2 * CONFIG_SHIM_RUNTIME_S + 10) * 1000LL)
#define OLD_SHIM_MS 20000
#define CALL_MS 10000

static size_t read_small(int dir, const char *name, char *out, size_t size)
{
	int fd CLEANUP_FD = openat(dir, name, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, out, size);

	return n > 0 ? (size_t)n : 0;
}

/* Does the process that wrote shim.pid still live? */
static bool shim_alive(int dir)
{
	char text[64], path[64], stat[512];
	struct str start, rest;
	uint64_t pid;
	ptrdiff_t at;

	start = str_span(text, read_small(dir, "shim.pid", text, sizeof(text)));
	if (str_to_u64(str_cut(start, ' ', &start), &pid) < 0 || pid > INT32_MAX)
		return false;
	start = str_cut(start, '\n', &rest);
	snprintf(path, sizeof(path), "/proc/%u/stat", (unsigned)pid);
	rest = str_span(stat, read_small(AT_FDCWD, path, stat, sizeof(stat)));
	at = str_rfind(rest, ')');
	if (at < 0 || rest.n < (size_t)at + 4)
		return false;
	rest = str_span(rest.p + at + 2, rest.n - (size_t)at - 2);
	if (rest.p[0] == 'Z')
		return false;
	for (int i = 0; i < 19; i++)
		str_cut(rest, ' ', &rest);
	return str_eq(str_cut(rest, ' ', &rest), start);
}

/* Asks without taking it. A file system that knows no such locks has nobody who holds one. */
static bool is_locked(int state)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	return state >= 0 && fcntl(state, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

static int wait_for_old(int dir, const char *state_dir, struct err *e) FIBER_FN
{
	int64_t deadline = clock_in_ms(OLD_SHIM_MS);
	int state CLEANUP_FD = open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	for (int64_t ms = 1; shim_alive(dir) || is_locked(state); ms = MIN(ms * 2, 50)) {
		int r = fiber_sleep_ms(ms);

		if (r < 0)
			return err_sys(e, r, "waiting for the container's last end");
		if (clock_mono() > deadline)
			return err_set(e, ERR_CONFLICT, "the container's last end is not over yet");
	}
	return 0;
}

static int spawn_shim(const struct shim_launch *l, int fd, int plan, struct err *e) FIBER_FN
{
	static const char *const stdin_kinds[] = {"none", "open", "once"};
	const char *argv[] = {
		"serind",    "shim",
		"--id",	     l->id,
		"--run",     l->run_dir,
		"--state",   l->state_dir,
		"--runtime", l->runtime_path,
		"--root",    l->runtime_root,
		"--tty",     l->tty ? "yes" : "no",
		"--stdin",   stdin_kinds[!l->open_stdin ? 0 : l->stdin_once ? 2 : 1],
		"--log",     plan >= 0 ? l->log_driver : "none",
		NULL,
	};
	struct child_spec spec = {.path = l->self_path, .argv = argv, .new_session = true};
	struct child child;
	int r;

	spec.fds[0] = spec.fds[1] = spec.fds[2] = -1;
	spec.fds[3] = fd;
	spec.fds[4] = plan;
	spec.n_fds = plan >= 0 ? 5 : 4;
	spec.oom_score_adj = -999;
	r = child_spawn(&child, &spec, e);
	if (r < 0)
		return err_wrap(e, "failed to create task for container: failed to start shim");
	child_done(&child);
	return 0;
}

static int send_holds(struct shim *s, const struct shim_launch *l, struct err *e) FIBER_FN
{
	for (size_t i = 0; i < l->n_hold_fds; i += SHIM_FDS_MAX) {
		struct shim_msg m;
		int r;

		shim_msg_init(&m, SHIM_HOLD);
		r = shim_tell(s, &m, (struct str){NULL, 0}, l->hold_fds + i,
			      MIN(l->n_hold_fds - i, SHIM_FDS_MAX), e);
		if (r < 0)
			return r;
	}
	return 0;
}

static int talk_start(struct shim *s, const struct shim_launch *l, size_t *given, pid_t *ret_pid,
		      int64_t *ret_started_ns, struct err *e) FIBER_FN
{
	struct shim_call call;
	struct shim_msg m;
	int r;

	r = send_holds(s, l, e);
	while (r == 0 && *given < l->n_streams)
		r = shim_attach(s, &l->streams[(*given)++], e);
	if (r < 0)
		return r;
	shim_msg_init(&m, SHIM_START);
	m.height = l->height;
	m.width = l->width;
	r = shim_ask(s, &m, (struct str){NULL, 0}, NULL, 0, clock_in_ms(START_MS), &call, e);
	if (r < 0)
		return r;
	*ret_pid = call.pid;
	*ret_started_ns = call.started_ns;
	return 0;
}

static int start(const struct shim_launch *l, size_t *given, struct shim **ret, pid_t *ret_pid,
		 int64_t *ret_started_ns, struct err *e) FIBER_FN
{
	int dir CLEANUP_FD = open(l->run_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int ours CLEANUP_FD = -1, theirs CLEANUP_FD = -1, plan CLEANUP_FD = -1;
	struct shim *s = NULL;
	int fds[2], r;

	if (dir < 0)
		return err_sys(e, errno, "opening %s", l->run_dir);
	r = wait_for_old(dir, l->state_dir, e);
	if (r < 0)
		return r;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
		return err_sys(e, errno, "socketpair");
	ours = fds[0];
	theirs = fds[1];
	if (l->log_plan.n) {
		plan = log_plan_write(l->log_plan);
		if (plan < 0)
			return err_sys(e, plan, "telling the shim of the log");
	}
	r = spawn_shim(l, theirs, plan, e);
	if (r < 0)
		return r;
	close(TAKE_FD(theirs));
	r = shim_open(l->run_dir, l->state_dir, l->events, TAKE_FD(ours), &s, e);
	if (r < 0)
		return r;
	s->websockets = CONFIG(WEBSOCKET); /* clients are handed over before its hello is read */
	r = talk_start(s, l, given, ret_pid, ret_started_ns, e);
	if (r < 0) {
		if (s->state == SHIM_STATE_FAILED && s->failure[0])
			err_set(e, ERR_SYSTEM, "failed to create task for container: %s",
				s->failure);
		else if (s->dead && e && e->kind == ERR_CONFLICT)
			e->kind = ERR_SYSTEM;
		shim_free(s);
		return e ? err_code(e) : r;
	}
	*ret = s;
	return 0;
}

int shim_start(const struct shim_launch *launch, struct shim **ret, pid_t *ret_pid,
	       int64_t *ret_started_ns, struct err *e)
{
	size_t given = 0;
	int r;

	fiber_shield();
	r = start(launch, &given, ret, ret_pid, ret_started_ns, e);
	fiber_unshield();
	for (; given < launch->n_streams; given++)
		close(launch->streams[given].fd);
	return r;
}

/* Socket addresses are short and folders may not be: the name goes by way of the descriptor. */
static int connect_to(const char *run_dir)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int dir CLEANUP_FD = open(run_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd CLEANUP_FD = -1;

	if (dir < 0)
		return -errno;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	snprintf(addr.sun_path, sizeof(addr.sun_path), "/proc/self/fd/%d/shim.sock", dir);
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		return -errno;
	return TAKE_FD(fd);
}

static int find_exit(const char *state_dir, bool *ret_has_exit, struct shim_exit *ret_exit,
		     struct err *e)
{
	*ret_has_exit = shim_read_exit(state_dir, ret_exit, NULL) == 0;
	return err_set(e, ERR_NOT_FOUND, "the shim is gone");
}

int shim_reconnect(const char *run_dir, const char *state_dir, const struct shim_events *events,
		   struct shim **ret, pid_t *ret_pid, bool *ret_has_exit,
		   struct shim_exit *ret_exit, struct err *e)
{
	int64_t deadline = clock_in_ms(CALL_MS);
	struct shim *s;
	int fd, r = 0;

	*ret_has_exit = false;
	fd = connect_to(run_dir);
	if (fd == -EMFILE || fd == -ENFILE || fd == -ENOMEM)
		return err_sys(e, fd, "connecting to the shim");
	if (fd < 0)
		return find_exit(state_dir, ret_has_exit, ret_exit, e);
	r = shim_open(run_dir, state_dir, events, fd, &s, e);
	if (r < 0)
		return r;
	while (r == 0 && !s->dead && s->state != SHIM_STATE_RUNNING &&
	       s->state != SHIM_STATE_EXITED) {
		if (s->state == SHIM_STATE_STARTING && deadline < clock_in_ms(CALL_MS))
			deadline = clock_in_ms(START_MS);
		r = waitq_wait(&s->changed, deadline);
	}
	if (s->state == SHIM_STATE_RUNNING || s->state == SHIM_STATE_EXITED) {
		*ret_pid = s->pid;
		*ret = s;
		return 0;
	}
	if (s->dead) {
		shim_free(s);
		return find_exit(state_dir, ret_has_exit, ret_exit, e);
	}
	shim_free(s);
	return err_sys(e, r, "waiting for the shim to answer");
}
