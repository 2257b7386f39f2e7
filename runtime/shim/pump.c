/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Output. What was read from the process goes to the log and straight to each client's socket. Only
 * what a client's socket does not take is kept, once for all clients, and until they have it the
 * process is not read any further (its pipe fills, and it waits, as with the engine). A client
 * that takes nothing for CONFIG_SHIM_STALL_S seconds is let go.
 *
 * The frame of a client (eight bytes of header, then the payload) is never interrupted by one of
 * the other stream.
 */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/uio.h>
#include <unistd.h>

#include "firmware/core/config.h"
#include "firmware/core/mem.h"
#include "firmware/fmt/ws.h"
#include "runtime/shim/private.h"

#define FRAME_HEADER 8
#define READS_PER_TURN 4

static bool wants(const struct client *c, int k)
{
	return c->flags & (k ? SHIM_STDERR : SHIM_STDOUT);
}

static size_t put_header(const struct client *c, int k, size_t n, uint8_t head[WS_HEAD_MAX])
{
	const uint8_t framed[FRAME_HEADER] = {
		(uint8_t)(k + 1),  0,	      0, 0, (uint8_t)(n >> 24), (uint8_t)(n >> 16),
		(uint8_t)(n >> 8), (uint8_t)n};

	if (CONFIG(WEBSOCKET) && c->ws)
		return websocket_head(c, n, head);
	if (!(c->flags & SHIM_FRAMED))
		return 0;
	memcpy(head, framed, sizeof(framed));
	return sizeof(framed);
}

/*
 * Send one frame from *off on. 1 all is out, 0 the socket is full, negative: the client is gone.
 */
