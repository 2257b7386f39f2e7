/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clients: sockets that the daemon handed over. Input of those that send it goes to the process
 * once it runs; what the process does not take at once is kept (at most one read's worth) and the
 * client is not read meanwhile. One that speaks websocket frames is read even when its input goes
 * nowhere, for its pings and its Close, which counts as its end of input.
 *
 * End of input: an exec's, or that of a container with StdinOnce, closes the process's standard
 * input and output goes on. With a terminal, or without StdinOnce, it ends the session. A peer that
 * is gone for good detaches.
 */
#include <errno.h>
#include <linux/sockios.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "firmware/core/config.h"
#include "firmware/core/mem.h"
#include "firmware/fmt/ws.h"
#include "runtime/shim/private.h"

#define INPUT_READ 32000
#define LINGER_MS 1000

static void close_client(struct shim_process *s, struct client *c)
{
	struct proc *p = c->proc;

	pump_forget_client(s, c);
	close(c->fd);
	mem_free(c->in);
	if (CONFIG(WEBSOCKET))
		websocket_close(c);
	c->fd = -1;
	c->in = NULL;
	c->proc = NULL;
	c->generation++;
	s->n_clients--;
	if (p)
		proc_free_if_unused(s, p);
}

static bool takes_input(const struct client *c)
{
	return c->proc && c->proc->state == PROC_RUNNING && c->proc->want_in &&
	       (c->flags & SHIM_STDIN) && !c->eof && !c->in;
}

/* Is the client to be read at all? */
static bool is_heard(const struct client *c)
{
	if (CONFIG(WEBSOCKET) && c->ws && c->proc)
		return c->proc->state >= PROC_RUNNING && !c->eof && !c->in;
	return takes_input(c);
}

void attach_update(struct shim_process *s, struct client *c)
{
	uint32_t want = 0;
	int op;

	if (c->fd < 0)
		return;
	if (!c->proc || is_heard(c))
		want |= EPOLLIN;
	if (!pump_client_idle(c))
		want |= EPOLLOUT;
	/* Hang-ups are told of whatever is registered, and once is enough. */
	want = c->hup ? 0 : want | EPOLLHUP;
	if (want == c->events)
		return;
	op = !want ? EPOLL_CTL_DEL : c->events ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
	if (shim_watch(s, op, c->fd, want, WATCH_CLIENT, c->generation, (size_t)(c - s->clients)) ==
	    0)
		c->events = want;
}

void attach_end(struct shim_process *s, struct client *c, unsigned code)
{
	struct proc *p = c->proc;
	bool torn = c->mid >= 0;

	if (c->hup) {
		close_client(s, c);
		return;
	}
	pump_forget_client(s, c);
	if (CONFIG(WEBSOCKET) && c->ws)
		websocket_end(c, code, torn);
	mem_free(c->in);
	c->in = NULL;
	c->proc = NULL;
	/* Closing with input unread would reset the connection under the last bytes of output. */
	(void)shutdown(c->fd, SHUT_WR);
	c->deadline = clock_in_ms(LINGER_MS);
	shim_arm(s, c->deadline);
	attach_update(s, c);
	if (p)
		proc_free_if_unused(s, p);
}

void attach_linger(struct shim_process *s, struct client *c)
{
	attach_end(s, c, WS_CODE_NORMAL);
}

bool attach_is_behind(const struct shim_process *s, const struct proc *p)
{
	for (size_t i = 0; i < s->client_end; i++) {
		const struct client *c = &s->clients[i];
		int domain, unread;
		socklen_t len = sizeof(domain);

		if (c->fd < 0 || c->proc != p || c->hup)
			continue;
		if (getsockopt(c->fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0 &&
		    domain == AF_UNIX && ioctl(c->fd, SIOCOUTQ, &unread) == 0 && unread > 0)
			return true;
	}
	return false;
}

static int input_fd(const struct proc *p)
{
	return p->tty ? p->out[0].fd : p->stdin_fd;
}

/* Have attach_stdin_ready called when the process takes input again, or no more. */
static void arm_stdin(struct shim_process *s, struct proc *p, bool on)
{
	if (p->stdin_armed == on)
		return;
	p->stdin_armed = on;
	if (p->tty) {
		pump_update(s, p, 0);
		return;
	}
	if (p->stdin_fd >= 0)
		(void)shim_watch(s, on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, p->stdin_fd, EPOLLOUT,
				 WATCH_STDIN, p->generation, proc_index(s, p));
}

void attach_close_stdin(struct shim_process *s, struct proc *p)
{
	if (p->stdin_fd < 0)
		return;
	arm_stdin(s, p, false);
	close(p->stdin_fd);
	p->stdin_fd = -1;
}

void attach_drop(struct shim_process *s, struct client *c)
{
	struct proc *p = c->proc;

	if (p && (c->flags & SHIM_STDIN) && p->close_stdin && !p->tty && !c->eof)
		attach_close_stdin(s, p);
	close_client(s, c);
}

/* All input of the client has reached the process. */
static void input_over(struct shim_process *s, struct client *c)
{
	struct proc *p = c->proc;

	if (p->close_stdin && !p->tty) {
		attach_close_stdin(s, p);
		if (c->hup)
			close_client(s, c);
		return;
	}
	attach_linger(s, c);
}

/*
 * Write to the process: bytes taken; all of them when nobody is there to read them any more.
 */
static size_t write_input(struct proc *p, const uint8_t *data, size_t n)
{
	size_t done = 0;

	while (done < n) {
		int fd = input_fd(p);
		ssize_t w = fd < 0 ? (ssize_t)(n - done) : write(fd, data + done, n - done);

		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return done;
		if (w < 0)
			return n;
		done += (size_t)w;
	}
	return done;
}

static void feed(struct shim_process *s, struct client *c, const uint8_t *data, size_t n)
{
	size_t done = write_input(c->proc, data, n);

	if (done == n)
		return;
	c->in = mem_alloc(n - done);
	if (!c->in) {
		attach_drop(s, c);
		return;
	}
	memcpy(c->in, data + done, n - done);
	c->in_off = 0;
	c->in_n = (uint32_t)(n - done);
	arm_stdin(s, c->proc, true);
}

/*
 * The client sent a Close, or what is no websocket frame. A Close is its end of input: where that
 * does not end the session, output goes on and the Close is answered when it is over, as with the
 * engine.
 */
static void closed_by_peer(struct shim_process *s, struct client *c, unsigned code, bool ours)
{
	struct proc *p = c->proc;
	bool goes_on = (c->flags & SHIM_STDIN) && p->want_in && p->close_stdin && !p->tty;

	c->eof = true;
	if (c->in && !ours)
		return; /* when that is written */
	if (goes_on)
		attach_close_stdin(s, p);
	if (ours || !goes_on || c->hup)
		attach_end(s, c, code);
}

static void read_client(struct shim_process *s, struct client *c)
{
	uint8_t *data = shim_io;
	unsigned code = WS_CODE_NONE;
	bool detach = false, ours = false;
	ssize_t got;
	size_t n;

	got = recv(c->fd, shim_io, c->proc ? INPUT_READ : sizeof(shim_io), MSG_DONTWAIT);
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (!c->proc) { /* lingering: what it still sends does not matter */
		if (got <= 0)
			close_client(s, c);
		return;
	}
	if (got < 0) {
		attach_drop(s, c);
		return;
	}
	if (got == 0 && CONFIG(WEBSOCKET) && c->ws) {
		closed_by_peer(s, c, WS_CODE_NORMAL, false);
		return;
	}
	if (got == 0) {
		c->eof = true;
		input_over(s, c);
		return;
	}
	n = (size_t)got;
	if (CONFIG(WEBSOCKET) && c->ws) {
		code = websocket_take(c, data, &n, &ours);
		if (!takes_input(c))
			n = 0;
	}
	if (c->keys.n) {
		data = shim_io + sizeof(shim_io) / 2;
		detach = detach_keys_filter(&c->keys, shim_io, n, data, &n);
	}
	feed(s, c, data, n);
	if (detach && c->fd >= 0) {
		control_detached(s, c->proc);
		c->eof = true;
		attach_linger(s, c);
	} else if (code && c->fd >= 0) {
		closed_by_peer(s, c, code, ours);
	}
}

/* The peer is gone, but what it sent before is still to be taken. */
static void hung_up(struct shim_process *s, struct client *c)
{
	uint32_t generation = c->generation;

	if (!c->proc || c->eof || !(c->flags & SHIM_STDIN) || !c->proc->want_in ||
	    c->proc->state > PROC_RUNNING) {
		attach_drop(s, c);
		return;
	}
	c->hup = true;
	pump_forget_client(s, c);
	while (c->fd >= 0 && c->generation == generation && takes_input(c))
		read_client(s, c);
}

void attach_ready(struct shim_process *s, struct client *c, uint32_t events)
{
	uint32_t generation = c->generation;

	if (events & (EPOLLHUP | EPOLLERR)) {
		hung_up(s, c);
		if (c->fd >= 0 && c->generation == generation)
			attach_update(s, c);
		return;
	}
	if (events & EPOLLIN)
		read_client(s, c);
	if (c->fd < 0 || c->generation != generation)
		return;
	if ((events & EPOLLOUT) && c->proc) {
		if (!pump_flush_client(s, c)) {
			attach_drop(s, c);
			return;
		}
		if (c->proc->state == PROC_RELEASED && pump_client_idle(c)) {
			attach_linger(s, c);
			return;
		}
	}
	attach_update(s, c);
}

/* Give kept input to the process. False when it took not all. */
static bool flush_input(struct shim_process *s, struct client *c)
{
	size_t done = write_input(c->proc, c->in + c->in_off, c->in_n - c->in_off);

	c->in_off += (uint32_t)done;
	if (c->in_off < c->in_n)
		return false;
	mem_free(c->in);
	c->in = NULL;
	if (c->eof)
		input_over(s, c);
	else if (c->hup)
		hung_up(s, c);
	else
		attach_update(s, c);
	return true;
}

void attach_stdin_ready(struct shim_process *s, struct proc *p)
{
	bool full = false;

	for (size_t i = 0; i < s->client_end; i++) {
		struct client *c = &s->clients[i];

		if (c->fd >= 0 && c->proc == p && c->in && !full)
			full = !flush_input(s, c);
		if (c->fd >= 0 && c->proc == p && c->in)
			full = true;
	}
	arm_stdin(s, p, full);
}

void attach_begin(struct shim_process *s, struct proc *p)
{
	attach_stdin_ready(s, p);
	for (size_t i = 0; i < s->client_end; i++) {
		struct client *c = &s->clients[i];

		if (c->fd < 0 || c->proc != p)
			continue;
		if (c->hup && !c->in)
			hung_up(s, c); /* it left while the process was being started */
		else
			attach_update(s, c);
	}
}

void attach_tick(struct shim_process *s, int64_t now)
{
	for (size_t i = 0; i < s->client_end && s->n_clients; i++) {
		struct client *c = &s->clients[i];

		if (c->fd < 0 || c->deadline == DEADLINE_NEVER)
			continue;
		if (c->deadline > now)
			shim_arm(s, c->deadline);
		else
			attach_drop(s, c);
	}
}
