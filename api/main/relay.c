/* SPDX-License-Identifier: Apache-2.0 */
#include "api/main/relay.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "firmware/core/cleanup.h"
#include "firmware/core/file.h"
#include "firmware/core/mem.h"

#define RELAY_BUFFER (64u << 10)

int relay_copy(int from, int to)
{
	char *buf CLEANUP_MEM = mem_alloc(RELAY_BUFFER);
	int r = buf ? 0 : -ENOMEM;

	while (r == 0) {
		ssize_t n = read(from, buf, RELAY_BUFFER);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			r = -errno;
		if (n <= 0)
			break;
		r = fd_write_all(to, buf, (size_t)n);
	}
	return r;
}

struct direction {
	int from, to;
};

static void copy_or_end(const struct direction *d)
{
	int r = relay_copy(d->from, d->to);

	shutdown(d->to, r < 0 ? SHUT_RDWR : SHUT_WR);
	if (r < 0)
		shutdown(d->from, SHUT_RDWR);
}

static void *copy_thread(void *arg)
{
	copy_or_end(arg);
	return NULL;
}

void relay_join(int a, int b)
{
	struct direction there = {a, b}, back = {b, a};
	pthread_attr_t attr;
	pthread_t thread;
	int r;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, RELAY_STACK);
	r = pthread_create(&thread, &attr, copy_thread, &back);
	pthread_attr_destroy(&attr);
	if (r)
		return;
	copy_or_end(&there);
	pthread_join(thread, NULL);
}

int relay_dial_unix(const char *path, struct err *e)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	CLEANUP_FD int fd = -1;

	if (!str_copy(addr.sun_path, sizeof(addr.sun_path), str_from(path)))
		return err_set(e, ERR_INVALID, "the socket's path is too long: %s", path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_sys(e, errno, "socket");
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		return err_sys(e, errno, "connecting to %s", path);
	return TAKE_FD(fd);
}
