/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/net/socket_private.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "firmware/core/cleanup.h"
#include "firmware/core/config.h"

enum { BACKLOG = 4096 };

struct host {
	enum listener_kind kind;
	struct str rest; /* after the scheme */
	uint32_t cid, port;
};

static int parse_unix(struct str path, struct err *e)
{
	struct sockaddr_un sun;

	if (path.n == 0)
		return err_set(e, ERR_INVALID, "no path");
	if (path.n >= sizeof(sun.sun_path))
		return err_set(e, ERR_INVALID, "path is longer than %zu bytes",
			       sizeof(sun.sun_path) - 1);
	return 0;
}

static int parse_fd(struct str rest, struct err *e)
{
	uint64_t n;

	if (rest.n == 0 || str_eqz(rest, "*"))
		return 0;
	if (str_to_u64(rest, &n) < 0 || n < 3 || n > 1 << 20)
		return err_set(e, ERR_INVALID, "want fd:// or fd://N with N from 3");
	return 0;
}

static int parse_host(const char *host, struct host *ret, struct err *e)
{
	struct str s = str_from(host);

	if (str_starts(s, "unix://")) {
		ret->kind = LISTENER_UNIX;
		ret->rest = str_span(s.p + 7, s.n - 7);
		return parse_unix(ret->rest, e);
	}
	if (str_starts(s, "vsock://")) {
		ret->kind = LISTENER_VSOCK;
		ret->rest = str_span(s.p + 8, s.n - 8);
		if (!CONFIG(VSOCK))
			return err_set(e, ERR_NOT_IMPLEMENTED,
				       "vsock is not built in (CONFIG_VSOCK)");
		return vsock_parse(ret->rest, &ret->cid, &ret->port, e);
	}
	if (str_starts(s, "fd://")) {
		ret->kind = LISTENER_FD;
		ret->rest = str_span(s.p + 5, s.n - 5);
		if (!CONFIG(SYSTEMD))
			return err_set(e, ERR_NOT_IMPLEMENTED,
				       "socket activation is not built in (CONFIG_SYSTEMD)");
		return parse_fd(ret->rest, e);
	}
	return err_set(e, ERR_INVALID, "want unix://PATH, vsock://[CID]:PORT or fd://");
}

int listener_check(const char *host, struct err *e)
{
	struct host h;
	int r = parse_host(host, &h, e);

	return r < 0 ? err_wrap(e, "invalid host \"%s\"", host) : 0;
}

/* Make way at a path: a socket nobody listens on goes, all else stays and is an error. */
static int remove_stale(const struct sockaddr_un *sun, struct err *e)
{
	CLEANUP_FD int fd = -1;
	struct stat st;

	if (lstat(sun->sun_path, &st) < 0)
		return errno == ENOENT ? 0 : err_sys(e, errno, "stat");
	if (!S_ISSOCK(st.st_mode))
		return err_set(e, ERR_CONFLICT, "the path exists and is not a socket");
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_sys(e, errno, "socket");
	if (connect(fd, (const struct sockaddr *)sun, sizeof(*sun)) == 0 || errno == EAGAIN)
		return err_set(e, ERR_CONFLICT, "another process listens there");
	if (errno != ECONNREFUSED && errno != ENOENT)
		return err_sys(e, errno, "looking for another listener");
	if (unlink(sun->sun_path) < 0 && errno != ENOENT)
		return err_sys(e, errno, "removing the stale socket");
	return 0;
}

/* Bound with no permission at all, so that nobody connects before owner and mode are set. */
static int bind_unix(int fd, const struct sockaddr_un *sun, const struct listen_options *opt,
		     struct err *e)
{
	mode_t old = umask(0777);
	int r = bind(fd, (const struct sockaddr *)sun, sizeof(*sun)) < 0 ? errno : 0;

	umask(old);
	if (r)
		return err_sys(e, r, "bind");
	if ((opt->uid != (uid_t)-1 || opt->gid != (gid_t)-1) &&
	    chown(sun->sun_path, opt->uid, opt->gid) < 0)
		r = err_sys(e, errno, "chown");
	else if (chmod(sun->sun_path, opt->mode & 0777) < 0)
		r = err_sys(e, errno, "chmod");
	else if (listen(fd, opt->backlog > 0 ? opt->backlog : BACKLOG) < 0)
		r = err_sys(e, errno, "listen");
	if (r < 0)
		unlink(sun->sun_path);
	return r;
}

