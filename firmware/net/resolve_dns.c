/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names by c-ares: /etc/hosts, then DNS as resolv.conf says. A channel lives for
 * one question; its sockets are polled here, so that the stop flag is seen.
 */
#include "firmware/net/dial.h"

#include <ares.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>

#include "firmware/core/clock.h"

enum { SOCKETS_MAX = 16, TRY_MS = 3000, TRIES = 3 };

struct question {
	const struct dial_conn *conn;
	struct pollfd sockets[SOCKETS_MAX];
	nfds_t n_sockets;
	bool done;
	int status;
	struct resolve_address *ret;
	size_t n;
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int library_status;

static void init_library(void)
{
	library_status = ares_library_init(ARES_LIB_INIT_ALL);
}

static void on_socket(void *arg, ares_socket_t fd, int readable, int writable)
{
	struct question *q = arg;
	nfds_t i = 0;

	while (i < q->n_sockets && q->sockets[i].fd != fd)
		i++;
	if (!readable && !writable) {
		if (i < q->n_sockets)
			q->sockets[i] = q->sockets[--q->n_sockets];
		return;
	}
	if (i == SOCKETS_MAX)
		return;
	if (i == q->n_sockets)
		q->n_sockets++;
	q->sockets[i] = (struct pollfd){
		.fd = fd, .events = (short)((readable ? POLLIN : 0) | (writable ? POLLOUT : 0))};
}

static void on_answer(void *arg, int status, int timeouts, struct ares_addrinfo *info)
{
	struct question *q = arg;

	(void)timeouts;
	q->done = true;
	q->status = status;
	if (!info)
		return;
	for (const struct ares_addrinfo_node *node = info->nodes; node && q->n < RESOLVE_MAX;
	     node = node->ai_next) {
		if (node->ai_addrlen > sizeof(q->ret[0].addr))
			continue;
		memcpy(&q->ret[q->n].addr, node->ai_addr, node->ai_addrlen);
		q->ret[q->n++].n = node->ai_addrlen;
	}
	ares_freeaddrinfo(info);
}

static void run(ares_channel channel, struct question *q)
{
	int64_t deadline = clock_in_ms(2 * q->conn->timeout_ms);

	if (q->conn->deadline)
		deadline = MIN(deadline, q->conn->deadline);
	while (!q->done) {
		struct pollfd ready[SOCKETS_MAX];
		nfds_t n = q->n_sockets;

		if (clock_mono() >= deadline || (q->conn->stop && atomic_load(q->conn->stop)))
			return;
		memcpy(ready, q->sockets, sizeof(ready));
		if (poll(ready, n, 100) <= 0) {
			ares_process_fd(channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
			continue;
		}
		for (nfds_t i = 0; i < n; i++) {
			bool in = ready[i].revents & (POLLIN | POLLERR | POLLHUP);
			bool out = ready[i].revents & POLLOUT;

			if (in || out)
				ares_process_fd(channel, in ? ready[i].fd : ARES_SOCKET_BAD,
						out ? ready[i].fd : ARES_SOCKET_BAD);
		}
	}
}

static int explain(const struct question *q, const char *host, struct err *e)
{
	if (q->conn->stop && atomic_load(q->conn->stop))
		return err_set(e, ERR_CANCELLED, "context canceled");
	if (!q->done || q->status == ARES_ETIMEOUT)
		return err_set(e, ERR_TIMEOUT, "dial tcp: lookup %s: i/o timeout", host);
	if (q->status == ARES_ENOTFOUND || q->status == ARES_ENODATA ||
	    q->status == ARES_EBADNAME || q->status == ARES_SUCCESS)
		return err_set(e, ERR_SYSTEM, "dial tcp: lookup %s: no such host", host);
	if (q->status == ARES_ENOMEM)
		return err_sys(e, ENOMEM, "dial tcp: lookup %s", host);
	return err_set(e, ERR_SYSTEM, "dial tcp: lookup %s: %s", host, ares_strerror(q->status));
}

int resolve_dns(const struct dial_conn *c, const char *host, uint16_t port,
		struct resolve_address ret[RESOLVE_MAX], size_t *ret_n, struct err *e)
{
	struct question q = {.conn = c, .ret = ret};
	struct ares_options opt = {
		.timeout = TRY_MS,
		.tries = TRIES,
		.lookups = (char *)(uintptr_t) "fb",
		.sock_state_cb = on_socket,
		.sock_state_cb_data = &q,
	};
	const struct ares_addrinfo_hints hints = {
		.ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
		.ai_flags = ARES_AI_NUMERICSERV,
	};
	ares_channel channel;
	char service[8];
	int r;

	pthread_once(&once, init_library);
	if (library_status != ARES_SUCCESS)
		return err_set(e, ERR_SYSTEM, "dial tcp: lookup %s: %s", host,
			       ares_strerror(library_status));
	r = ares_init_options(&channel, &opt,
			      ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS |
				      ARES_OPT_SOCK_STATE_CB);
	if (r != ARES_SUCCESS)
		return err_set(e, ERR_SYSTEM, "dial tcp: lookup %s: %s", host, ares_strerror(r));
	snprintf(service, sizeof(service), "%u", port);
	ares_getaddrinfo(channel, host, service, &hints, on_answer, &q);
	run(channel, &q);
	if (!q.done || q.status != ARES_SUCCESS || q.n == 0) {
		r = explain(&q, host, e);
		q.done = true;
		ares_destroy(channel); /* may call on_answer, which finds nothing to add */
		return r;
	}
	ares_destroy(channel);
	*ret_n = q.n;
	return 0;
}
