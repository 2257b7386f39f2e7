/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `serind dial-stdio [-H unix://PATH]`: what `docker -H ssh://` runs in the guest. Bytes go both
 * ways until the daemon has said all; the end of standard input is passed on as a half-close.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "api/main/daemon.h"
#include "api/main/options.h"
#include "firmware/core/file.h"

static int dial(const char *host)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd;

	if (!strncmp(host, "unix://", 7))
		host += 7;
	if (strlen(host) >= sizeof(addr.sun_path)) {
		fprintf(stderr, "serind: the socket's path is too long: %s\n", host);
		return -1;
	}
	memcpy(addr.sun_path, host, strlen(host) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0) {
		fprintf(stderr, "serind: connecting to %s: %s\n", host, strerror(errno));
		if (fd >= 0)
			close(fd);
		return -1;
	}
	return fd;
}

/* One read passed on. 1 went on, 0 end of input, -1 failed. */
static int pump(int from, int to)
{
	static char buf[16384];
	ssize_t n;

	do
		n = read(from, buf, sizeof(buf));
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return n < 0 ? -1 : 0;
	return fd_write_all(to, buf, (size_t)n) < 0 ? -1 : 1;
}

int dial_stdio_main(int argc, char **argv)
{
	const char *host = getenv("DOCKER_HOST");
	struct pollfd fds[2] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.events = POLLIN}};
	int fd;

	if (argc == 3 && (!strcmp(argv[1], "-H") || !strcmp(argv[1], "--host")))
		host = argv[2];
	else if (argc != 1) {
		fputs("Usage: serind dial-stdio [-H unix://PATH]\n", stderr);
		return 2;
	}
	fd = dial(host && *host ? host : HOST_DEFAULT);
	if (fd < 0)
		return 1;
	fds[1].fd = fd;
	for (;;) {
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return 1;
		if (fds[1].revents) {
			int r = pump(fd, STDOUT_FILENO);

			if (r <= 0)
				return r < 0;
		}
		if (fds[0].revents && pump(STDIN_FILENO, fd) <= 0) {
			shutdown(fd, SHUT_WR);
			fds[0].fd = -1;
		}
	}
}