static int open_unix(struct str path, const struct listen_options *opt, struct listener *ret,
		     struct err *e)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	CLEANUP_FD int fd = -1;
	struct stat st;
	int r;

	if (!str_copy(sun.sun_path, sizeof(sun.sun_path), path))
		return err_set(e, ERR_INVALID, "path too long");
	r = remove_stale(&sun, e);
	if (r < 0)
		return r;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_sys(e, errno, "socket");
	r = bind_unix(fd, &sun, opt, e);
	if (r < 0)
		return r;
	if (lstat(sun.sun_path, &st) < 0)
		return err_sys(e, errno, "stat");
	*ret = (struct listener){
		.kind = LISTENER_UNIX, .path_dev = st.st_dev, .path_ino = st.st_ino};
	memcpy(ret->path, sun.sun_path, sizeof(ret->path));
	ret->fd = TAKE_FD(fd);
	return 0;
}

static int open_vsock(const struct host *h, const struct listen_options *opt, struct listener *ret,
		      struct err *e)
{
	int backlog = opt->backlog > 0 ? opt->backlog : BACKLOG;
	int fd = -1;
	int r = vsock_listen(h->cid, h->port, backlog, &fd, e);

	if (r < 0)
		return r;
	*ret = (struct listener){.kind = LISTENER_VSOCK, .fd = fd};
	return 0;
}

int listener_open(const char *host, const struct listen_options *opt, struct listener *ret,
		  size_t max, size_t *ret_n, struct err *e)
{
	struct host h = {0};
	size_t n = 1;
	int r = listener_check(host, e);

	if (r < 0)
		return r;
	(void)parse_host(host, &h, NULL);
	if (opt->n_cids > LISTENER_CIDS_MAX)
		return err_set(e, ERR_INVALID, "more than %d vsock CIDs allowed",
			       LISTENER_CIDS_MAX);
	if (max < 1)
		return err_set(e, ERR_TOO_LARGE, "too many listeners");
	if (h.kind == LISTENER_UNIX)
		r = open_unix(h.rest, opt, ret, e);
	else if (CONFIG(VSOCK) && h.kind == LISTENER_VSOCK)
		r = open_vsock(&h, opt, ret, e);
	else if (CONFIG(SYSTEMD))
		r = activation_open(h.rest, ret, max, &n, e);
	if (r < 0)
		return err_wrap(e, "listen on %s", host);
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < opt->n_cids; k++)
			ret[i].cids[k] = opt->cids[k];
		ret[i].n_cids = opt->n_cids;
	}
	*ret_n = n;
	return 0;
}

void listener_close(struct listener *l)
{
	struct stat st;

	if (l->path[0] && lstat(l->path, &st) == 0 && st.st_dev == l->path_dev &&
	    st.st_ino == l->path_ino)
		unlink(l->path);
	l->path[0] = '\0';
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
}

int listener_identify(const struct listener *l, int fd, struct peer *ret, struct err *e)
{
	struct peer p = {.kind = l->kind, .uid = (uid_t)-1, .gid = (gid_t)-1};
	int domain = AF_UNSPEC;
	socklen_t n = sizeof(domain);

	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &n) < 0)
		return err_sys(e, errno, "who connected");
	if (domain == AF_VSOCK) {
		if (!CONFIG(VSOCK))
			return err_set(e, ERR_NOT_IMPLEMENTED,
				       "vsock is not built in (CONFIG_VSOCK)");
		return vsock_identify(l, fd, ret, e);
	}
	if (domain == AF_UNIX) {
		struct ucred cred;

		n = sizeof(cred);
		if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &n) < 0)
			return err_sys(e, errno, "who connected");
		p = (struct peer){LISTENER_UNIX, cred.pid, cred.uid, cred.gid, 0};
	}
	*ret = p;
	return 0;
}
