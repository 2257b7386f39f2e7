/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/network/peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WAIT_MS = 20000, LIFE_SECONDS = 60 };

static void enter(const char *netns)
{
	int fd = netns ? open(netns, O_RDONLY | O_CLOEXEC) : -1;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	alarm(LIFE_SECONDS);
	if (netns && (fd < 0 || setns(fd, CLONE_NEWNET) < 0))
		_exit(2);
}

static void serve_one(int fd, int type)
{
	struct sockaddr_in from = {0};
	socklen_t n = sizeof(from);
	char text[INET_ADDRSTRLEN] = "", scrap[16];

	if (type == SOCK_DGRAM) {
		if (recvfrom(fd, scrap, sizeof(scrap), 0, (struct sockaddr *)&from, &n) < 0)
			return;
		inet_ntop(AF_INET, &from.sin_addr, text, sizeof(text));
		(void)!sendto(fd, text, strlen(text), 0, (struct sockaddr *)&from, n);
	} else {
		int c = accept(fd, (struct sockaddr *)&from, &n);

		inet_ntop(AF_INET, &from.sin_addr, text, sizeof(text));
		(void)!write(c, text, strlen(text));
		close(c);
	}
}

pid_t peer_serve(const char *netns, int type, uint16_t port)
{
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons(port)};
	int ready[2], on = 1, fd;
	char go = 0;
	pid_t pid;

	if (pipe2(ready, O_CLOEXEC) < 0)
		return -1;
	pid = fork();
	if (pid == 0) {
		enter(netns);
		fd = socket(AF_INET, type, 0);
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
		if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 ||
		    (type == SOCK_STREAM && listen(fd, 8) < 0))
			_exit(3);
		(void)!write(ready[1], "!", 1);
		for (;;)
			serve_one(fd, type);
	}
	close(ready[1]);
	if (pid > 0 && read(ready[0], &go, 1) != 1) {
		peer_stop(pid);
		pid = -1;
	}
	close(ready[0]);
	return pid;
}

void peer_stop(pid_t pid)
{
	if (pid > 0) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
}

static const char *call(int type, const char *ip, uint16_t port, int wait_ms, char *text,
			size_t size)
{
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons(port)};
	int fd = socket(AF_INET, type | SOCK_NONBLOCK, 0), error = 0;
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	socklen_t len = sizeof(error);
	ssize_t n;

	inet_pton(AF_INET, ip, &addr.sin_addr);
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 && errno != EINPROGRESS)
		return errno == ECONNREFUSED ? "refused" : "error";
	if (poll(&p, 1, wait_ms) == 0)
		return "timeout";
	getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len);
	if (error)
		return error == ECONNREFUSED ? "refused" : "error";
	if (type == SOCK_DGRAM && send(fd, "?", 1, 0) < 0)
		return "error";
	p.events = POLLIN;
	if (poll(&p, 1, wait_ms) == 0)
		return "timeout";
	n = recv(fd, text, size - 1, 0);
	if (n < 0)
		return errno == ECONNREFUSED ? "refused" : "error";
	text[n] = '\0';
	return text;
}

const char *peer_call_within(int wait_ms, const char *netns, int type, const char *ip,
			     uint16_t port)
{
	static char answer[64];
	int out[2];
	ssize_t n;
	pid_t pid;

	if (pipe2(out, O_CLOEXEC) < 0)
		return "error";
	pid = fork();
	if (pid == 0) {
		char text[64];
		const char *said;

		enter(netns);
		said = call(type, ip, port, wait_ms, text, sizeof(text));
		(void)!write(out[1], said, strlen(said));
		_exit(0);
	}
	close(out[1]);
	n = read(out[0], answer, sizeof(answer) - 1);
	answer[n > 0 ? n : 0] = '\0';
	close(out[0]);
	if (pid > 0)
		waitpid(pid, NULL, 0);
	return answer;
}

const char *peer_call(const char *netns, int type, const char *ip, uint16_t port)
{
	return peer_call_within(WAIT_MS, netns, type, ip, port);
}

bool peer_write(const char *netns, const char *path, const char *text)
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		int fd;

		enter(netns);
		fd = open(path, O_WRONLY | O_CLOEXEC);
		_exit(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) ? 0 : 1);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}
