/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The conversation with the daemon. One connection counts: the newest. An end is told again on
 * every connection until the daemon has acknowledged it.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "firmware/core/config.h"
#include "firmware/core/mem.h"
#include "runtime/shim/private.h"

#define ACK_MS 10000
#define RESEND_MS 50

bool control_send(struct shim_process *s, struct shim_msg *m, struct str text)
{
	struct shim_out out;

	if (s->daemon_fd < 0)
		return false;
	shim_out_prepare(&out, m, text, NULL, 0);
	for (;;) {
		if (sendmsg(s->daemon_fd, &out.hdr, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
			return true;
		if (errno != EINTR)
			return false;
	}
}

void control_drop(struct shim_process *s)
{
	if (s->daemon_fd < 0)
		return;
	close(s->daemon_fd);
	s->daemon_fd = -1;
	s->reserved_attach = s->reserved_exec = 0;
	s->daemon_generation++;
}

void control_adopt(struct shim_process *s, int fd)
{
	control_drop(s);
	s->daemon_generation++;
	s->daemon_fd = fd;
	if (shim_watch(s, EPOLL_CTL_ADD, fd, EPOLLIN, WATCH_DAEMON, s->daemon_generation, 0) < 0)
		control_drop(s);
	control_hello(s);
}

void control_accept(struct shim_process *s)
{
	int fd = accept4(s->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return;
	control_adopt(s, fd);
	for (size_t i = 0; i < PROC_COUNT; i++) {
		if (s->procs[i].state == PROC_ENDED && !s->procs[i].acked) {
			s->procs[i].reported = false;
			control_report(s, &s->procs[i]);
		}
	}
}

void control_hello(struct shim_process *s)
{
	struct shim_msg m;

	shim_msg_init(&m, SHIM_HELLO);
	m.state = s->state;
	m.pid = s->procs[0].pid;
	m.started_ns = s->started_ns;
	m.flags = CONFIG(WEBSOCKET) ? SHIM_WEBSOCKET : 0;
	(void)control_send(s, &m, (struct str){NULL, 0});
}

void control_reply(struct shim_process *s, uint32_t number, int kind, pid_t pid, const char *text)
{
	struct shim_msg m;

	shim_msg_init(&m, SHIM_REPLY);
	m.number = number;
	m.code = kind;
	m.pid = pid;
	m.started_ns = s->started_ns;
	(void)control_send(s, &m, str_from(text));
}

/* A failed exec is an end too, but one that its reply has told of. */
void control_report(struct shim_process *s, struct proc *p)
{
	struct shim_msg m;

	if (p->reported)
		return;
	if (proc_is_container(s, p)) {
		shim_msg_init(&m, SHIM_EXITED);
		m.flags = s->oom_killed ? SHIM_OOM : 0;
		m.started_ns = s->started_ns;
		m.finished_ns = s->finished_ns;
	} else {
		shim_msg_init(&m, SHIM_EXEC_EXITED);
		memcpy(m.id, p->id, sizeof(m.id));
	}
	m.code = p->code;
	m.signo = p->signo;
	m.pid = p->pid;
	if (control_send(s, &m, (struct str){NULL, 0})) {
		p->reported = true;
		p->deadline = clock_in_ms(ACK_MS);
	} else {
		p->deadline = clock_in_ms(RESEND_MS);
	}
	shim_arm(s, p->deadline);
}

void control_detached(struct shim_process *s, const struct proc *p)
{
	struct shim_msg m;

	shim_msg_init(&m, SHIM_DETACHED);
	memcpy(m.id, p->id, sizeof(m.id));
	(void)control_send(s, &m, (struct str){NULL, 0});
}

static void refuse(struct shim_process *s, const struct shim_msg *m, enum err_kind kind,
		   const char *text)
{
	control_reply(s, m->number, (int)kind, 0, text);
}

static void do_hold(struct shim_process *s, int *fds, size_t *n)
{
	int *grown;

	if (!*n)
		return;
	grown = mem_realloc(s->hold, (s->n_hold + *n) * sizeof(int));

	if (!grown)
		return;
	s->hold = grown;
	memcpy(s->hold + s->n_hold, fds, *n * sizeof(int));
	s->n_hold += *n;
	*n = 0;
}

static void do_start(struct shim_process *s, const struct shim_msg *m)
{
	struct proc *p = &s->procs[0];

	if (s->state != SHIM_STATE_NEW) {
		refuse(s, m, ERR_CONFLICT, "the container was started already");
		return;
	}
	s->state = SHIM_STATE_STARTING;
	p->height = m->height;
	p->width = m->width;
	p->number = m->number;
	proc_start(s, p);
}

static void refuse_client(struct shim_process *s, const struct shim_msg *m)
{
	refuse(s, m, ERR_UNAVAILABLE, "too many clients are attached to the container");
}

static bool has_proc(const struct shim_process *s)
{
	size_t n = 0;

	for (size_t i = 1; i < PROC_COUNT; i++)
		n += s->procs[i].state == PROC_FREE;
	return n > s->reserved_exec;
}

static void do_reserve(struct shim_process *s, const struct shim_msg *m)
{
	if ((m->flags & SHIM_FOR_EXEC) && !has_proc(s)) {
		refuse(s, m, ERR_UNAVAILABLE, "too many processes were started in the container");
		return;
	}
	if (!(m->flags & SHIM_FOR_EXEC) && !attach_has_room(s)) {
		refuse_client(s, m);
		return;
	}
	*(m->flags & SHIM_FOR_EXEC ? &s->reserved_exec : &s->reserved_attach) += 1;
	control_reply(s, m->number, 0, 0, NULL);
}

static void unreserve(struct shim_process *s, bool exec)
{
	size_t *n = exec ? &s->reserved_exec : &s->reserved_attach;

	*n -= *n > 0;
}

static void do_attach(struct shim_process *s, int *fd)
{
	const struct shim_msg *m = &s->packet.msg;
	struct proc *p = &s->procs[0];

	if (m->flags & SHIM_RESERVED)
		unreserve(s, false);
	if (p->state >= PROC_ENDED || *fd < 0) {
		refuse(s, m, ERR_CONFLICT, "the container has ended");
		return;
	}
	if (!attach_has_room(s) || attach_add(s, p, *fd, &s->packet) < 0) {
		refuse_client(s, m);
		return;
	}
	*fd = -1;
	control_reply(s, m->number, 0, 0, NULL);
}

static void do_kill(struct shim_process *s, const struct shim_msg *m)
{
	struct proc *p = &s->procs[0];

	if (p->state != PROC_RUNNING || m->signo < 0 || m->signo > 64) {
		refuse(s, m, ERR_CONFLICT, "the container is not running");
		return;
	}
	/* Not reaped yet, so the pid is still its own. */
	if (kill(p->pid, m->signo) < 0) {
		refuse(s, m, errno == ESRCH ? ERR_CONFLICT : ERR_SYSTEM, strerror(errno));
		return;
	}
	control_reply(s, m->number, 0, 0, NULL);
}

static void do_resize(struct shim_process *s, const struct shim_msg *m)
{
	struct proc *p = m->id[0] ? proc_find(s, m->id) : &s->procs[0];

	if (!p || p->state != PROC_RUNNING) {
		refuse(s, m, ERR_CONFLICT, "the process is not running");
		return;
	}
	if (p->tty && p->out[0].fd >= 0)
		(void)console_resize(p->out[0].fd, m->height, m->width);
	control_reply(s, m->number, 0, 0, NULL);
}

static bool id_is_plain(const char *id)
{
	return id[0] &&
	       strspn(id, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-") ==
		       strlen(id);
}

static void do_exec(struct shim_process *s, int *fd)
{
	const struct shim_msg *m = &s->packet.msg;
	struct proc *p = NULL;

	if (m->flags & SHIM_RESERVED)
		unreserve(s, true);
	if (s->procs[0].state != PROC_RUNNING) {
		refuse(s, m, ERR_CONFLICT, "the container is not running");
		return;
	}
	if (!id_is_plain(m->id) || proc_find(s, m->id)) {
		refuse(s, m, ERR_CONFLICT, "the exec was started already");
		return;
	}
	for (size_t i = 1; i < PROC_COUNT && !p; i++) {
		if (s->procs[i].state == PROC_FREE)
			p = &s->procs[i];
	}
	if (!p || !has_proc(s)) {
		refuse(s, m, ERR_UNAVAILABLE, "too many processes were started in the container");
		return;
	}
	*p = (struct proc){.generation = p->generation + 1, .stdin_fd = -1, .console_fd = -1};
	p->join_fd = p->join_tty = -1;
	p->direct = true; /* if it can be */
	p->out[0].fd = p->out[1].fd = -1;
	memcpy(p->id, m->id, sizeof(p->id));
	p->tty = m->flags & SHIM_TTY;
	p->want_in = m->flags & SHIM_OPEN_STDIN;
	p->close_stdin = true;
	p->want_out = *fd >= 0 && (m->flags & SHIM_STDOUT);
	p->want_err = *fd >= 0 && (m->flags & SHIM_STDERR);
	p->height = m->height;
	p->width = m->width;
	p->number = m->number;
	if (*fd >= 0) {
		if (attach_add(s, p, *fd, &s->packet) < 0) {
			refuse_client(s, m);
			return;
		}
		*fd = -1;
	}
	proc_start(s, p);
}

static void do_ack(struct shim_process *s, const struct shim_msg *m)
{
	struct proc *p = m->id[0] ? proc_find(s, m->id) : &s->procs[0];

	if (p && p->state == PROC_ENDED)
		proc_acknowledged(s, p);
}

static void handle(struct shim_process *s, int *fds, size_t *n_fds)
{
	const struct shim_msg *m = &s->packet.msg;
	int none = -1;

	switch (m->type) {
	case SHIM_HOLD:
		do_hold(s, fds, n_fds);
		return;
	case SHIM_START:
		do_start(s, m);
		return;
	case SHIM_ATTACH:
		do_attach(s, *n_fds ? fds : &none);
		return;
	case SHIM_KILL:
		do_kill(s, m);
		return;
	case SHIM_RESIZE:
		do_resize(s, m);
		return;
	case SHIM_EXEC:
		do_exec(s, *n_fds ? fds : &none);
		return;
	case SHIM_SYNC:
		control_reply(s, m->number, 0, 0, NULL);
		return;
	case SHIM_ACK:
		do_ack(s, m);
		return;
	case SHIM_RESERVE:
		do_reserve(s, m);
		return;
	case SHIM_UNRESERVE:
		unreserve(s, m->flags & SHIM_FOR_EXEC);
		return;
	case SHIM_QUIT:
		if (s->state == SHIM_STATE_NEW)
			control_drop(s);
		return;
	default:
		refuse(s, m, ERR_NOT_IMPLEMENTED, "the shim does not know this request");
	}
}

void control_ready(struct shim_process *s, uint32_t events)
{
	struct shim_out in;
	int fds[SHIM_FDS_MAX];
	size_t n_fds;
	ssize_t n;

	(void)events;
	shim_in_prepare(&in, &s->packet);
	n = recvmsg(s->daemon_fd, &in.hdr, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		control_drop(s);
		return;
	}
	n_fds = shim_in_take_fds(&in, fds, ARRAY_LEN(fds));
	if (shim_packet_check(&s->packet, (size_t)n) == 0 && !(in.hdr.msg_flags & MSG_TRUNC))
		handle(s, fds, &n_fds);
	for (size_t i = 0; i < n_fds; i++) {
		if (fds[i] >= 0)
			close(fds[i]);
	}
}
