/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A fiber for each shim reads its connection. A reply wakes the fiber that waits for it and then
 * lets it run, before anything that came after the reply is looked at: who started an exec knows of
 * its start before it hears of its end. An end is acknowledged after its event was delivered; only
 * then does the shim close the streams, so that a client that sees its stream end and asks for the
 * exit code gets it.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "firmware/core/log.h"
#include "firmware/core/mem.h"
#include "runtime/shim/client_private.h"

#define SEND_MS 10000
#define TEXT_MAX 768

struct shim *shim_ref(struct shim *s)
{
	s->refs++;
	return s;
}

void shim_unref(struct shim *s)
{
	if (--s->refs)
		return;
	io_close(&s->io);
	if (s->pidfd >= 0)
		close(s->pidfd);
	mem_free(s->run_dir);
	mem_free(s->state_dir);
	mem_free(s);
}

int shim_tell(struct shim *s, struct shim_msg *m, struct str data, const int *fds, size_t n_fds,
	      struct err *e)
{
	struct shim *held CLEANUP_SHIM = shim_ref(s);
	struct shim_out out;
	ssize_t sent;
	int r;

	if (held->dead)
		return err_set(e, ERR_CONFLICT, "the shim of the container is gone");
	r = fiber_lock_take(&s->sending, clock_in_ms(SEND_MS));
	if (r < 0)
		return err_sys(e, r, "talking to the shim");
	shim_out_prepare(&out, m, data, fds, n_fds);
	sent = s->dead ? -EPIPE : io_sendmsg(&s->io, &out.hdr, MSG_NOSIGNAL, clock_in_ms(SEND_MS));
	fiber_lock_release(&s->sending);
	if (sent == -EPIPE || sent == -ECONNRESET)
		return err_set(e, ERR_CONFLICT, "the shim of the container is gone");
	if (sent < 0)
		return err_sys(e, (int)sent, "talking to the shim");
	return 0;
}

int shim_ask(struct shim *s, struct shim_msg *m, struct str data, const int *fds, size_t n_fds,
	     int64_t deadline, struct shim_call *call, struct err *e)
{
	struct shim *held CLEANUP_SHIM = shim_ref(s);
	int r;

	*call = (struct shim_call){.e = e};
	m->number = call->number = ++held->last_number;
	waitq_init(&call->q);
	list_push_back(&s->calls, &call->link);
	r = shim_tell(s, m, data, fds, n_fds, e);
	if (r < 0) {
		list_remove(&call->link);
		return r;
	}
	call->sent = true;
	while (!call->done && !s->dead && r == 0)
		r = waitq_wait(&call->q, deadline);
	list_remove(&call->link);
	if (call->done)
		return call->kind ? err_code(e) : 0;
	if (s->dead)
		return err_set(e, ERR_CONFLICT, "the shim of the container is gone");
	return err_sys(e, r, "waiting for the shim");
}

static void take_reply(struct shim *s, const struct shim_msg *m, struct str text)
{
	struct shim_call *call;

	list_for_each (call, &s->calls, link) {
		if (call->number != m->number)
			continue;
		call->done = true;
		call->kind = m->code;
		call->extra = m->signo;
		call->pid = m->pid;
		call->started_ns = m->started_ns;
		if (m->code > ERR_NONE && m->code <= ERR_SYSTEM)
			err_set(call->e, (enum err_kind)m->code, STR_FMT, STR_ARG(text));
		waitq_wake_all(&call->q);
		return;
	}
}

static void open_pidfd(struct shim *s)
{
	if (s->pidfd < 0 && s->pid > 0)
		s->pidfd = (int)syscall(SYS_pidfd_open, s->pid, 0);
}

static void take_hello(struct shim *s, const struct shim_msg *m, struct str text)
{
	if (m->state > SHIM_STATE_FAILED)
		return;
	s->state = (enum shim_state)m->state;
	s->pid = m->pid;
	s->websockets = m->flags & SHIM_WEBSOCKET;
	s->started_ns = m->started_ns;
	if (s->state == SHIM_STATE_RUNNING)
		open_pidfd(s);
	if (s->state == SHIM_STATE_FAILED)
		(void)str_copy(s->failure, sizeof(s->failure), text);
	waitq_wake_all(&s->changed);
}

static void acknowledge(struct shim *s, const char *id) FIBER_FN
{
	struct shim_msg m;

	shim_msg_init(&m, SHIM_ACK);
	if (shim_msg_set_id(&m, id) && shim_tell(s, &m, (struct str){NULL, 0}, NULL, 0, NULL) < 0)
		return; /* it will tell again, or is gone */
}

static void take_exit(struct shim *s, const struct shim_msg *m) FIBER_FN
{
	struct shim_exit x = {
		.code = m->code,
		.signo = m->signo,
		.oom_killed = m->flags & SHIM_OOM,
		.started_ns = m->started_ns,
		.finished_ns = m->finished_ns,
	};

	if (!s->told && s->events.exited)
		s->events.exited(s->events.arg, &x);
	s->told = true;
	s->state = SHIM_STATE_EXITED;
	acknowledge(s, "");
}

