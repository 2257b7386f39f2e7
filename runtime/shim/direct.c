/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Execs without the runtime. runtime/join's helper takes the runtime's place: as with it the proc
 * is being started until the helper has ended, and in addition until its channel has, which the
 * process in the container keeps open until it has become the command. What cannot be done this way
 * is begun again with the runtime.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "firmware/core/config.h"
#include "runtime/shim/private.h"

#define HOLD_MS 200

/* Why not, by proc; apart, since they are large and mostly unused. */
static struct reason {
	enum join_kind kind; /* 0: no reason */
	char text[JOIN_TEXT_MAX];
} reasons[PROC_COUNT];

static bool kind_of_runtime(const struct shim_process *s, enum join_runtime *ret)
{
	*ret = strcmp(s->runtime, "crun") ? JOIN_RUNC : JOIN_CRUN;
	return *ret == JOIN_CRUN || !strcmp(s->runtime, "runc");
}

bool direct_possible(const struct shim_process *s, const struct proc *p)
{
	enum join_runtime runtime;

	return CONFIG(EXEC_DIRECT) && s->sealed && !proc_is_container(s, p) &&
	       kind_of_runtime(s, &runtime);
}

pid_t direct_start(struct shim_process *s, struct proc *p, const struct launch *l)
{
	char document[SHIM_ID_MAX + 16];
	struct join_request req = {
		.id = s->id,
		.init = s->procs[0].pid,
		.bundle = s->run_dirfd,
		.document = document,
		.tty = p->tty,
	};
	pid_t pid;

	(void)kind_of_runtime(s, &req.runtime);
	launch_document(p, document, sizeof(document));
	for (int i = 0; i < 3; i++)
		req.stdio[i] = l->child[i] >= 0 ? l->child[i] : s->null_fd;
	memset(&reasons[proc_index(s, p)], 0, sizeof(reasons[0]));
	p->pid = 0;
	pid = join_start(&req, &p->join_fd);
	if (pid < 0)
		return pid;
	if (shim_watch(s, EPOLL_CTL_ADD, p->join_fd, EPOLLIN, WATCH_JOIN, p->generation,
		       proc_index(s, p)) < 0) {
		close(p->join_fd);
		p->join_fd = -1;
		(void)kill(pid, SIGKILL);
	}
	return pid;
}

/* The process in the container may say what it wants: only a child of ours that is nobody else. */
static bool is_new_child(const struct shim_process *s, pid_t pid)
{
	siginfo_t info;

	for (size_t i = 0; i < PROC_COUNT; i++) {
		if (s->procs[i].state != PROC_FREE &&
		    (s->procs[i].pid == pid || s->procs[i].runtime_pid == pid))
			return false;
	}
	return pid > 1 && pid != s->delete_pid &&
	       waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

static void take(struct shim_process *s, struct proc *p, const struct join_message *m, int *fd)
{
	struct reason *reason = &reasons[proc_index(s, p)];

	switch (m->kind) {
	case JOIN_PID:
		if (!p->pid && is_new_child(s, m->pid))
			p->pid = m->pid;
		return;
	case JOIN_TERMINAL:
		if (p->tty && p->join_tty < 0 && *fd >= 0 && isatty(*fd)) {
			p->join_tty = *fd;
			*fd = -1;
		}
		return;
	case JOIN_FAILED:
	case JOIN_UNSUPPORTED:
		if (reason->kind)
			return;
		reason->kind = m->kind;
		memcpy(reason->text, m->text, sizeof(reason->text));
		return;
	default:
		return;
	}
}

static void forget_streams(struct proc *p)
{
	for (int i = 0; i < 2; i++) {
		if (p->out[i].fd >= 0)
			close(p->out[i].fd);
		p->out[i].fd = -1;
	}
	if (p->stdin_fd >= 0)
		close(p->stdin_fd);
	p->stdin_fd = -1;
}

static void finish(struct shim_process *s, struct proc *p)
{
	const struct reason *reason = &reasons[proc_index(s, p)];
	pid_t pid = p->pid;
	int pty = p->join_tty;

	s->pending--;
	p->join_tty = -1;
	if (!reason->kind && pid > 0 && (!p->tty || pty >= 0)) {
		proc_running(s, p, pid, pty);
		/* Too late: it shares the host's pids, or it would be dead. */
		if (s->state == SHIM_STATE_EXITED)
			(void)kill(pid, SIGKILL);
		return;
	}
	if (pty >= 0)
		close(pty);
	if (pid > 0)
		(void)kill(pid, SIGKILL);
	p->pid = 0;
	if (reason->kind == JOIN_UNSUPPORTED) {
		forget_streams(p);
		p->direct = false;
		proc_start(s, p);
		return;
	}
	runtime_error_from_join(reason->kind ? reason->text
					     : "unable to start container process: it was killed",
				&s->failure);
	proc_failed(s, p, false);
}

/*
 * Some clients read the head of the answer through a buffer and what follows past it, and would
 * lose what comes so soon that it is in the buffer too. A local one can be seen to have read.
 */
static bool must_hold(struct shim_process *s, struct proc *p)
{
	int64_t now = clock_mono();

	if (!attach_is_behind(s, p))
		return false;
	if (!p->hold_until)
		p->hold_until = clock_in_ms(HOLD_MS);
	if (now >= p->hold_until)
		return false;
	p->deadline = clock_in_ms(1);
	shim_arm(s, p->deadline);
	return true;
}

bool direct_go_on(struct shim_process *s, struct proc *p)
{
	if (p->state != PROC_STARTING || p->join_fd >= 0 || p->runtime_pid > 0)
		return false;
	if (reasons[proc_index(s, p)].kind == JOIN_UNSUPPORTED || !must_hold(s, p)) {
		finish(s, p);
		/* What ended meanwhile was not ours to reap until now. */
		proc_reap(s);
	}
	return true;
}

void direct_ready(struct shim_process *s, struct proc *p)
{
	struct join_message m;
	int fd, r;

	if (p->join_fd < 0)
		return;
	while ((r = join_receive(p->join_fd, &m, &fd)) > 0) {
		take(s, p, &m, &fd);
		if (fd >= 0)
			close(fd);
	}
	if (r == -EAGAIN)
		return;
	close(p->join_fd);
	p->join_fd = -1;
	(void)direct_go_on(s, p);
}

void direct_reaped(struct shim_process *s, struct proc *p)
{
	p->runtime_pid = 0;
	(void)direct_go_on(s, p);
}

void direct_kill(struct shim_process *s, struct proc *p, const char *why)
{
	struct reason *reason = &reasons[proc_index(s, p)];

	if (!reason->kind) {
		reason->kind = JOIN_FAILED;
		snprintf(reason->text, sizeof(reason->text),
			 "unable to start container process: %s", why);
	}
	if (p->runtime_pid > 0)
		(void)kill(p->runtime_pid, SIGKILL);
	if (p->pid > 0)
		(void)kill(p->pid, SIGKILL);
}
