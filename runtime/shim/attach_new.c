/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clients that come: room for them, and what they sent along with their request.
 */
#include <errno.h>
#include <sys/socket.h>

#include "firmware/core/config.h"
#include "firmware/core/mem.h"
#include "firmware/fmt/ws.h"
#include "runtime/shim/private.h"

/*
 * A local socket's usual buffer is smaller than what one read of output gives. Those of TCP grow by
 * themselves.
 */
static void enlarge_buffer(int fd)
{
	int domain = 0, room = SHIM_IO_SIZE;
	socklen_t n = sizeof(domain);

	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &n) < 0 || domain != AF_UNIX)
		return;
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room)) < 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
}

/* Input that came with the client's request. -EPROTO when it cannot be websocket frames. */
static int take_leftover(struct client *c, struct shim_packet *packet, bool *ret_detach)
{
	size_t n = packet->msg.data_len;
	bool ours = false;

	if (n && CONFIG(WEBSOCKET) && c->ws && websocket_take(c, packet->data, &n, &ours)) {
		c->eof = true;
		if (ours)
			return -EPROTO;
	}
	if (!n || !(c->flags & SHIM_STDIN) || !c->proc->want_in)
		return 0;
	c->in = mem_alloc(n + DETACH_KEYS_MAX);
	if (!c->in)
		return -ENOMEM;
	*ret_detach = detach_keys_filter(&c->keys, packet->data, n, c->in, &n);
	c->in_off = 0;
	c->in_n = (uint32_t)n;
	if (!n) {
		mem_free(c->in);
		c->in = NULL;
	}
	return 0;
}

bool attach_has_room(const struct shim_process *s)
{
	size_t n = s->reserved_attach;

	for (size_t i = 0; i < s->client_end; i++)
		n += s->clients[i].fd >= 0 && s->clients[i].proc == &s->procs[0] &&
		     !s->clients[i].hup;
	return n < CONFIG_SHIM_ATTACH;
}

/*
 * A free slot: one used before, or a new one, or one that lingers, or one whose client is gone and
 * only its input still waits for a process that may never read it.
 */
static struct client *find_slot(struct shim_process *s)
{
	struct client *lingers = NULL, *gone = NULL;

	for (size_t i = 0; i < s->client_end; i++) {
		if (s->clients[i].fd < 0)
			return &s->clients[i];
		if (!s->clients[i].proc)
			lingers = &s->clients[i];
		else if (s->clients[i].hup && s->clients[i].proc == &s->procs[0])
			gone = &s->clients[i];
	}
	if (s->client_end < CLIENT_COUNT)
		return &s->clients[s->client_end++];
	if (!lingers)
		lingers = gone;
	if (lingers)
		attach_drop(s, lingers);
	return lingers;
}

int attach_add(struct shim_process *s, struct proc *p, int fd, struct shim_packet *packet)
{
	struct client *c = find_slot(s);
	bool detach = false;
	uint32_t generation;
	int r;

	if (!c)
		return -EAGAIN;
	generation = c->generation;
	*c = (struct client){.fd = -1, .generation = generation, .proc = p, .mid = -1};
	c->flags = (uint16_t)packet->msg.flags;
	c->deadline = DEADLINE_NEVER;
	if (p->tty)
		detach_keys_init(&c->keys, packet->msg.keys, packet->msg.keys_len);
	if ((c->flags & SHIM_WEBSOCKET) && (!CONFIG(WEBSOCKET) || websocket_open(c) < 0))
		return -ENOMEM;
	r = take_leftover(c, packet, &detach);
	if (r == -ENOMEM) {
		if (CONFIG(WEBSOCKET))
			websocket_close(c);
		return r;
	}
	c->fd = fd;
	s->n_clients++;
	if (!p->tty && (c->flags & (SHIM_STDOUT | SHIM_STDERR)))
		enlarge_buffer(fd);
	if (detach || r < 0 || (c->ws && c->eof && !c->in)) {
		if (detach)
			control_detached(s, p);
		c->eof = true;
		attach_end(s, c, r < 0 ? WS_CODE_PROTOCOL : WS_CODE_NORMAL);
		return 0;
	}
	if (p->state == PROC_RUNNING && c->in)
		attach_stdin_ready(s, p);
	if (c->fd >= 0)
		attach_update(s, c);
	return 0;
}
