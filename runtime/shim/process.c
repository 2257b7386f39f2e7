/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of the container and of its execs: started by the runtime (which leaves them to us,
 * their subreaper), ended by themselves, drained, written down, reported, released.
 *
 * While a runtime is at work, only pids we know are reaped: the one it starts may end before we
 * have read its pid file, and its status must still be there.
 *
 * What a client sees last is the end of its stream, so that comes last: first the exit status is on
 * disk, then the daemon has acknowledged it, then streams close.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "firmware/core/mem.h"
#include "runtime/shim/private.h"

#define DRAIN_MS 2000
#define PTY_RETRY_MS 100

struct proc *proc_find(struct shim_process *s, const char *id)
{
	for (size_t i = 1; i < PROC_COUNT; i++) {
		if (s->procs[i].state != PROC_FREE && !strcmp(s->procs[i].id, id))
			return &s->procs[i];
	}
	return NULL;
}

static void close_console(struct proc *p)
{
	if (p->console_fd >= 0)
		close(p->console_fd);
	p->console_fd = -1;
}

void shim_lock(struct shim_process *s, bool on)
{
	struct flock lock = {.l_type = on ? F_RDLCK : F_UNLCK, .l_whence = SEEK_SET};

	(void)fcntl(s->state_dirfd, F_OFD_SETLK, &lock);
}

static void remove_files(struct shim_process *s)
{
	s->gone = true;
	shim_lock(s, false);
	(void)unlinkat(s->run_dirfd, "init.pid", 0);
	(void)unlinkat(s->run_dirfd, "shim.sock", 0);
	(void)unlinkat(s->run_dirfd, "shim.pid", 0);
	if (s->listen_fd >= 0)
		close(s->listen_fd);
	s->listen_fd = -1;
}

/* The container could not be started and all traces are gone: say so and end. */
static void start_failed(struct shim_process *s)
{
	struct proc *p = &s->procs[0];

	s->state = SHIM_STATE_FAILED;
	p->state = PROC_RELEASED;
	pump_close(s, p);
	remove_files(s);
	control_reply(s, p->number,
		      runtime_error_is_invalid(&s->failure) ? ERR_INVALID : ERR_SYSTEM, 0,
		      s->failure.text);
	for (size_t i = 0; i < s->client_end; i++) {
		if (s->clients[i].fd >= 0)
			attach_linger(s, &s->clients[i]);
	}
}

/* The text goes to the client as the engine writes it; the code has been replied already. */
static void exec_failed(struct shim_process *s, struct proc *p)
{
	int kind = runtime_error_is_invalid(&s->failure) ? ERR_INVALID : ERR_SYSTEM;
	char line[RUNTIME_ERROR_MAX + 2];
	int n = snprintf(line, sizeof(line), "%s\r\n", s->failure.text);
	struct shim_msg m;

	pump_close(s, p);
	p->code = s->failure.code;
	p->state = PROC_ENDED;
	p->reported = true;
	p->deadline = clock_in_ms(DRAIN_MS);
	shim_arm(s, p->deadline);
	pump_send(s, p, 0, (const uint8_t *)line, (size_t)n);
	shim_msg_init(&m, SHIM_REPLY);
	m.number = p->number;
	m.code = kind;
	m.signo = p->code;
	(void)control_send(s, &m, str_from(s->failure.text));
}

void proc_failed(struct shim_process *s, struct proc *p, bool clean_up)
{
	launch_unlink(s, p);
	close_console(p);
	attach_close_stdin(s, p);
	if (!proc_is_container(s, p)) {
		exec_failed(s, p);
		return;
	}
	pump_close(s, p);
	s->retry = clean_up && !s->retried && runtime_error_is_leftover(&s->failure);
	if (clean_up) {
		s->delete_pid = launch_delete(s);
		s->delete_deadline = clock_in_ms(CONFIG_SHIM_RUNTIME_S * 1000LL);
		shim_arm(s, s->delete_deadline);
	}
	if (!clean_up || s->delete_pid < 0)
		start_failed(s);
}

void proc_start(struct shim_process *s, struct proc *p)
{
	struct launch l;
	pid_t pid;
	int r;

	p->state = PROC_STARTING;
	p->deadline = clock_in_ms(CONFIG_SHIM_RUNTIME_S * 1000LL);
	shim_arm(s, p->deadline);
	p->direct = p->direct && direct_possible(s, p);
	r = launch_open_stdio(s, p, &l);
	if (r < 0) {
		snprintf(s->failure.text, sizeof(s->failure.text),
			 "failed to create task for container: stdio: %s", strerror(-r));
		s->failure.code = 128;
		proc_failed(s, p, false);
		return;
	}
	pid = p->direct ? direct_start(s, p, &l) : launch_runtime(s, p, &l);
	if (pid < 0) {
		launch_close(&l);
		runtime_error_from_spawn(-pid, s->runtime, !proc_is_container(s, p), &s->failure);
		proc_failed(s, p, false);
		return;
	}
	p->runtime_pid = pid;
	s->pending++;
	p->stdin_fd = TAKE_FD(l.parent[0]);
	p->out[0].fd = TAKE_FD(l.parent[1]);
	p->out[1].fd = TAKE_FD(l.parent[2]);
	launch_close(&l);
}

