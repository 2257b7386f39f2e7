/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What busybox cannot do, for use inside test containers:
 *   probe udp PORT       answer each datagram with "udp:" and its payload
 *   probe tcp PORT       answer each connection with "tcp:" and its peer's address, then close
 *   probe spam N TEXT    write N numbered lines as fast as they go
 *   probe winch          print the terminal size at start and at each change
 *   probe ids            print the real and the effective user
 *   probe signals        print the name of each signal got, until SIGTERM
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static int bound(int type, const char *port)
{
	struct sockaddr_in at = {.sin_family = AF_INET};
	int one = 1;
	int fd = socket(AF_INET, type, 0);

	at.sin_port = htons((unsigned short)atoi(port));
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) != 0) {
		perror("bind");
		exit(1);
	}
	return fd;
}

static int serve_udp(const char *port)
{
	int fd = bound(SOCK_DGRAM, port);
	char text[2048] = "udp:";

	puts("ready");
	fflush(stdout);
	for (;;) {
		struct sockaddr_in peer;
		socklen_t len = sizeof(peer);
		ssize_t got =
			recvfrom(fd, text + 4, sizeof(text) - 4, 0, (struct sockaddr *)&peer, &len);

		if (got >= 0)
			sendto(fd, text, (size_t)got + 4, 0, (struct sockaddr *)&peer, len);
	}
}

static int serve_tcp(const char *port)
{
	int fd = bound(SOCK_STREAM, port);

	listen(fd, 64);
	puts("ready");
	fflush(stdout);
	for (;;) {
		struct sockaddr_in peer;
		socklen_t len = sizeof(peer);
		int conn = accept(fd, (struct sockaddr *)&peer, &len);

		if (conn < 0)
			continue;
		dprintf(conn, "tcp:%s\n", inet_ntoa(peer.sin_addr));
		close(conn);
	}
}

static int spam(long count, const char *text)
{
	for (long i = 0; i < count; i++)
		printf("%08ld %s\n", i, text);
	return fflush(stdout) != 0;
}

static int winch(void)
{
	sigset_t set;
	int sig;

	sigemptyset(&set);
	sigaddset(&set, SIGWINCH);
	sigprocmask(SIG_BLOCK, &set, NULL);
	for (;;) {
		struct winsize size = {0};

		ioctl(0, TIOCGWINSZ, &size);
		printf("size %d %d\n", size.ws_row, size.ws_col);
		fflush(stdout);
		sigwait(&set, &sig);
	}
}

static int signals(void)
{
	sigset_t set;
	int sig;

	sigfillset(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
	puts("ready");
	fflush(stdout);
	do {
		sigwait(&set, &sig);
		printf("signal %d\n", sig);
		fflush(stdout);
	} while (sig != SIGTERM);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc >= 3 && strcmp(argv[1], "udp") == 0)
		return serve_udp(argv[2]);
	if (argc >= 3 && strcmp(argv[1], "tcp") == 0)
		return serve_tcp(argv[2]);
	if (argc >= 4 && strcmp(argv[1], "spam") == 0)
		return spam(atol(argv[2]), argv[3]);
	if (argc >= 2 && strcmp(argv[1], "winch") == 0)
		return winch();
	if (argc >= 2 && strcmp(argv[1], "ids") == 0)
		return printf("%d %d\n", (int)getuid(), (int)geteuid()) < 0;
	if (argc >= 2 && strcmp(argv[1], "signals") == 0)
		return signals();
	fprintf(stderr, "usage: probe udp|tcp PORT | spam N TEXT | winch | ids | signals\n");
	return 2;
}
