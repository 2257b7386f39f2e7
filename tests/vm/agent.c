/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The test's hand inside the guest, in the test image alone:
 *
 *   agent relay PORT SOCKET   serves TCP port PORT by a Unix socket
 *   agent shell PORT          runs what a connection sends by /bin/sh; the output comes back
 *   agent vsock CID PORT      standard input to a vsock peer, its answer to standard output
 *   agent tcp ADDRESS PORT    the same with an IPv4 peer
 *   agent ping SOCKET         says in the kernel's log when GET /_ping is answered for the first
 * time
 *
 * Called as NN-relay or NN-ping (a hook, in an image without a shell) it does that in the
 * background; as NN-other it is a second daemon beside the guest's own, on vsock port 376, where
 * only CID 77 is answered.
 *
 * relay and shell answer the emulator's gateway alone: whoever comes here owns the guest.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <linux/vm_sockets.h>

#define GATEWAY 0x0a000202 /* 10.0.2.2 */

static void die(const char *what)
{
	fprintf(stderr, "agent: %s: %s\n", what, strerror(errno));
	exit(1);
}

static bool write_all(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t did = write(fd, p, n);

		if (did < 0 && errno == EINTR)
			continue;
		if (did < 0)
			return false;
		p += did;
		n -= (size_t)did;
	}
	return true;
}

/* One direction until its end, which is passed on. False when there is no more to come. */
static bool carry(int from, int to)
{
	static char buf[65536];
	ssize_t n = read(from, buf, sizeof(buf));

	if (n > 0 && write_all(to, buf, (size_t)n))
		return true;
	if (to != STDOUT_FILENO) /* which may be a socket that others write to as well */
		shutdown(to, SHUT_WR);
	return false;
}

/* Both directions: in is read and answered to out; peer is a socket. Ends when the peer has. */
static void pump(int in, int out, int peer)
{
	struct pollfd p[2] = {{.fd = in, .events = POLLIN}, {.fd = peer, .events = POLLIN}};

	while (p[1].fd >= 0 && poll(p, 2, -1) >= 0) {
		if (p[0].revents && !carry(in, peer))
			p[0].fd = -1;
		if (p[1].revents && !carry(peer, out))
			p[1].fd = -1;
	}
}

static void relay(int client, const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		die(path);
	pump(client, client, fd);
}

static void shell(int client)
{
	for (int i = 0; i < 3; i++)
		dup2(client, i);
	execl("/bin/sh", "sh", "-s", NULL);
	die("/bin/sh");
}

static void serve(const char *port, const char *path)
{
	struct sockaddr_in addr = {.sin_family = AF_INET,
				   .sin_port = htons((unsigned short)atoi(port))};
	int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 || listen(fd, 64) < 0)
		die(port);
	signal(SIGCHLD, SIG_IGN);
	for (;;) {
		struct sockaddr_in peer;
		socklen_t n = sizeof(peer);
		int client = accept4(fd, (struct sockaddr *)&peer, &n, SOCK_CLOEXEC);

		if (client < 0)
			continue;
		if (ntohl(peer.sin_addr.s_addr) == GATEWAY && fork() == 0) {
			signal(SIGCHLD, SIG_DFL);
			setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
			if (path)
				relay(client, path);
			else
				shell(client);
			exit(0);
		}
		close(client);
	}
}

static void tcp(const char *address, const char *port)
{
	struct sockaddr_in addr = {.sin_family = AF_INET,
				   .sin_port = htons((unsigned short)atoi(port))};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (inet_pton(AF_INET, address, &addr.sin_addr) != 1)
		die(address);
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		die("connect");
	pump(0, 1, fd);
}

static void vsock(const char *cid, const char *port)
{
	struct sockaddr_vm addr = {.svm_family = AF_VSOCK,
				   .svm_cid = (unsigned)atoi(cid),
				   .svm_port = (unsigned)atoi(port)};
	int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die("socket");
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		die("connect");
	pump(0, 1, fd);
}

static bool answers(const char *path)
{
	static const char request[] = "GET /_ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char head[13] = "";
	bool yes;

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	yes = connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0 &&
	      write_all(fd, request, sizeof(request) - 1) && read(fd, head, 12) == 12 &&
	      !strcmp(head, "HTTP/1.1 200");
	close(fd);
	return yes;
}

/* Microseconds at which the kernel says that it started process 1; 0 when it does not. */
static unsigned long long run_time(int log)
{
	unsigned long long us = 0;
	char record[2048];
	ssize_t n;

	/* "6,123,4567890,-;text": a read is a record, and EPIPE says that some are gone. */
	while ((n = read(log, record, sizeof(record) - 1)) > 0 || errno == EPIPE) {
		record[n > 0 ? n : 0] = '\0';
		if (n > 0 && strstr(record, ";Run /init as init process"))
			sscanf(record, "%*u,%*u,%llu", &us);
	}
	return us;
}

/* Urgent, so that a quiet console shows it too, with the time. */
static void ping(const char *path)
{
	int log = open("/dev/kmsg", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	unsigned long long us;
	char mark[64] = "<1>mark: ping\n";

	while (!answers(path))
		usleep(2000);
	if (log < 0 || !write_all(log, mark, strlen(mark)))
		die("/dev/kmsg");
	us = run_time(log);
	snprintf(mark, sizeof(mark), "<1>mark: run at %llu.%06llu\n", us / 1000000, us % 1000000);
	write_all(log, mark, strlen(mark));
}

/* As a hook: the guest goes on without us. */
static void leave(void)
{
	if (fork() != 0)
		exit(0);
	setsid();
}

static void other(void)
{
	static const char config[] = "/run/other/config.json";
	int console = open("/dev/console", O_WRONLY | O_CLOEXEC), file;

	if (mkdir("/run/other", 0700) < 0)
		die("/run/other");
	/* The guest's own configuration is not for this one; a file that is named must be there. */
	file = open(config, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (file < 0)
		die(config);
	write_all(file, "{}\n", 3);
	dup2(console, 1);
	dup2(console, 2);
	execl("/sbin/serind", "serind", "--config-file", config, "--data-root", "/run/other/data",
	      "--exec-root", "/run/other/exec", "--pidfile", "/run/other/pid", "--bridge", "none",
	      "-H", "vsock://:376", "--vsock-cid", "77", NULL);
	die("/sbin/serind");
}

static bool ends_in(const char *name, const char *end)
{
	size_t n = strlen(name), m = strlen(end);

	return n >= m && !strcmp(name + n - m, end);
}

int main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN);
	if (argc == 1 && ends_in(argv[0], "-relay")) {
		leave();
		serve("2375", "/run/serin.sock");
	} else if (argc == 1 && ends_in(argv[0], "-other")) {
		leave();
		other();
	} else if (argc == 1 && ends_in(argv[0], "-ping")) {
		leave();
		ping("/run/serin.sock");
		return 0;
	} else if (argc == 3 && !strcmp(argv[1], "ping")) {
		ping(argv[2]);
		return 0;
	}
	if (argc == 4 && !strcmp(argv[1], "relay"))
		serve(argv[2], argv[3]);
	else if (argc == 3 && !strcmp(argv[1], "shell"))
		serve(argv[2], NULL);
	else if (argc == 4 && !strcmp(argv[1], "vsock"))
		vsock(argv[2], argv[3]);
	else if (argc == 4 && !strcmp(argv[1], "tcp"))
		tcp(argv[2], argv[3]);
	else
		fprintf(stderr, "usage: agent relay PORT SOCKET | shell PORT | vsock CID PORT | "
				"tcp ADDRESS PORT\n");
	return argc != 4;
}
