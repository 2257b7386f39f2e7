/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A descriptor is registered edge-triggered for input and hang-up when it is opened. Only the loop
 * itself fetches events, never a fiber, so between a system call's EAGAIN and the wait that
 * follows no edge can be lost.
 *
 * Room for output is watched from the first write that had to wait. From the start would cost a
 * needless wake-up for every answer: a Unix socket reports room each time its peer reads.
 */
#include "firmware/sched/io.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "firmware/sched/fiber_private.h"

#define READ_EVENTS (EPOLLIN | EPOLLRDHUP)
#define GONE_EVENTS (EPOLLHUP | EPOLLERR)
#define STICKY_EVENTS (EPOLLHUP | EPOLLERR | EPOLLRDHUP)

_Static_assert(EPOLLIN == POLLIN && EPOLLOUT == POLLOUT && EPOLLHUP == POLLHUP &&
		       EPOLLERR == POLLERR && EPOLLRDHUP == POLLRDHUP && EPOLLPRI == POLLPRI,
	       "poll and epoll share their bits");

static void tell_hup_fiber(struct io *io)
{
	uint32_t gone = GONE_EVENTS | (io->hup_on_half_close ? (uint32_t)EPOLLRDHUP : 0);

	if (io->hup_fiber && (io->ready & gone))
		fiber_cancel(io->hup_fiber, -ECONNRESET);
}

static void on_ready(struct loop_watch *w, uint32_t events)
{
	struct io *io = container_of(w, struct io, watch);

	io->ready |= events & STICKY_EVENTS;
	if (io->reader && (events & (io->reader_bits | GONE_EVENTS)))
		fiber_wake(io->reader, 0);
	if (io->writer && (events & (io->writer_bits | GONE_EVENTS)))
		fiber_wake(io->writer, 0);
	tell_hup_fiber(io);
}

