/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `serind vsock-proxy`: on the host of a virtual machine, a Unix socket for Docker clients whose
 * every connection is carried to the daemon's vsock port in the guest. By AF_VSOCK (QEMU with
 * vhost), or by the Unix socket of Firecracker and Cloud Hypervisor, on which a client says
 * "CONNECT <port>\n" and hears "OK <n>\n". A client that cannot be carried is told why, as an HTTP
 * reply.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <sys/socket.h>

#include <linux/vm_sockets.h> /* wants the one above */

#include "api/main/daemon.h"
#include "api/main/relay.h"
#include "firmware/core/buf.h"
#include "firmware/core/cleanup.h"
#include "firmware/core/file.h"
#include "firmware/core/log.h"
#include "firmware/core/mem.h"
#include "firmware/net/socket.h"

#define ANSWER_MAX 32 /* "OK 4294967295\n" */
#define ANSWER_SECONDS 10
#define CLIENTS_MAX 1023 /* what Firecracker carries at most */

static struct proxy {
	const char *listen, *firecracker; /* paths; firecracker NULL: by AF_VSOCK */
	uint32_t cid, port;
	mode_t mode;
	pthread_mutex_t lock;
	unsigned clients;
} proxy = {.mode = 0600, .lock = PTHREAD_MUTEX_INITIALIZER};

/* --- to the guest --- */

static int set_timeout(int fd, int seconds)
{
	struct timeval tv = {.tv_sec = seconds};

	return setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)) < 0 ||
			       setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)) < 0
		       ? -errno
		       : 0;
}

/* Byte by byte: what follows the line is the guest's already. */
static int read_answer(int fd, char *line, struct err *e)
{
	size_t n = 0;

	while (n + 1 < ANSWER_MAX) {
		ssize_t r = read(fd, line + n, 1);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0 && errno == EAGAIN)
			return err_set(e, ERR_TIMEOUT, "no answer within %d s", ANSWER_SECONDS);
		if (r < 0)
			return err_sys(e, errno, "reading the answer");
		if (r == 0)
			return err_set(e, ERR_UNAVAILABLE,
				       "refused: nothing listens on port %u of the guest",
				       proxy.port);
		if (line[n] == '\n') {
			line[n] = '\0';
			return 0;
		}
		n++;
	}
	return err_set(e, ERR_INVALID, "the answer is no line");
}

static int dial_firecracker(struct err *e)
{
	CLEANUP_FD int fd = relay_dial_unix(proxy.firecracker, e);
	char line[ANSWER_MAX];
	int n = snprintf(line, sizeof(line), "CONNECT %u\n", proxy.port);

	if (fd < 0)
		return err_code(e);
	if (set_timeout(fd, ANSWER_SECONDS) < 0 || fd_write_all(fd, line, (size_t)n) < 0)
		return err_sys(e, errno, "asking %s", proxy.firecracker);
	if (read_answer(fd, line, e) < 0)
		return err_wrap(e, "%s", proxy.firecracker);
	if (!strz_starts(line, "OK "))
		return err_set(e, ERR_INVALID, "%s answers \"%s\"", proxy.firecracker, line);
	if (set_timeout(fd, 0) < 0)
		return err_sys(e, errno, "setsockopt");
	return TAKE_FD(fd);
}

static int dial_vsock(struct err *e)
{
	struct sockaddr_vm addr = {
		.svm_family = AF_VSOCK, .svm_cid = proxy.cid, .svm_port = proxy.port};
	CLEANUP_FD int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return err_sys(e, errno, "no vsock here (modprobe vhost_vsock)");
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		return err_sys(e, errno, "connecting to vsock %u:%u", proxy.cid, proxy.port);
	return TAKE_FD(fd);
}

/* --- from clients --- */

static void write_reply(int fd, const char *message)
{
	struct buf body, reply;
	char bodies[512], replies[768];

	buf_init_fixed(&body, bodies, sizeof(bodies));
	buf_puts(&body, "{\"message\":\"vsock-proxy: ");
	for (; *message; message++)
		if (*message != '"' && *message != '\\' && (unsigned char)*message >= 0x20)
			buf_putc(&body, *message);
	buf_puts(&body, "\"}\n");
	buf_init_fixed(&reply, replies, sizeof(replies));
	buf_printf(&reply,
		   "HTTP/1.1 502 Bad Gateway\r\nContent-Type: application/json\r\n"
		   "Connection: close\r\nContent-Length: %zu\r\n\r\n" STR_FMT,
		   body.n, STR_ARG(buf_str(&body)));
	if (fd_write_all(fd, reply.p, reply.n) == 0)
		shutdown(fd, SHUT_WR);
}

/* Read what the client still sends, so that the close does not look like a reset. */
static void refuse(int fd, const char *message)
{
	char scrap[512];

	write_reply(fd, message);
	if (set_timeout(fd, 1) == 0)
		for (int i = 0; i < 64 && read(fd, scrap, sizeof(scrap)) > 0; i++)
			;
}

