/* SPDX-License-Identifier: Apache-2.0 */
/* A listening TCP socket on an address of this machine, for what may be public (metrics). */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "firmware/core/cleanup.h"
#include "firmware/net/socket.h"

enum { BACKLOG = 64 };

struct address {
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	};
	socklen_t n;
};

/* Cut at the last colon; an IPv6 address stands in brackets. */
static int parse(const char *text, struct address *ret, struct err *e)
{
	struct str s = str_from(text), host;
	struct address a = {.n = sizeof(a.v4)};
	char literal[INET6_ADDRSTRLEN];
	uint64_t port;
	size_t colon = s.n;
	bool bracketed;

	while (colon > 0 && s.p[colon - 1] != ':')
		colon--;
	if (colon == 0 || str_to_u64(str_span(s.p + colon, s.n - colon), &port) < 0 ||
	    port > UINT16_MAX)
		return err_set(e, ERR_INVALID, "want ADDRESS:PORT");
	host = str_span(s.p, colon - 1);
	bracketed = host.n >= 2 && host.p[0] == '[' && host.p[host.n - 1] == ']';
	if (bracketed)
		host = str_span(host.p + 1, host.n - 2);
	if (str_eqz(host, "localhost"))
		host = STR("127.0.0.1");
	if (!str_copy(literal, sizeof(literal), host))
		return err_set(e, ERR_INVALID, "not an IP address");
	if (!bracketed && (host.n == 0 || inet_pton(AF_INET, literal, &a.v4.sin_addr) == 1)) {
		a.v4.sin_family = AF_INET;
		a.v4.sin_port = htons((uint16_t)port);
	} else if (bracketed && inet_pton(AF_INET6, literal, &a.v6.sin6_addr) == 1) {
		a.n = sizeof(a.v6);
		a.v6.sin6_family = AF_INET6;
		a.v6.sin6_port = htons((uint16_t)port);
	} else {
		return err_set(e, ERR_INVALID, "not an IP address");
	}
	*ret = a;
	return 0;
}

int listener_check_tcp(const char *address, struct err *e)
{
	struct address a;
	int r = parse(address, &a, e);

	return r < 0 ? err_wrap(e, "invalid address \"%s\"", address) : 0;
}

int listener_open_tcp(const char *address, struct listener *ret, struct err *e)
{
	CLEANUP_FD int fd = -1;
	struct address a;
	int on = 1;

	if (listener_check_tcp(address, e) < 0 || parse(address, &a, e) < 0)
		return err_code(e);
	fd = socket(a.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_sys(e, errno, "listen on %s", address);
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    bind(fd, &a.any, a.n) < 0 || listen(fd, BACKLOG) < 0)
		return err_sys(e, errno, "listen on %s", address);
	*ret = (struct listener){.kind = LISTENER_TCP, .fd = TAKE_FD(fd)};
	return 0;
}
