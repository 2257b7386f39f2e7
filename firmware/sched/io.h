/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Descriptor input and output for fibers: try the system call first, wait for readiness only on
 * EAGAIN. The descriptor is registered once, edge-triggered. At most one fiber reads and one
 * writes.
 *
 * Thread: loop. Yields: what carries FIBER_FN. Owns: the descriptor, until io_close or io_release.
 */
#ifndef FIRMWARE_SCHED_IO_H
#define FIRMWARE_SCHED_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "firmware/core/attr.h"
#include "firmware/core/err.h"
#include "firmware/sched/fiber.h"
#include "firmware/sched/loop.h"

struct io {
	struct loop_watch watch;
	uint32_t ready;		 /* hang-up bits seen; they never go away again */
	struct fiber *hup_fiber; /* cancelled with -ECONNRESET when the peer is gone for good */
	bool hup_on_half_close;	 /* RDHUP counts as gone too */
	/* private: */
	bool open;
	bool no_socket;
	bool watches_output;
	struct fiber *reader, *writer;
	uint32_t reader_bits, writer_bits;
};

/*
 * Take ownership of fd and make it non-blocking. 0 or -errno (then the fd stays the caller's).
 * An open struct io must not move in memory. Waits on an io that is closed meanwhile end -EBADF.
 */
int io_open(struct io *io, int fd) WARN_UNUSED;
void io_close(struct io *io); /* accepts a zeroed or closed io */
/* Deregister and return the descriptor, which becomes the caller's (still non-blocking). */
int io_release(struct io *io);
static inline int io_fd(const struct io *io)
{
	return io->watch.fd;
}

/* Bytes read (>0), 0 at end of stream, -ETIMEDOUT, cancel code, or -errno. */
ssize_t io_read(struct io *io, void *p, size_t n, int64_t deadline) FIBER_FN WARN_UNUSED;
/* All or an error. */
int io_write(struct io *io, const void *p, size_t n, int64_t deadline) FIBER_FN WARN_UNUSED;
/* All of the vector (which is modified), or an error. */
int io_writev(struct io *io, struct iovec *iov, int n, int64_t deadline) FIBER_FN WARN_UNUSED;
/* recvmsg/sendmsg of one message, waiting as needed; result as the system call's or -errno. */
ssize_t io_recvmsg(struct io *io, struct msghdr *msg, int flags, int64_t deadline)
	FIBER_FN WARN_UNUSED;
ssize_t io_sendmsg(struct io *io, const struct msghdr *msg, int flags, int64_t deadline)
	FIBER_FN WARN_UNUSED;
/* Wait until any of the epoll bits (EPOLLIN, EPOLLOUT, EPOLLRDHUP, EPOLLHUP) is up: bits or -errno.
 */
int io_wait(struct io *io, uint32_t bits, int64_t deadline) FIBER_FN WARN_UNUSED;
/*
 * Wait until one of two can be read (or is at its end): 1 for a, 2 for b, 3 for both, or -errno.
 * Nobody else may read them, and both stay open, meanwhile.
 */
int io_wait_either(struct io *a, struct io *b, int64_t deadline) FIBER_FN WARN_UNUSED;
/* New connection (close-on-exec, non-blocking) or -errno. */
int io_accept(struct io *io, int64_t deadline) FIBER_FN WARN_UNUSED;

/*
 * While set, a peer that goes away (EPOLLHUP or EPOLLERR; EPOLLRDHUP too with half_close) cancels
 * fiber with -ECONNRESET wherever it waits. NULL ends it.
 */
void io_cancel_on_hup(struct io *io, struct fiber *fiber, bool half_close);

#endif
