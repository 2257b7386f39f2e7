/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/join/join.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "firmware/core/cleanup.h"
#include "runtime/join/private.h"

pid_t join_start(const struct join_request *req, int *ret_channel)
{
	/* Here, where its number is its own for sure: the child runs on when it is reaped. */
	int init CLEANUP_FD = (int)syscall(SYS_pidfd_open, req->init, 0);
	int fds[2], r;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
		return -errno;
	pid = fork();
	if (pid == 0)
		task_main(req, fds[1], init);
	r = -errno;
	close(fds[1]);
	if (pid < 0) {
		close(fds[0]);
		return r;
	}
	*ret_channel = fds[0];
	return pid;
}

int join_receive(int channel, struct join_message *ret, int *ret_fd)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = {ret, sizeof(*ret)};
	struct msghdr hdr = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	ssize_t n;

	*ret_fd = -1;
	do
		n = recvmsg(channel, &hdr, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? -EAGAIN : 0;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&hdr); c; c = CMSG_NXTHDR(&hdr, c)) {
		size_t count = c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS
				       ? (c->cmsg_len - CMSG_LEN(0)) / sizeof(int)
				       : 0;

		for (size_t i = 0; i < count; i++) {
			if (*ret_fd >= 0)
				close(*ret_fd);
			memcpy(ret_fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
		}
	}
	if (n == 0)
		return 0;
	/* The other end is in the container for a while: it is not believed blindly. */
	if (n != sizeof(*ret)) {
		memset(ret, 0, sizeof(*ret));
		ret->kind = JOIN_FAILED;
	}
	ret->text[sizeof(ret->text) - 1] = 0;
	return 1;
}
