/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The service manager's protocol: sockets from descriptor 3 on, announced in LISTEN_PID and
 * LISTEN_FDS, and datagrams to NOTIFY_SOCKET.
 */
#include "firmware/net/socket_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "firmware/core/cleanup.h"
#include "firmware/core/config.h"

enum { FIRST_FD = 3, FDS_MAX = 1024 };

/* How many descriptors were handed to this very process. */
static size_t count_fds(void)
{
	uint64_t pid = 0, n = 0;

	if (str_to_u64(str_from(getenv("LISTEN_PID")), &pid) < 0 || pid != (uint64_t)getpid())
		return 0;
	if (str_to_u64(str_from(getenv("LISTEN_FDS")), &n) < 0 || n > FDS_MAX)
		return 0;
	return (size_t)n;
}

static int adopt(int fd, struct listener *ret, struct err *e)
{
	int listens = 0, type = 0;
	socklen_t n = sizeof(int);
	int flags = fcntl(fd, F_GETFD);

	if (flags < 0 || fcntl(fd, F_SETFD, flags | FD_CLOEXEC) < 0)
		return err_sys(e, errno, "descriptor %d", fd);
	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &n) < 0)
		return err_sys(e, errno, "descriptor %d", fd);
	n = sizeof(int);
	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &n) < 0)
		return err_sys(e, errno, "descriptor %d", fd);
	if (type != SOCK_STREAM || !listens)
		return err_set(e, ERR_INVALID, "descriptor %d is not a listening stream socket",
			       fd);
	*ret = (struct listener){.kind = LISTENER_FD, .fd = fd};
	return 0;
}

int activation_open(struct str rest, struct listener *ret, size_t max, size_t *ret_n, struct err *e)
{
	size_t n = count_fds();
	uint64_t wanted = 0;

	if (n == 0)
		return err_set(e, ERR_NOT_FOUND,
			       "no sockets were handed over by the service manager");
	if (rest.n > 0 && !str_eqz(rest, "*")) {
		if (str_to_u64(rest, &wanted) < 0 || wanted < FIRST_FD || wanted >= FIRST_FD + n)
			return err_set(e, ERR_NOT_FOUND,
				       "descriptor " STR_FMT " was not handed over", STR_ARG(rest));
		*ret_n = 1;
		return adopt((int)wanted, ret, e);
	}
	if (n > max)
		return err_set(e, ERR_TOO_LARGE, "%zu sockets were handed over, %zu can be used", n,
			       max);
	for (size_t i = 0; i < n; i++) {
		int r = adopt((int)(FIRST_FD + i), &ret[i], e);

		if (r < 0)
			return r;
	}
	*ret_n = n;
	return 0;
}

int service_notify(const char *state, struct err *e)
{
	CLEANUP_FD int fd = -1;
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	struct str path = str_from(getenv("NOTIFY_SOCKET"));
	socklen_t n;

	if (!CONFIG(SYSTEMD) || path.n == 0)
		return 0;
	if ((path.p[0] != '/' && path.p[0] != '@') || path.n >= sizeof(sun.sun_path))
		return err_set(e, ERR_INVALID, "NOTIFY_SOCKET is neither a path nor abstract");
	memcpy(sun.sun_path, path.p, path.n);
	n = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path.n);
	if (path.p[0] == '@')
		sun.sun_path[0] = '\0';
	else
		n++;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_sys(e, errno, "telling the service manager");
	if (sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&sun, n) < 0)
		return err_sys(e, errno, "telling the service manager");
	return 0;
}