static void take(struct shim *s, const struct shim_msg *m, struct str text) FIBER_FN
{
	switch (m->type) {
	case SHIM_HELLO:
		take_hello(s, m, text);
		(void)fiber_yield();
		return;
	case SHIM_REPLY:
		take_reply(s, m, text);
		(void)fiber_yield();
		return;
	case SHIM_EXITED:
		take_exit(s, m);
		return;
	case SHIM_EXEC_EXITED:
		if (s->events.exec_exited)
			s->events.exec_exited(s->events.arg, m->id, m->code);
		acknowledge(s, m->id);
		return;
	case SHIM_DETACHED:
		if (s->events.detached)
			s->events.detached(s->events.arg, m->id[0] ? m->id : NULL);
		return;
	default:
		return; /* of a newer shim */
	}
}

/* One message; 0 at the end of the connection, negative on errors and cancels. */
static int read_one(struct shim *s) FIBER_FN
{
	struct {
		struct shim_msg msg;
		char text[TEXT_MAX];
	} packet;
	struct shim_out in;
	ssize_t n;

	memset(&packet.msg, 0, sizeof(packet.msg));
	memset(&in.hdr, 0, sizeof(in.hdr));
	in.iov[0].iov_base = &packet;
	in.iov[0].iov_len = sizeof(packet);
	in.hdr.msg_iov = in.iov;
	in.hdr.msg_iovlen = 1;
	n = io_recvmsg(&s->io, &in.hdr, MSG_CMSG_CLOEXEC, DEADLINE_NEVER);
	if (n <= 0)
		return (int)n;
	if ((size_t)n < sizeof(packet.msg) || packet.msg.version != SHIM_PROTOCOL_VERSION ||
	    !memchr(packet.msg.id, 0, sizeof(packet.msg.id)))
		return 1;
	take(s, &packet.msg, str_span(packet.text, (size_t)n - sizeof(packet.msg)));
	return 1;
}

/* The connection ended although the container did not: the shim was killed. */
static void lost(struct shim *s)
{
	struct shim_exit x;

	s->told = true;
	if (shim_read_exit(s->state_dir, &x, NULL) == 0) {
		if (s->events.exited)
			s->events.exited(s->events.arg, &x);
		return;
	}
	log_error("the shim of %s died; its container is ended", s->run_dir);
	if (s->pidfd >= 0)
		(void)syscall(SYS_pidfd_send_signal, s->pidfd, SIGKILL, NULL, 0);
	if (s->events.lost)
		s->events.lost(s->events.arg);
}

static void reader_main(void *arg) FIBER_ENTRY
{
	struct shim *s CLEANUP_SHIM = arg;
	struct shim_call *call;
	int r = 1;

	while (r > 0 && !s->freed)
		r = read_one(s);
	s->dead = true;
	list_for_each (call, &s->calls, link)
		waitq_wake_all(&call->q);
	waitq_wake_all(&s->changed);
	/* A shim whose report an earlier daemon acknowledged goes without a word: exit.json tells.
	 */
	if (!s->freed && !s->told && !fiber_cancelled() &&
	    (s->state == SHIM_STATE_RUNNING || s->state == SHIM_STATE_EXITED))
		lost(s);
	s->reader = NULL;
}

int shim_open(const char *run_dir, const char *state_dir, const struct shim_events *events, int fd,
	      struct shim **ret, struct err *e)
{
	int owned CLEANUP_FD = fd;
	struct shim *s CLEANUP_SHIM = mem_alloc(sizeof(*s));
	int r;

	if (!s)
		return err_sys(e, ENOMEM, "connecting to the shim");
	s->refs = 1;
	s->pidfd = -1;
	list_init(&s->calls);
	waitq_init(&s->changed);
	fiber_lock_init(&s->sending);
	if (events)
		s->events = *events;
	s->run_dir = mem_strdup(run_dir);
	s->state_dir = mem_strdup(state_dir);
	if (!s->run_dir || !s->state_dir)
		return err_sys(e, ENOMEM, "connecting to the shim");
	r = io_open(&s->io, owned);
	if (r < 0)
		return err_sys(e, r, "connecting to the shim");
	(void)TAKE_FD(owned);
	r = fiber_spawn("shim", reader_main, shim_ref(s), POOL_NORMAL, &s->reader);
	if (r < 0) {
		s->refs--;
		return err_set(e, ERR_UNAVAILABLE, "no fiber is left to listen to the shim");
	}
	*ret = TAKE_PTR(s);
	return 0;
}

void shim_free(struct shim *s)
{
	if (!s)
		return;
	s->freed = true;
	s->events = (struct shim_events){0};
	if (s->reader && s->reader != fiber_self())
		fiber_cancel(s->reader, -ECANCELED);
	shim_unref(s);
}
