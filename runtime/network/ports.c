/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/network/ports.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "firmware/core/cleanup.h"
#include "firmware/core/mem.h"
#include "firmware/core/str.h"

enum { BACKLOG = 1 };

void ports_init(struct port_table *t)
{
	*t = (struct port_table){0};
}

void ports_done(struct port_table *t)
{
	mem_free(t->uses);
	*t = (struct port_table){0};
}

const char *port_proto_name(uint8_t proto)
{
	switch (proto) {
	case IPPROTO_TCP:
		return "tcp";
	case IPPROTO_UDP:
		return "udp";
	case IPPROTO_SCTP:
		return "sctp";
	default:
		return "unknown";
	}
}

void ports_ephemeral_range(uint16_t *ret_first, uint16_t *ret_last)
{
	CLEANUP_FD int fd = open("/proc/sys/net/ipv4/ip_local_port_range", O_RDONLY | O_CLOEXEC);
	char text[32];
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text));
	struct str rest, first = str_cut(str_span(text, n > 0 ? (size_t)n : 0), '\t', &rest);
	uint64_t low, high;

	rest = str_trim(rest);
	if (str_ends(rest, "\n"))
		rest.n--;
	if (str_to_u64(str_trim(first), &low) < 0 || str_to_u64(rest, &high) < 0 || low == 0 ||
	    high > UINT16_MAX || low > high) {
		low = 32768;
		high = 60999;
	}
	*ret_first = (uint16_t)low;
	*ret_last = (uint16_t)high;
}

/* 0.0.0.0 stands for every address, so it collides with each. */
static bool collides(const struct port_use *u, uint8_t proto, struct in_addr ip, uint16_t port)
{
	return u->proto == proto && u->port == port &&
	       (u->ip.s_addr == ip.s_addr || u->ip.s_addr == INADDR_ANY || ip.s_addr == INADDR_ANY);
}

static bool is_taken(const struct port_table *t, uint8_t proto, struct in_addr ip, uint16_t port)
{
	for (size_t i = 0; i < t->n; i++) {
		if (collides(&t->uses[i], proto, ip, port))
			return true;
	}
	return false;
}

static int note(struct port_table *t, uint8_t proto, struct in_addr ip, uint16_t port)
{
	if (t->n == t->cap) {
		size_t cap = t->cap ? t->cap * 2 : 16;
		struct port_use *grown = mem_realloc(t->uses, cap * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		t->uses = grown;
		t->cap = cap;
	}
	t->uses[t->n++] = (struct port_use){.ip = ip, .port = port, .proto = proto};
	return 0;
}

int ports_claim(struct port_table *t, const struct port_bound *p, struct err *e)
{
	char ip[INET_ADDRSTRLEN] = "";

	inet_ntop(AF_INET, &p->host_ip, ip, sizeof(ip));
	if (is_taken(t, p->proto, p->host_ip, p->host_port))
		return err_set(e, ERR_CONFLICT, "port %s:%u/%s is given out twice", ip,
			       p->host_port, port_proto_name(p->proto));
	if (note(t, p->proto, p->host_ip, p->host_port) < 0)
		return err_sys(e, ENOMEM, "published ports");
	return 0;
}

void ports_release(struct port_table *t, struct port_bound *p)
{
	for (size_t i = 0; i < t->n; i++) {
		struct port_use *u = &t->uses[i];

		if (u->proto != p->proto || u->port != p->host_port ||
		    u->ip.s_addr != p->host_ip.s_addr)
			continue;
		*u = t->uses[--t->n];
		break;
	}
	if (p->fd >= 0)
		close(p->fd);
	p->fd = -1;
}

/* A socket that holds the port: its descriptor or -errno. */
static int hold(uint8_t proto, struct in_addr ip, uint16_t port)
{
	bool tcp = proto == IPPROTO_TCP;
	CLEANUP_FD int fd =
		socket(AF_INET, (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = ip};
	int on = 1;

	if (fd < 0)
		return -errno;
	/* Connections in TIME_WAIT do not keep a TCP port; for UDP the option would share it. */
	if (tcp && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		return -errno;
	if (tcp && listen(fd, BACKLOG) < 0)
		return -errno;
	return TAKE_FD(fd);
}

/* As err_sys(EADDRINUSE), but in the engine's words alone. */
static int PRINTF_LIKE(2, 3) in_use(struct err *e, const char *fmt, ...)
{
	va_list ap;

	if (e) {
		e->kind = ERR_SYSTEM;
		e->sys_errno = EADDRINUSE;
		va_start(ap, fmt);
		(void)vsnprintf(e->msg, sizeof(e->msg), fmt, ap);
		va_end(ap);
	}
	return -EADDRINUSE;
}

static int bind_failed(const struct port_request *req, struct in_addr container, uint16_t port,
		       int r, struct err *e)
{
	char host[INET_ADDRSTRLEN] = "", inside[INET_ADDRSTRLEN] = "";
	const char *proto = port_proto_name(req->proto);

	inet_ntop(AF_INET, &req->host_ip, host, sizeof(host));
	inet_ntop(AF_INET, &container, inside, sizeof(inside));
	if (r == -EADDRINUSE)
		return in_use(e,
			      "failed to bind host port for %s:%u:%s:%u/%s: address already in use",
			      host, port, inside, req->port, proto);
	return err_sys(e, r, "failed to bind host port for %s:%u:%s:%u/%s", host, port, inside,
		       req->port, proto);
}

static int already_allocated(const struct port_request *req, struct err *e)
{
	char host[INET_ADDRSTRLEN] = "";

	inet_ntop(AF_INET, &req->host_ip, host, sizeof(host));
	if (req->host_first == 0 || req->host_last > req->host_first)
		return in_use(e, "all ports are allocated");
	return in_use(e, "Bind for %s:%u failed: port is already allocated", host, req->host_first);
}

int ports_bind(struct port_table *t, const struct port_request *req, struct in_addr container,
	       struct port_bound *ret, struct err *e)
{
	uint16_t first = req->host_first, last = MAX(req->host_last, req->host_first), port;
	bool ephemeral = first == 0;
	int r = -EADDRINUSE, fd = -1;
	uint32_t count;
	bool tried = false;

	if (ephemeral)
		ports_ephemeral_range(&first, &last);
	count = (uint32_t)(last - first) + 1;
	port = first;
	if (ephemeral && t->ephemeral >= first && t->ephemeral < last)
		port = (uint16_t)(t->ephemeral + 1);
	for (uint32_t i = 0; i < count; i++, port = port == last ? first : (uint16_t)(port + 1)) {
		if (is_taken(t, req->proto, req->host_ip, port))
			continue;
		tried = true;
		fd = hold(req->proto, req->host_ip, port);
		if (fd != -EADDRINUSE)
			break;
	}
	if (!tried)
		return already_allocated(req, e);
	if (fd < 0)
		return bind_failed(req, container, count == 1 ? first : port, fd, e);
	r = note(t, req->proto, req->host_ip, port);
	if (r < 0) {
		close(fd);
		return err_sys(e, r, "published ports");
	}
	if (ephemeral)
		t->ephemeral = port;
	*ret = (struct port_bound){.proto = req->proto,
				   .port = req->port,
				   .host_ip = req->host_ip,
				   .host_port = port,
				   .fd = fd};
	return 0;
}