int io_open(struct io *io, int fd)
{
	int flags = fcntl(fd, F_GETFL);
	int r;

	if (flags < 0)
		return -errno;
	if (!(flags & O_NONBLOCK) && fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return -errno;
	*io = (struct io){.watch.fd = fd, .open = true};
	r = loop_watch_add(&io->watch, fd, READ_EVENTS | EPOLLET, on_ready);
	if (r == -EPERM) /* a plain file: always ready, cannot be watched */
		return 0;
	if (r < 0)
		*io = (struct io){.watch.fd = -1};
	return r;
}

int io_release(struct io *io)
{
	int fd = io->watch.fd;
	struct fiber *reader = io->reader, *writer = io->writer;

	if (!io->open)
		return -1;
	loop_watch_remove(&io->watch);
	*io = (struct io){.watch.fd = -1};
	/* Those who still wait do not look at io again. */
	if (reader)
		fiber_wake(reader, -EBADF);
	if (writer && writer != reader)
		fiber_wake(writer, -EBADF);
	return fd;
}

void io_close(struct io *io)
{
	int fd = io_release(io);

	if (fd >= 0)
		close(fd);
}

void io_cancel_on_hup(struct io *io, struct fiber *fiber, bool half_close)
{
	io->hup_fiber = fiber;
	io->hup_on_half_close = half_close;
	tell_hup_fiber(io);
}

static FIBER_FN int wait_readable(struct io *io, uint32_t bits, int64_t deadline)
{
	int r;

	if (io->reader)
		return -EBUSY;
	io->reader = fiber_self();
	io->reader_bits = bits;
	r = fiber_park(deadline);
	if (r != -EBADF)
		io->reader = NULL;
	return r;
}

static int watch_output(struct io *io)
{
	int r = 0;

	if (!io->watches_output && io->watch.active) {
		r = loop_watch_change(&io->watch, READ_EVENTS | EPOLLOUT | EPOLLET);
		io->watches_output = r == 0;
	}
	return r;
}

static FIBER_FN int wait_writable(struct io *io, int64_t deadline)
{
	int r;

	if (io->writer)
		return -EBUSY;
	r = watch_output(io);
	if (r < 0)
		return r;
	io->writer = fiber_self();
	io->writer_bits = EPOLLOUT;
	r = fiber_park(deadline);
	if (r != -EBADF)
		io->writer = NULL;
	return r;
}

ssize_t io_read(struct io *io, void *p, size_t n, int64_t deadline)
{
	for (;;) {
		int r = fiber_be_fair();
		ssize_t got;

		if (r < 0)
			return r;
		got = read(io->watch.fd, p, n);
		if (got >= 0)
			return got;
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return -errno;
		r = wait_readable(io, READ_EVENTS, deadline);
		if (r < 0)
			return r;
	}
}

ssize_t io_recvmsg(struct io *io, struct msghdr *msg, int flags, int64_t deadline)
{
	for (;;) {
		int r = fiber_be_fair();
		ssize_t got;

		if (r < 0)
			return r;
		got = recvmsg(io->watch.fd, msg, flags);
		if (got >= 0)
			return got;
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return -errno;
		r = wait_readable(io, READ_EVENTS, deadline);
		if (r < 0)
			return r;
	}
}

int io_accept(struct io *io, int64_t deadline)
{
	for (;;) {
		int r = fiber_be_fair();
		int fd;

		if (r < 0)
			return r;
		fd = accept4(io->watch.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd >= 0)
			return fd;
		if (errno == EINTR || errno == ECONNABORTED)
			continue;
		if (errno != EAGAIN)
			return -errno;
		r = wait_readable(io, READ_EVENTS, deadline);
		if (r < 0)
			return r;
	}
}

ssize_t io_sendmsg(struct io *io, const struct msghdr *msg, int flags, int64_t deadline)
{
	for (;;) {
		int r = fiber_be_fair();
		ssize_t put;

		if (r < 0)
			return r;
		put = sendmsg(io->watch.fd, msg, flags | MSG_NOSIGNAL);
		if (put >= 0)
			return put;
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return -errno;
		r = wait_writable(io, deadline);
		if (r < 0)
			return r;
	}
}

/* As writev, but no SIGPIPE from sockets. */
static ssize_t write_some(struct io *io, struct iovec *iov, int n)
{
	if (!io->no_socket) {
		struct msghdr msg = {.msg_iov = iov, .msg_iovlen = (size_t)n};
		ssize_t put = sendmsg(io->watch.fd, &msg, MSG_NOSIGNAL);

		if (put >= 0 || errno != ENOTSOCK)
			return put;
		io->no_socket = true;
	}
	return writev(io->watch.fd, iov, n);
}

int io_writev(struct io *io, struct iovec *iov, int n, int64_t deadline)
{
	for (;;) {
		ssize_t put;
		int r;

		while (n > 0 && iov->iov_len == 0) {
			iov++;
			n--;
		}
		if (n == 0)
			return 0;
		r = fiber_be_fair();
		if (r < 0)
			return r;
		put = write_some(io, iov, MIN(n, 64));
		if (put < 0 && errno == EAGAIN) {
			r = wait_writable(io, deadline);
			if (r < 0)
				return r;
		} else if (put < 0 && errno != EINTR) {
			return -errno;
		}
		while (put > 0) {
			size_t step = MIN((size_t)put, iov->iov_len);

			iov->iov_base = (char *)iov->iov_base + step;
			iov->iov_len -= step;
			put -= (ssize_t)step;
			if (iov->iov_len == 0) {
				iov++;
				n--;
			}
		}
	}
}

int io_write(struct io *io, const void *p, size_t n, int64_t deadline)
{
	struct iovec iov = {.iov_base = (void *)(uintptr_t)p, .iov_len = n};

	return io_writev(io, &iov, 1, deadline);
}

/* The bits up now, of those asked for and the two that are always told. */
static int poll_now(struct io *io, uint32_t bits)
{
	struct pollfd p = {.fd = io->watch.fd, .events = (short)bits};

	while (poll(&p, 1, 0) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	return (int)((uint32_t)(unsigned short)p.revents & (bits | GONE_EVENTS | POLLNVAL));
}

int io_wait(struct io *io, uint32_t bits, int64_t deadline)
{
	for (;;) {
		int r = fiber_be_fair();

		if (r < 0)
			return r;
		r = poll_now(io, bits);
		if (r != 0)
			return r;
		if (bits == EPOLLOUT) {
			r = wait_writable(io, deadline);
		} else {
			r = bits & EPOLLOUT ? watch_output(io) : 0;
			if (r == 0)
				r = wait_readable(io, bits, deadline);
		}
		if (r < 0)
			return r;
	}
}

int io_wait_either(struct io *a, struct io *b, int64_t deadline)
{
	for (;;) {
		int up, r = fiber_be_fair();

		if (r < 0)
			return r;
		up = (poll_now(a, READ_EVENTS) ? 1 : 0) | (poll_now(b, READ_EVENTS) ? 2 : 0);
		if (up)
			return up;
		if (b->reader)
			return -EBUSY;
		b->reader = fiber_self();
		b->reader_bits = READ_EVENTS;
		r = wait_readable(a, READ_EVENTS, deadline);
		if (r != -EBADF)
			b->reader = NULL;
		if (r < 0)
			return r;
	}
}