static void *carry(void *arg)
{
	int client = *(int *)arg, guest;
	struct err e = ERR_INIT;

	mem_free(arg);
	guest = proxy.firecracker ? dial_firecracker(&e) : dial_vsock(&e);
	if (guest < 0) {
		log_warn("%s", e.msg);
		refuse(client, e.msg);
	} else {
		relay_join(client, guest);
		close(guest);
	}
	close(client);
	pthread_mutex_lock(&proxy.lock);
	proxy.clients--;
	pthread_mutex_unlock(&proxy.lock);
	return NULL;
}

static bool take_slot(void)
{
	bool ok;

	pthread_mutex_lock(&proxy.lock);
	ok = proxy.clients < CLIENTS_MAX;
	proxy.clients += ok;
	pthread_mutex_unlock(&proxy.lock);
	return ok;
}

static void take_client(int fd)
{
	int *arg = take_slot() ? mem_alloc(sizeof(*arg)) : NULL;
	pthread_attr_t attr;
	pthread_t thread;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, RELAY_STACK);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	if (arg) {
		*arg = fd;
		if (pthread_create(&thread, &attr, carry, arg) == 0)
			goto out;
		mem_free(arg);
		pthread_mutex_lock(&proxy.lock);
		proxy.clients--;
		pthread_mutex_unlock(&proxy.lock);
	}
	write_reply(fd, "too many connections");
	close(fd);
out:
	pthread_attr_destroy(&attr);
}

static int serve(struct err *e)
{
	struct listener l;
	struct listen_options opt = {.mode = proxy.mode, .uid = (uid_t)-1, .gid = (gid_t)-1};
	struct pollfd fds[2] = {{.events = POLLIN}, {.events = POLLIN}};
	char host[128];
	size_t n;
	sigset_t set;

	if (!text_format(host, sizeof(host), "unix://%s", proxy.listen))
		return err_set(e, ERR_INVALID, "the socket's path is too long: %s", proxy.listen);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	fds[0].fd = signalfd(-1, &set, SFD_CLOEXEC);
	if (fds[0].fd < 0)
		return err_sys(e, errno, "signalfd");
	if (listener_open(host, &opt, &l, 1, &n, e) < 0)
		return err_code(e);
	fds[1].fd = l.fd;
	log_info("carrying %s to port %u of the guest", proxy.listen, proxy.port);
	for (;;) {
		int fd;

		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			break;
		if (fds[0].revents)
			break;
		fd = fds[1].revents ? accept4(l.fd, NULL, NULL, SOCK_CLOEXEC) : -1;
		if (fd >= 0)
			take_client(fd);
		else if (fds[1].revents && errno != EAGAIN && errno != ECONNABORTED)
			usleep(100000); /* EMFILE and the like: not in a circle */
	}
	listener_close(&l);
	return 0;
}

/* --- the command line --- */

static int parse_target(const char *text, bool by_path, struct err *e)
{
	struct str whole = str_from(text);
	ptrdiff_t colon = str_rfind(whole, ':');
	uint64_t port, cid;

	if (colon < 1 ||
	    str_to_u64(str_span(text + colon + 1, whole.n - (size_t)colon - 1), &port) < 0 ||
	    !port || port >= UINT32_MAX)
		return err_set(e, ERR_INVALID, "want %s:PORT, not \"%s\"", by_path ? "PATH" : "CID",
			       text);
	proxy.port = (uint32_t)port;
	if (by_path) {
		proxy.firecracker = mem_strndup(text, (size_t)colon);
		return proxy.firecracker ? 0 : err_set(e, ERR_UNAVAILABLE, "no memory");
	}
	if (str_to_u64(str_span(text, (size_t)colon), &cid) < 0 || cid >= UINT32_MAX)
		return err_set(e, ERR_INVALID, "want CID:PORT, not \"%s\"", text);
	proxy.cid = (uint32_t)cid;
	return 0;
}

static int parse_mode(const char *text, struct err *e)
{
	char *end;
	unsigned long mode = strtoul(text, &end, 8);

	if (!*text || *end || mode > 0777)
		return err_set(e, ERR_INVALID, "not a mode: %s", text);
	proxy.mode = (mode_t)mode;
	return 0;
}

int vsock_proxy_main(int argc, char **argv)
{
	struct err e = ERR_INIT;
	int targets = 0, r = 0;

	for (int i = 1; i < argc && r == 0; i += 2) {
		const char *value = argv[i + 1];

		if (!value) {
			r = -1;
		} else if (!strcmp(argv[i], "--listen")) {
			proxy.listen = strz_starts(value, "unix://") ? value + 7 : value;
		} else if (!strcmp(argv[i], "--mode")) {
			r = parse_mode(value, &e);
		} else if (!strcmp(argv[i], "--firecracker") || !strcmp(argv[i], "--vsock")) {
			targets++;
			r = parse_target(value, argv[i][2] == 'f', &e);
		} else {
			r = -1;
		}
	}
	if (!e.kind && (r < 0 || !proxy.listen || targets != 1)) {
		fputs("Usage: serind vsock-proxy --listen PATH [--mode 0600]\n"
		      "           --vsock CID:PORT | --firecracker PATH:PORT\n",
		      stderr);
		return 2;
	}
	if (e.kind || serve(&e) < 0) {
		fprintf(stderr, "serind: vsock-proxy: %s\n", e.msg);
		return 1;
	}
	return 0;
}