/* The runtime's log, or what it wrote on standard error when it did not get that far. */
static void read_failure(struct shim_process *s, struct proc *p)
{
	static char text[8192], said[480];
	char name[32];
	ssize_t n = -1, said_n;
	off_t end;
	int fd;

	launch_name(s, p, "log", name, sizeof(name));
	fd = openat(s->run_dirfd, name, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		end = lseek(fd, 0, SEEK_END);
		n = pread(fd, text, sizeof(text),
			  end > (off_t)sizeof(text) ? end - (off_t)sizeof(text) : 0);
		close(fd);
	}
	/* A runtime that keeps no log says it on the standard error that was to be the container's.
	 */
	said_n = p->out[1].fd >= 0 ? read(p->out[1].fd, said, sizeof(said)) : -1;
	runtime_error_from_log(str_span(text, n > 0 ? (size_t)n : 0),
			       str_span(said, said_n > 0 ? (size_t)said_n : 0), s->runtime,
			       !proc_is_container(s, p), &s->failure);
}

void proc_running(struct shim_process *s, struct proc *p, pid_t pid, int pty)
{
	p->pid = pid;
	p->state = PROC_RUNNING;
	p->deadline = DEADLINE_NEVER;
	if (p->tty) {
		p->out[0].fd = pty;
		if (p->height && p->width)
			(void)console_resize(pty, p->height, p->width);
	}
	launch_unlink(s, p);
	if (proc_is_container(s, p)) {
		s->started_ns = clock_wall();
		s->state = SHIM_STATE_RUNNING;
		if (!cgroup_oom_path(pid, s->oom_path, sizeof(s->oom_path)))
			s->oom_path[0] = 0;
		control_hello(s);
	}
	control_reply(s, p->number, 0, pid, NULL);
	pump_update(s, p, 0);
	pump_update(s, p, 1);
	attach_begin(s, p);
}

static void runtime_ended(struct shim_process *s, struct proc *p, int status)
{
	int pty = -1;
	pid_t pid = -1;

	p->runtime_pid = 0;
	s->pending--;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
		pid = launch_read_pid(s, p);
		if (p->tty)
			pty = console_take(s, p);
		if (pid > 0 && (!p->tty || pty >= 0)) {
			close_console(p);
			proc_running(s, p, pid, pty);
			return;
		}
	}
	if (pty >= 0)
		close(pty);
	if (WIFSIGNALED(status)) {
		snprintf(s->failure.text, sizeof(s->failure.text), "%s%s was killed by signal %d",
			 "failed to create task for container: ", s->runtime, WTERMSIG(status));
		s->failure.code = proc_is_container(s, p) ? 128 : 126;
	} else {
		read_failure(s, p);
	}
	proc_failed(s, p, true);
}

static void container_ended(struct shim_process *s, struct proc *p)
{
	struct shim_exit x = {.code = p->code, .signo = p->signo, .started_ns = s->started_ns};

	shim_log_end(s);
	for (size_t i = 0; i < s->n_hold; i++)
		close(s->hold[i]);
	mem_free(s->hold);
	s->hold = NULL;
	s->n_hold = 0;
	s->oom_killed = s->oom_path[0] && cgroup_oom_kills(s->oom_path) > 0;
	x.finished_ns = s->finished_ns;
	x.oom_killed = s->oom_killed;
	s->state = SHIM_STATE_EXITED;
	(void)exit_file_write(s->state_dirfd, &x, p->pid);
	control_report(s, p);
	/* What the kernel did not end with the container: execs that share the host's pids. */
	for (size_t i = 1; i < PROC_COUNT; i++) {
		if (s->procs[i].state == PROC_RUNNING)
			(void)kill(s->procs[i].pid, SIGKILL);
		if (s->procs[i].state == PROC_STARTING && s->procs[i].direct)
			direct_kill(s, &s->procs[i], "the container has ended");
	}
	s->delete_pid = launch_delete(s);
	s->delete_deadline = clock_in_ms(CONFIG_SHIM_RUNTIME_S * 1000LL);
	shim_arm(s, s->delete_deadline);
	if (s->delete_pid < 0)
		s->deleted = true;
}

static void ended(struct shim_process *s, struct proc *p)
{
	p->state = PROC_ENDED;
	if (proc_is_container(s, p))
		container_ended(s, p);
	else
		control_report(s, p);
}

void proc_check_drained(struct shim_process *s, struct proc *p)
{
	if (p->state == PROC_DRAINING && p->out[0].fd < 0 && p->out[1].fd < 0)
		ended(s, p);
}

