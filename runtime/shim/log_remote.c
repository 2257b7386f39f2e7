/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/shim/log_remote.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "firmware/core/clock.h"
#include "firmware/core/mem.h"

#define PAUSE_MIN_MS 100
#define PAUSE_MAX_MS 5000
#define BATCH 64
#define QUEUE_MIN 16384

static void drop_socket(struct log_remote *r)
{
	if (r->fd >= 0) {
		close(r->fd);
		r->generation++;
	}
	r->fd = -1;
	r->connecting = false;
	r->sent = 0;
}

static void try_later(struct log_remote *r)
{
	drop_socket(r);
	r->pause_ms = r->pause_ms ? MIN(r->pause_ms * 2, PAUSE_MAX_MS) : PAUSE_MIN_MS;
	r->retry_at = clock_in_ms(r->pause_ms);
}

/* Begin to connect to one target. 0, -EINPROGRESS, -errno. */
static int dial_target(struct log_remote *r, const struct log_target *t)
{
	int fd = socket(t->addr.ss_family, t->type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	r->fd = fd;
	r->stream = t->type == SOCK_STREAM;
	if (connect(fd, (const struct sockaddr *)&t->addr, t->len) == 0)
		return 0;
	if (errno == EINPROGRESS)
		return -EINPROGRESS;
	fd = -errno;
	drop_socket(r);
	return fd;
}

static int dial_next(struct log_remote *r)
{
	int code;

	if (r->dial) {
		r->fd = r->dial(r->arg);
		r->stream = false;
		return r->fd < 0 ? r->fd : 0;
	}
	code = dial_target(r, &r->targets[r->target]);
	r->target = (r->target + 1) % r->n_targets;
	return code;
}

static int finish_connect(struct log_remote *r)
{
	int code = 0;
	socklen_t n = sizeof(code);

	if (getsockopt(r->fd, SOL_SOCKET, SO_ERROR, &code, &n) < 0)
		code = errno;
	return -code;
}

int log_remote_open(struct log_remote *r, int64_t timeout_ms)
{
	size_t tries = r->dial ? 1 : r->n_targets;
	int code = -EDESTADDRREQ;

	r->fd = -1;
	if (!r->limit)
		r->limit = LOG_REMOTE_LIMIT;
	for (size_t i = 0; i < tries; i++) {
		code = dial_next(r);
		if (code == -EINPROGRESS) {
			struct pollfd p = {.fd = r->fd, .events = POLLOUT};
			int n = poll(&p, 1, (int)timeout_ms);

			code = n > 0 ? finish_connect(r) : n < 0 ? -errno : -ETIMEDOUT;
		}
		if (code == 0)
			return 0;
		drop_socket(r);
	}
	return code;
}

void log_remote_close(struct log_remote *r)
{
	drop_socket(r);
	mem_free(r->queue);
	r->queue = NULL;
	r->begin = r->end = r->cap = 0;
	r->retry_at = 0;
}

static uint32_t first_length(const struct log_remote *r, size_t at)
{
	uint32_t n;

	memcpy(&n, r->queue + at, sizeof(n));
	return n;
}

static void take_first(struct log_remote *r)
{
	r->begin += sizeof(uint32_t) + first_length(r, r->begin);
	r->sent = 0;
	if (r->begin == r->end)
		r->begin = r->end = 0;
}

char *log_remote_begin(struct log_remote *r, size_t n)
{
	size_t need = sizeof(uint32_t) + n, have = r->end - r->begin;
	bool may_lose = r->non_blocking || r->fd < 0 || r->connecting;
	size_t limit = may_lose ? r->limit : LOG_REMOTE_HARD_LIMIT;

	if (have && have + need > limit) {
		log_remote_flush(r);
		have = r->end - r->begin;
		if (have && have + need > limit) {
			r->lost++;
			return NULL;
		}
	}
	if (r->cap - r->end < need && r->begin) {
		memmove(r->queue, r->queue + r->begin, have);
		r->begin = 0;
		r->end = have;
	}
	if (r->cap - r->end < need) {
		size_t cap = MAX(MAX(r->cap * 2, have + need), QUEUE_MIN);
		char *grown = mem_realloc(r->queue, cap);

		if (!grown) {
			r->lost++;
			return NULL;
		}
		r->queue = grown;
		r->cap = cap;
	}
	return r->queue + r->end + sizeof(uint32_t);
}

void log_remote_commit(struct log_remote *r, const char *end)
{
	char *at = r->queue + r->end;
	uint32_t n = (uint32_t)(end - at - (ptrdiff_t)sizeof(n));

	memcpy(at, &n, sizeof(n));
	r->end += sizeof(n) + n;
}

/* Several messages with one call. 0 sent something, negative. */
static int send_stream(struct log_remote *r)
{
	struct iovec iov[BATCH] = {{0}};
	struct msghdr msg = {.msg_iov = iov};
	size_t at = r->begin;
	ssize_t n;

	for (; at < r->end && msg.msg_iovlen < BATCH; at += sizeof(uint32_t) + first_length(r, at))
		iov[msg.msg_iovlen++] =
			(struct iovec){r->queue + at + sizeof(uint32_t), first_length(r, at)};
	iov[0].iov_base = (char *)iov[0].iov_base + r->sent;
	iov[0].iov_len -= r->sent;
	n = sendmsg(r->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n < 0)
		return -errno;
	while (n > 0) {
		size_t left = first_length(r, r->begin) - r->sent;

		if ((size_t)n < left) {
			r->sent += (size_t)n;
			break;
		}
		n -= (ssize_t)left;
		take_first(r);
	}
	return 0;
}

/* The journal takes an entry of any length as a sealed file. */
static int send_memfd(struct log_remote *r, const char *p, size_t n)
{
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct msghdr msg = {.msg_control = &control, .msg_controllen = sizeof(control)};
	int fd = memfd_create("serin-log", MFD_CLOEXEC | MFD_ALLOW_SEALING), code = 0;

	if (fd < 0)
		return -errno;
	control.head = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(int)),
					.cmsg_level = SOL_SOCKET,
					.cmsg_type = SCM_RIGHTS};
	memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
	if (write(fd, p, n) != (ssize_t)n ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0)
		code = -ENOSPC;
	else if (sendmsg(r->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		code = -errno;
	close(fd);
	return code;
}

static int send_one(struct log_remote *r)
{
	const char *p = r->queue + r->begin + sizeof(uint32_t);
	size_t n = first_length(r, r->begin);
	int code = send(r->fd, p, n, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;

	if (r->memfd && (code == -EMSGSIZE || code == -ENOBUFS))
		code = send_memfd(r, p, n);
	/* Nobody will ever take this one. */
	if (code == -EMSGSIZE || code == -ENOSPC) {
		r->lost++;
		code = 0;
	}
	if (code == 0)
		take_first(r);
	return code;
}

static bool is_udp(const struct log_remote *r)
{
	return !r->dial && !r->stream && r->n_targets && r->targets[0].addr.ss_family != AF_UNIX;
}

/* An earlier datagram found nobody, which is told now: this one is sent again, once. */
static bool udp_goes_on(struct log_remote *r, bool *again)
{
	if (!is_udp(r))
		return false;
	*again = !*again;
	if (!*again) {
		r->lost++;
		take_first(r);
	}
	return true;
}

void log_remote_flush(struct log_remote *r)
{
	bool again = false, retried = false;

	while (r->end > r->begin && r->fd >= 0 && !r->connecting) {
		int code = r->stream ? send_stream(r) : send_one(r);

		if (code == -EAGAIN || code == -ENOBUFS)
			return;
		if (code == 0)
			r->pause_ms = 0;
		if (code == 0 || code == -EINTR || udp_goes_on(r, &again))
			continue;
		try_later(r);
		if (retried)
			return;
		retried = true;
		log_remote_tick(r, r->retry_at);
	}
}

uint32_t log_remote_events(const struct log_remote *r)
{
	if (r->fd < 0)
		return 0;
	return (r->end > r->begin || r->connecting ? EPOLLOUT : 0u) |
	       (r->stream ? EPOLLIN | EPOLLRDHUP : 0u);
}

/* A server has nothing to say; what it says is thrown away, and its end is noticed. */
static bool is_closed(struct log_remote *r)
{
	char bin[256];
	ssize_t n = recv(r->fd, bin, sizeof(bin), MSG_DONTWAIT);

	return n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
}

void log_remote_ready(struct log_remote *r, uint32_t events)
{
	if (r->fd < 0)
		return;
	if (r->connecting) {
		if (finish_connect(r) < 0) {
			try_later(r);
			return;
		}
		r->connecting = false;
	}
	if (r->stream && (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) && is_closed(r)) {
		try_later(r);
		return;
	}
	log_remote_flush(r);
}

int64_t log_remote_deadline(const struct log_remote *r)
{
	return r->fd < 0 && r->retry_at ? r->retry_at : DEADLINE_NEVER;
}

void log_remote_tick(struct log_remote *r, int64_t now)
{
	size_t tries = r->dial ? 1 : r->n_targets;

	if (r->fd >= 0 || !r->retry_at || now < r->retry_at)
		return;
	for (size_t i = 0; i < tries; i++) {
		int code = dial_next(r);

		if (code == 0 || code == -EINPROGRESS) {
			r->connecting = code != 0;
			return;
		}
	}
	try_later(r);
}

bool log_remote_full(const struct log_remote *r)
{
	return !r->non_blocking && r->fd >= 0 && !r->connecting &&
	       r->end - r->begin >= LOG_REMOTE_HIGH;
}

bool log_remote_idle(const struct log_remote *r)
{
	return r->begin == r->end;
}

void log_remote_trim(struct log_remote *r)
{
	if (r->begin != r->end)
		return;
	mem_free(r->queue);
	r->queue = NULL;
	r->begin = r->end = r->cap = 0;
}