static int send_frame(struct client *c, int k, const uint8_t *data, size_t n, uint32_t *off)
{
	uint8_t head[WS_HEAD_MAX];
	size_t header = put_header(c, k, n, head);

	while (*off < header + n) {
		struct iovec iov[2];
		struct msghdr msg = {.msg_iov = iov};
		size_t at = *off > header ? *off - header : 0;
		ssize_t sent;

		if (*off < header)
			iov[msg.msg_iovlen++] =
				(struct iovec){.iov_base = head + *off, .iov_len = header - *off};
		iov[msg.msg_iovlen++] = (struct iovec){.iov_base = (void *)(uintptr_t)(data + at),
						       .iov_len = n - at};
		sent = sendmsg(c->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -errno;
		*off += (uint32_t)sent;
	}
	return 1;
}

static void drop_head(struct source *src)
{
	while (src->first && !src->first->refs) {
		struct block *b = src->first;

		src->first = b->next;
		if (!src->first)
			src->last = NULL;
		src->queued -= b->n;
		mem_free(b);
	}
}

static struct block *queue_block(struct source *src, const uint8_t *data, size_t n)
{
	struct block *b = mem_alloc(sizeof(*b) + n);

	if (!b)
		return NULL;
	b->n = (uint32_t)n;
	memcpy(b->data, data, n);
	if (src->last)
		src->last->next = b;
	else
		src->first = b;
	src->last = b;
	src->queued += n;
	return b;
}

bool pump_client_idle(const struct client *c)
{
	return !c->at[0] && !c->at[1] && !(CONFIG(WEBSOCKET) && websocket_waits(c));
}

void pump_forget_client(struct shim_process *s, struct client *c)
{
	if (!c->proc)
		return;
	for (int k = 0; k < 2; k++) {
		struct source *src = &c->proc->out[k];

		for (struct block *b = c->at[k]; b; b = b->next)
			b->refs--;
		c->at[k] = NULL;
		drop_head(src);
		pump_update(s, c->proc, k);
	}
	c->mid = -1;
}

void pump_send(struct shim_process *s, struct proc *p, int k, const uint8_t *data, size_t n)
{
	struct block *b = NULL;

	for (size_t i = 0; i < s->client_end && s->n_clients; i++) {
		struct client *c = &s->clients[i];
		uint32_t off = 0;
		int r = 0;

		if (c->fd < 0 || c->proc != p || c->hup || !wants(c, k))
			continue;
		if (!c->at[k] && (c->mid < 0 || c->mid == k) &&
		    !(CONFIG(WEBSOCKET) && websocket_waits(c)))
			r = send_frame(c, k, data, n, &off);
		if (r > 0)
			continue;
		if (r == 0 && !b)
			b = queue_block(&p->out[k], data, n);
		if (r < 0 || !b) {
			attach_drop(s, c);
			continue;
		}
		b->refs++;
		if (!c->at[k]) {
			c->at[k] = b;
			c->off[k] = off;
			if (off)
				c->mid = (int8_t)k;
			if (c->deadline == DEADLINE_NEVER) {
				c->deadline = clock_in_ms(CONFIG_SHIM_STALL_S * 1000LL);
				shim_arm(s, c->deadline);
			}
			attach_update(s, c);
		}
	}
	/* Those that were dropped may have been the only ones that needed it. */
	drop_head(&p->out[k]);
}

static int flush_stream(struct client *c, int k)
{
	while (c->at[k]) {
		struct block *b = c->at[k];
		uint32_t before = c->off[k];
		int r = send_frame(c, k, b->data, b->n, &c->off[k]);

		if (c->off[k] != before)
			c->deadline = clock_in_ms(CONFIG_SHIM_STALL_S * 1000LL);
		if (r <= 0) {
			c->mid = c->off[k] ? (int8_t)k : c->mid;
			return r;
		}
		c->mid = -1;
		c->at[k] = b->next;
		c->off[k] = 0;
		b->refs--;
		/* The turn of the other stream, or of a control frame, if it waits. */
		if (c->at[!k] || (CONFIG(WEBSOCKET) && websocket_waits(c)))
			break;
	}
	return 1;
}

bool pump_flush_client(struct shim_process *s, struct client *c)
{
	struct proc *p = c->proc;
	int k = c->mid >= 0 ? c->mid : c->at[0] ? 0 : 1;
	int r = 1;

	/* A control frame's turn comes between two others. */
	while (r > 0 && !pump_client_idle(c)) {
		if (CONFIG(WEBSOCKET) && c->mid < 0 && websocket_waits(c)) {
			r = websocket_flush(c);
			continue;
		}
		if (!c->at[k])
			k = !k;
		r = flush_stream(c, k);
		k = !k;
	}
	for (k = 0; k < 2; k++) {
		drop_head(&p->out[k]);
		pump_update(s, p, k);
	}
	if (pump_client_idle(c))
		c->deadline = DEADLINE_NEVER;
	return r >= 0;
}

/* A log server that is slow holds up the container, if that is how it is to be. */
static bool held_by_log(struct shim_process *s, const struct proc *p)
{
	if (!proc_is_container(s, p) || !shim_log_full(s))
		return false;
	s->log.held = true;
	return true;
}

void pump_update(struct shim_process *s, struct proc *p, int k)
{
	struct source *src = &p->out[k];
	uint32_t want = 0;
	int op;

	if (src->fd < 0 || p->state < PROC_RUNNING)
		return;
	if (!p->pty_closed && !held_by_log(s, p) &&
	    (!src->first || (p->state != PROC_RUNNING && src->queued < QUEUE_MAX)))
		want |= EPOLLIN;
	if (p->tty && p->stdin_armed && !p->pty_closed)
		want |= EPOLLOUT;
	if (want == src->events)
		return;
	op = !want ? EPOLL_CTL_DEL : src->events ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
	if (shim_watch(s, op, src->fd, want, k ? WATCH_STDERR : WATCH_STDOUT, p->generation,
		       proc_index(s, p)) == 0)
		src->events = want;
}

static void close_source(struct source *src)
{
	if (src->fd >= 0)
		close(src->fd);
	src->fd = -1;
	src->events = 0;
}

void pump_close(struct shim_process *s, struct proc *p)
{
	(void)s;
	close_source(&p->out[0]);
	close_source(&p->out[1]);
}

/* One read and what follows from it; false when there is nothing more for now. */
static bool pump_once(struct shim_process *s, struct proc *p, int k)
{
	struct source *src = &p->out[k];
	bool logged = s->logging && proc_is_container(s, p);
	ssize_t n = read(src->fd, shim_io, logged ? shim_log_read_size(s) : sizeof(shim_io));

	if (n < 0 && errno == EINTR)
		return true;
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return false;
	if (n <= 0) {
		/* A terminal that nobody has open may be opened again while the process lives. */
		if (p->tty && p->state == PROC_RUNNING) {
			p->pty_closed = true;
			shim_arm(s, clock_in_ms(100));
			return false;
		}
		close_source(src);
		if (logged && p->state == PROC_RUNNING)
			shim_log_finish(s, k);
		return false;
	}
	pump_send(s, p, k, shim_io, (size_t)n);
	if (logged)
		shim_log_write(s, k, shim_io, (size_t)n);
	return true;
}

void pump_ready(struct shim_process *s, struct proc *p, int k)
{
	struct source *src = &p->out[k];

	if (src->first && p->state == PROC_RUNNING && p->tty) {
		/* Held back, so this is the terminal's hang-up: look again later. */
		p->pty_closed = true;
		shim_arm(s, clock_in_ms(100));
	}
	for (int i = 0; i < READS_PER_TURN && src->fd >= 0; i++) {
		if (src->first && (p->state == PROC_RUNNING || src->queued >= QUEUE_MAX))
			break;
		if (held_by_log(s, p))
			break;
		if (!pump_once(s, p, k))
			break;
	}
	pump_update(s, p, k);
	proc_check_drained(s, p);
}

void pump_drain(struct shim_process *s, struct proc *p)
{
	for (int k = 0; k < 2; k++) {
		struct source *src = &p->out[k];

		/* Bounded: somebody else may write as fast as we read. */
		for (int i = 0; i < 64 && src->fd >= 0 && src->queued < QUEUE_MAX; i++) {
			if (held_by_log(s, p) && clock_mono() < p->deadline)
				break;
			if (!pump_once(s, p, k))
				break;
		}
		pump_update(s, p, k);
	}
}