static void exited(struct shim_process *s, struct proc *p, int status)
{
	p->signo = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	p->code = p->signo ? 128 + p->signo : WEXITSTATUS(status);
	if (proc_is_container(s, p)) {
		s->finished_ns = clock_wall();
		cgroup_kill_rest(s->oom_path);
	}
	attach_close_stdin(s, p);
	p->state = PROC_DRAINING;
	p->deadline = clock_in_ms(DRAIN_MS);
	shim_arm(s, p->deadline);
	pump_drain(s, p);
	proc_check_drained(s, p);
}

static void delete_ended(struct shim_process *s)
{
	s->delete_pid = 0;
	if (s->state != SHIM_STATE_STARTING) {
		s->deleted = true;
		shim_lock(s, false);
		return;
	}
	if (s->retry) {
		s->retry = false;
		s->retried = true;
		proc_start(s, &s->procs[0]);
		return;
	}
	start_failed(s);
}

static void reap_known(struct shim_process *s)
{
	int status;

	for (size_t i = 0; i < PROC_COUNT; i++) {
		struct proc *p = &s->procs[i];

		if (p->runtime_pid > 0 && waitpid(p->runtime_pid, &status, WNOHANG) > 0) {
			if (p->direct)
				direct_reaped(s, p);
			else
				runtime_ended(s, p, status);
		}
		if (p->state == PROC_RUNNING && waitpid(p->pid, &status, WNOHANG) > 0)
			exited(s, p, status);
	}
	if (s->delete_pid > 0 && waitpid(s->delete_pid, &status, WNOHANG) > 0)
		delete_ended(s);
}

void proc_reap(struct shim_process *s)
{
	pid_t pid;
	int status;

	if (s->pending)
		reap_known(s);
	while (!s->pending && (pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (shim_log_reaped(s, pid))
			continue;
		if (pid == s->delete_pid) {
			delete_ended(s);
			continue;
		}
		for (size_t i = 0; i < PROC_COUNT; i++) {
			struct proc *p = &s->procs[i];

			if (p->state == PROC_RUNNING && p->pid == pid) {
				exited(s, p, status);
				break;
			}
		}
	}
}

void proc_acknowledged(struct shim_process *s, struct proc *p)
{
	p->acked = true;
	p->state = PROC_RELEASED;
	p->deadline = DEADLINE_NEVER;
	for (size_t i = 0; i < s->client_end; i++) {
		struct client *c = &s->clients[i];

		if (c->fd >= 0 && c->proc == p && pump_client_idle(c))
			attach_linger(s, c);
	}
	proc_free_if_unused(s, p);
}

void proc_free_if_unused(struct shim_process *s, struct proc *p)
{
	if (p->state != PROC_RELEASED || proc_is_container(s, p))
		return;
	for (size_t i = 0; i < s->client_end; i++) {
		if (s->clients[i].fd >= 0 && s->clients[i].proc == p)
			return;
	}
	p->state = PROC_FREE;
}

void proc_tick(struct shim_process *s, struct proc *p, int64_t now)
{
	if (p->state == PROC_RUNNING && p->pty_closed) {
		p->pty_closed = false;
		pump_ready(s, p, 0);
		return;
	}
	if (p->deadline > now) {
		shim_arm(s, p->deadline);
		return;
	}
	switch (p->state) {
	case PROC_STARTING:
		if (p->direct && direct_go_on(s, p))
			return;
		if (p->direct)
			direct_kill(s, p, "it takes too long");
		else if (p->runtime_pid > 0)
			(void)kill(p->runtime_pid, SIGKILL);
		p->deadline = clock_in_ms(1000);
		shim_arm(s, p->deadline);
		return;
	case PROC_DRAINING:
		/* Somebody else keeps the pipe open: what is in it now is all we wait for. */
		pump_drain(s, p);
		pump_close(s, p);
		proc_check_drained(s, p);
		return;
	case PROC_ENDED:
		if (p->reported)
			proc_acknowledged(s, p);
		else
			control_report(s, p);
		return;
	default:
		p->deadline = DEADLINE_NEVER;
	}
}

void proc_release_if_alone(struct shim_process *s)
{
	if (s->gone || (s->state != SHIM_STATE_EXITED && s->daemon_fd >= 0))
		return;
	for (size_t i = 0; i < PROC_COUNT; i++) {
		if (s->procs[i].state == PROC_ENDED && s->daemon_fd < 0)
			proc_acknowledged(s, &s->procs[i]);
		if (s->state == SHIM_STATE_EXITED && s->procs[i].state != PROC_FREE &&
		    s->procs[i].state != PROC_RELEASED)
			return;
	}
	if (s->state == SHIM_STATE_EXITED && s->deleted) {
		remove_files(s);
		control_drop(s);
	}
}
