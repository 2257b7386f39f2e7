/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/net/dial.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "firmware/core/cleanup.h"
#include "firmware/core/clock.h"
#include "firmware/core/config.h"
#include "firmware/net/tls.h"

enum { STEP_MS = 100 };

void dial_init(struct dial_conn *c)
{
	*c = (struct dial_conn){.fd = -1,
				.timeout_ms = CONFIG_HTTP_CLIENT_TIMEOUT_MS,
				.rate = CONFIG_HTTP_CLIENT_RATE,
				.rate_ms = CONFIG_HTTP_CLIENT_RATE_MS};
}

void dial_close(struct dial_conn *c)
{
	if (CONFIG(TLS) && c->tls)
		tls_free(c->tls);
	c->tls = NULL;
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
}

int dial_fail(struct err *e, int sys_errno, const char *what)
{
	const char *text = strerrordesc_np(sys_errno);
	enum err_kind kind = sys_errno == ETIMEDOUT ? ERR_TIMEOUT : ERR_SYSTEM;

	if (!text)
		text = "Unknown error";
	err_set(e, kind, "%s: %c%s", what, tolower((unsigned char)text[0]), text + 1);
	if (e && kind == ERR_SYSTEM)
		e->sys_errno = sys_errno;
	return -sys_errno;
}

int dial_wait(const struct dial_conn *c, int fd, short events, int64_t deadline, struct err *e)
{
	for (;;) {
		struct pollfd p = {.fd = fd, .events = events};
		int r;

		if (c->stop && atomic_load(c->stop))
			return err_set(e, ERR_CANCELLED, "context canceled");
		if (c->deadline && clock_mono() >= c->deadline)
			return err_set(e, ERR_TIMEOUT, "context deadline exceeded");
		r = poll(&p, 1, STEP_MS);
		if (r > 0)
			return 0;
		if (r < 0 && errno != EINTR)
			return dial_fail(e, errno, "poll");
		if (clock_mono() >= deadline)
			return err_set(e, ERR_TIMEOUT, "i/o timeout");
	}
}

static void format_address(const struct resolve_address *a, char *out, size_t n)
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)&a->addr;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)&a->addr;
	char text[INET6_ADDRSTRLEN] = "?";

	if (a->addr.ss_family == AF_INET6) {
		inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof(text));
		snprintf(out, n, "dial tcp [%s]:%u", text, ntohs(v6->sin6_port));
	} else {
		inet_ntop(AF_INET, &v4->sin_addr, text, sizeof(text));
		snprintf(out, n, "dial tcp %s:%u", text, ntohs(v4->sin_port));
	}
}

static int connect_one(const struct dial_conn *c, const struct resolve_address *a, int *ret_fd,
		       struct err *e)
{
	CLEANUP_FD int fd =
		socket(a->addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int on = 1, status = 0, r;
	socklen_t n = sizeof(status);
	char what[96];

	format_address(a, what, sizeof(what) - 16);
	if (fd < 0)
		return dial_fail(e, errno, what);
	strcat(what, ": connect");
	if (connect(fd, (const struct sockaddr *)&a->addr, a->n) < 0 && errno != EINPROGRESS)
		return dial_fail(e, errno, what);
	r = dial_wait(c, fd, POLLOUT, clock_in_ms(c->timeout_ms), e);
	if (r < 0)
		return err_wrap(e, "%s", what);
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &status, &n) < 0)
		status = errno;
	if (status != 0)
		return dial_fail(e, status, what);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	*ret_fd = TAKE_FD(fd);
	return 0;
}

/* The error told is the first address's, as Go does. */
int dial_tcp(struct dial_conn *c, const char *host, uint16_t port, struct err *e)
{
	struct resolve_address addresses[RESOLVE_MAX];
	size_t n = 0;
	int first, r = resolve_host(c, host, port, addresses, &n, e);

	if (r < 0)
		return r;
	first = r = connect_one(c, &addresses[0], &c->fd, e);
	for (size_t i = 1; r < 0 && r != -ECANCELED && i < n; i++)
		r = connect_one(c, &addresses[i], &c->fd, NULL);
	return r < 0 ? first : 0;
}

void dial_expect_answer(struct dial_conn *c)
{
	c->answering = false;
	c->waited_ns = 0;
	c->came = 0;
}

/*
 * Is it fast enough? Only time spent in here counts, so a reader that is busy with what it got does
 * not make the sender look slow.
 */
static int check_pace(struct dial_conn *c, size_t got, int64_t waited_ns, struct err *e)
{
	uint64_t came = c->came += got;

	if (c->answering)
		c->waited_ns += waited_ns;
	c->answering = true;
	if (c->waited_ns < (int64_t)c->rate_ms * NSEC_PER_MSEC)
		return 0;
	c->waited_ns = 0;
	c->came = 0;
	return came >= (uint64_t)c->rate * c->rate_ms / 1000
		       ? 0
		       : err_set(e, ERR_TIMEOUT, "read tcp: i/o timeout: %llu bytes in %u s",
				 (unsigned long long)came, c->rate_ms / 1000);
}

static ssize_t read_some(struct dial_conn *c, void *p, size_t n, struct err *e)
{
	int64_t deadline = clock_in_ms(c->timeout_ms);

	if (CONFIG(TLS) && c->tls)
		return tls_read(c->tls, c, p, n, e);
	for (;;) {
		ssize_t got = recv(c->fd, p, n, MSG_DONTWAIT);
		int r;

		if (got >= 0)
			return got;
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return dial_fail(e, errno, "read tcp");
		r = dial_wait(c, c->fd, POLLIN, deadline, e);
		if (r < 0)
			return err_wrap(e, "read tcp");
	}
}

ssize_t dial_read(struct dial_conn *c, void *p, size_t n, struct err *e)
{
	int64_t began = clock_mono();
	ssize_t got = read_some(c, p, n, e);
	int r = got > 0 ? check_pace(c, (size_t)got, clock_mono() - began, e) : 0;

	return r < 0 ? r : got;
}

int dial_write(struct dial_conn *c, const void *p, size_t n, struct err *e)
{
	int64_t deadline = clock_in_ms(c->timeout_ms);
	const char *at = p;

	if (CONFIG(TLS) && c->tls)
		return tls_write(c->tls, c, p, n, e);
	while (n > 0) {
		ssize_t put = send(c->fd, at, n, MSG_DONTWAIT | MSG_NOSIGNAL);
		int r;

		if (put > 0) {
			at += put;
			n -= (size_t)put;
			deadline = clock_in_ms(c->timeout_ms);
			continue;
		}
		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0 && errno != EAGAIN)
			return dial_fail(e, errno, "write tcp");
		r = dial_wait(c, c->fd, POLLOUT, deadline, e);
		if (r < 0)
			return err_wrap(e, "write tcp");
	}
	return 0;
}
