/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Terminals: the runtime makes the pseudo-terminal inside of the container and sends us its master
 * over a socket. Socket names are relative to the bundle, which is the working directory of both,
 * because absolute ones may be longer than a socket address can hold.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "runtime/shim/private.h"

int console_listen(struct shim_process *s, struct proc *p)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd;

	launch_name(s, p, "sock", addr.sun_path, sizeof(addr.sun_path));
	(void)unlinkat(s->run_dirfd, addr.sun_path, 0);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 || listen(fd, 1) < 0) {
		int r = -errno;

		close(fd);
		return r;
	}
	p->console_fd = fd;
	return 0;
}

/* The runtime has ended, so its message is in the queue of the connection by now. */
int console_take(struct shim_process *s, struct proc *p)
{
	struct shim_out in;
	char name[256];
	int conn, fd = -1;

	(void)s;
	conn = accept4(p->console_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (conn < 0)
		return -1;
	memset(&in.hdr, 0, sizeof(in.hdr));
	in.iov[0].iov_base = name;
	in.iov[0].iov_len = sizeof(name);
	in.hdr.msg_iov = in.iov;
	in.hdr.msg_iovlen = 1;
	in.hdr.msg_control = in.control;
	in.hdr.msg_controllen = sizeof(in.control);
	if (recvmsg(conn, &in.hdr, MSG_CMSG_CLOEXEC) >= 0)
		(void)shim_in_take_fds(&in, &fd, 1);
	close(conn);
	if (fd >= 0 && fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

int console_resize(int fd, uint16_t height, uint16_t width)
{
	struct winsize ws = {.ws_row = height, .ws_col = width};

	return ioctl(fd, TIOCSWINSZ, &ws) < 0 ? -errno : 0;
}
