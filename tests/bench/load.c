/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part of the bench that an interpreter would be too slow for: a client of a daemon's Unix
 * socket.
 *
 *   load rate SOCKET PATH CONNECTIONS SECONDS
 *       GET over kept-alive connections, one request in flight on each
 *   load start SOCKET SECONDS -- PROGRAM ARG...
 *       runs the program: time to the first answered ping, then to its end on SIGTERM
 *   load drain SOCKET METHOD PATH [BODY]
 *       one request, its answer read to the end; METHOD UPGRADE is a POST that asks for the
 * connection load hold SOCKET PATH COUNT connections that asked for PATH, held until stdin ends
 *   load awake
 *       keeps every processor from halting until stdin ends: a process on each that runs only when
 *       nothing else would
 *
 * Each prints one JSON object on stdout. A failure prints why on stderr and exits with 1.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS_MAX 4096
#define ANSWER_MAX (1u << 20)
#define SAMPLES_MAX (1u << 22)

/* One kept-alive connection: what is known of the answer that is coming in. */
struct conn {
	int fd;
	size_t have;	/* bytes of the answer so far */
	size_t want;	/* its size, once the head is complete and told it; 0 before */
	int chunked;	/* it ends with an empty chunk */
	uint64_t began; /* when the request was sent, nanoseconds */
	char *answer;
};

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
	exit(1);
}

static _Noreturn void fail(const char *what)
{
	fprintf(stderr, "load: %s\n", what);
	exit(1);
}

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* A connected socket, or -1 with errno. */
static int try_dial(const char *path)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	int fd, saved;

	if (strlen(path) >= sizeof(to.sun_path))
		fail("the socket's path is too long");
	memcpy(to.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		die("socket");
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0)
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

static int dial(const char *path)
{
	int fd = try_dial(path);

	if (fd < 0)
		die(path);
	return fd;
}

static void send_all(int fd, const char *data, size_t n)
{
	while (n) {
		ssize_t sent = send(fd, data, n, MSG_NOSIGNAL);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			die("send");
		data += sent;
		n -= (size_t)sent;
	}
}

/* ---- rate ---- */

static char request[1024];
static size_t request_size;

static void conn_ask(struct conn *c)
{
	c->have = c->want = 0;
	c->chunked = 0;
	c->began = now();
	send_all(c->fd, request, request_size);
}

/* Reads the head, when all of it is there: how long is the answer? */
static void conn_learn(struct conn *c)
{
	char *end, *field;

	c->answer[c->have] = 0;
	end = strstr(c->answer, "\r\n\r\n");
	if (!end)
		return;
	if (strncmp(c->answer, "HTTP/1.1 200", 12)) {
		*strchr(c->answer, '\r') = 0;
		fail(c->answer);
	}
	field = strcasestr(c->answer, "\r\nContent-Length:");
	if (field && field < end)
		c->want = (size_t)(end + 4 - c->answer) + strtoul(field + 17, NULL, 10);
	else if ((field = strcasestr(c->answer, "\r\nTransfer-Encoding: chunked")) && field < end)
		c->chunked = 1;
	else
		fail("an answer without a length");
}

/* Takes what has arrived. 1 when the answer is complete. JSON holds no bare CRLF: its end is told
 * by the bytes. */
static int conn_take(struct conn *c)
{
	ssize_t got = recv(c->fd, c->answer + c->have, ANSWER_MAX - 1 - c->have, 0);

	if (got < 0)
		die("recv");
	if (got == 0)
		fail("the daemon closed the connection, or the answer is too long");
	c->have += (size_t)got;
	if (!c->want && !c->chunked)
		conn_learn(c);
	if (c->want)
		return c->have >= c->want;
	return c->chunked && c->have > 7 && !memcmp(c->answer + c->have - 7, "\r\n0\r\n\r\n", 7);
}

static int by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static int rate_main(const char *sock, const char *path, unsigned count, double seconds)
{
	static struct conn conns[CONNECTIONS_MAX];
	struct epoll_event events[64];
	uint32_t *samples = malloc(SAMPLES_MAX * sizeof(*samples));
	uint64_t began, end, t = 0;
	size_t done = 0;
	int ep = epoll_create1(EPOLL_CLOEXEC);

	if (!samples || ep < 0)
		die("start");
	request_size = (size_t)snprintf(request, sizeof(request),
					"GET %s HTTP/1.1\r\nHost: bench\r\n\r\n", path);
	if (!count || count > CONNECTIONS_MAX || request_size >= sizeof(request))
		fail("arguments");
	for (unsigned i = 0; i < count; i++) {
		struct epoll_event ev = {.events = EPOLLIN, .data.ptr = &conns[i]};

		conns[i].fd = dial(sock);
		conns[i].answer = malloc(ANSWER_MAX);
		if (!conns[i].answer || epoll_ctl(ep, EPOLL_CTL_ADD, conns[i].fd, &ev) < 0)
			die("connection");
	}
	began = now();
	end = began + (uint64_t)(seconds * 1e9);
	for (unsigned i = 0; i < count; i++)
		conn_ask(&conns[i]);
	while (t < end) {
		int n = epoll_wait(ep, events, 64, 5000);

		if (n == 0)
			fail("no answer within 5 s");
		for (int i = 0; i < n; i++) {
			struct conn *c = events[i].data.ptr;

			if (!conn_take(c))
				continue;
			t = now();
			if (done < SAMPLES_MAX)
				samples[done] = (uint32_t)((t - c->began) / 1000);
			done++;
			conn_ask(c);
		}
		t = now();
	}
	if (!done)
		fail("nothing answered");
	end = t - began;
	if (done < SAMPLES_MAX)
		qsort(samples, done, sizeof(*samples), by_value);
	printf("{\"requests\": %zu, \"seconds\": %.6f, \"bytes\": %zu, \"median_us\": %u, "
	       "\"p99_us\": %u}\n",
	       done, (double)end / 1e9, conns[0].want ? conns[0].want : conns[0].have,
	       samples[done / 2], samples[done * 99 / 100]);
	return 0;
}

/* ---- start ---- */

/* 1 when a ping is answered with 200. A daemon that listens but does not answer yet is waited for.
 */
static int ping_answers(const char *sock)
{
	static const char ask[] = "GET /_ping HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n";
	struct pollfd p;
	char answer[64];
	ssize_t got;
	int fd = try_dial(sock);

	if (fd < 0)
		return 0;
	send_all(fd, ask, sizeof(ask) - 1);
	p = (struct pollfd){.fd = fd, .events = POLLIN};
	poll(&p, 1, 10000);
	got = recv(fd, answer, sizeof(answer), MSG_DONTWAIT);
	close(fd);
	return got > 12 && !memcmp(answer, "HTTP/1.1 200", 12);
}

static int start_main(const char *sock, double seconds, char **argv)
{
	uint64_t began, up = 0, end;
	int status;
	pid_t pid;

	unlink(sock);
	began = now();
	pid = vfork();
	if (pid < 0)
		die("fork");
	if (pid == 0) {
		dup2(2, 1);
		execv(argv[0], argv);
		_exit(127);
	}
	while (!ping_answers(sock)) {
		struct timespec pause = {0, 50000};

		if (now() - began > (uint64_t)(seconds * 1e9)) {
			kill(pid, SIGKILL);
			fail("no ping answered in time");
		}
		if (waitpid(pid, &status, WNOHANG) == pid)
			fail("the daemon ended at once");
		nanosleep(&pause, NULL);
	}
	up = now();
	kill(pid, SIGTERM);
	waitpid(pid, &status, 0);
	end = now();
	printf("{\"up_us\": %.1f, \"stop_us\": %.1f, \"status\": %d}\n", (double)(up - began) / 1e3,
	       (double)(end - up) / 1e3, WIFEXITED(status) ? WEXITSTATUS(status) : -1);
	return 0;
}

/* ---- drain ---- */

static int drain_main(const char *sock, const char *method, const char *path, const char *body)
{
	int upgrade = !strcmp(method, "UPGRADE"), fd = dial(sock);
	char *buf = malloc(ANSWER_MAX), *head_end = NULL;
	size_t head = 0;
	uint64_t began, first, total = 0;
	ssize_t got;
	int n, code;

	if (!buf)
		die("memory");
	n = snprintf(buf, ANSWER_MAX,
		     "%s %s HTTP/1.1\r\nHost: bench\r\nConnection: %s\r\n%sContent-Type: "
		     "application/json\r\n"
		     "Content-Length: %zu\r\n\r\n%s",
		     upgrade ? "POST" : method, path, upgrade ? "Upgrade" : "close",
		     upgrade ? "Upgrade: tcp\r\n" : "", strlen(body), body);
	began = now();
	send_all(fd, buf, (size_t)n);
	while (!head_end) {
		got = recv(fd, buf + head, 65536 - 1 - head, 0);
		if (got <= 0)
			fail("no head of an answer");
		head += (size_t)got;
		buf[head] = 0;
		head_end = strstr(buf, "\r\n\r\n");
	}
	first = now();
	if (sscanf(buf, "HTTP/1.1 %d", &code) != 1)
		fail("not an answer");
	if (code >= 400) {
		fprintf(stderr, "load: %s\n", buf);
		return 1;
	}
	total = head - (size_t)(head_end + 4 - buf);
	while ((got = recv(fd, buf, ANSWER_MAX, 0)) > 0)
		total += (uint64_t)got;
	if (got < 0)
		die("recv");
	printf("{\"status\": %d, \"bytes\": %llu, \"head_us\": %.1f, \"seconds\": %.6f}\n", code,
	       (unsigned long long)total, (double)(first - began) / 1e3,
	       (double)(now() - began) / 1e9);
	return 0;
}

/* ---- hold ---- */

static int hold_main(const char *sock, const char *path, unsigned count)
{
	static int fds[CONNECTIONS_MAX];
	struct rlimit files = {CONNECTIONS_MAX + 64, CONNECTIONS_MAX + 64};
	unsigned accepted = 0;
	char buf[4096];

	setrlimit(RLIMIT_NOFILE, &files);
	request_size = (size_t)snprintf(request, sizeof(request),
					"GET %s HTTP/1.1\r\nHost: bench\r\n\r\n", path);
	if (!count || count > CONNECTIONS_MAX || request_size >= sizeof(request))
		fail("arguments");
	for (unsigned i = 0; i < count; i++) {
		struct pollfd p;

		fds[i] = dial(sock);
		send_all(fds[i], request, request_size);
		p = (struct pollfd){.fd = fds[i], .events = POLLIN};
		if (poll(&p, 1, 10000) == 1 && recv(fds[i], buf, sizeof(buf), MSG_DONTWAIT) > 12 &&
		    !memcmp(buf, "HTTP/1.1 200", 12))
			accepted++;
	}
	printf("{\"accepted\": %u, \"asked\": %u}\n", accepted, count);
	fflush(stdout);
	while (read(0, buf, sizeof(buf)) > 0)
		;
	return 0;
}

/* ---- awake ---- */

static int awake_main(void)
{
	struct sched_param none = {0};
	char buf[64];
	long count = sysconf(_SC_NPROCESSORS_CONF);
	cpu_set_t allowed;

	sched_getaffinity(0, sizeof(allowed), &allowed);
	for (int cpu = 0; cpu < count; cpu++) {
		cpu_set_t one;

		if (!CPU_ISSET(cpu, &allowed) || fork() != 0)
			continue;
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		if (sched_setaffinity(0, sizeof(one), &one) < 0 ||
		    sched_setscheduler(0, SCHED_IDLE, &none) < 0)
			_exit(1);
		for (;;)
			__asm__ volatile("" ::: "memory");
	}
	printf("{}\n");
	fflush(stdout);
	while (read(0, buf, sizeof(buf)) > 0)
		;
	return 0;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (!strcmp(what, "rate") && argc == 6)
		return rate_main(argv[2], argv[3], (unsigned)atoi(argv[4]), atof(argv[5]));
	if (!strcmp(what, "start") && argc > 5 && !strcmp(argv[4], "--"))
		return start_main(argv[2], atof(argv[3]), argv + 5);
	if (!strcmp(what, "drain") && (argc == 5 || argc == 6))
		return drain_main(argv[2], argv[3], argv[4], argc == 6 ? argv[5] : "");
	if (!strcmp(what, "hold") && argc == 5)
		return hold_main(argv[2], argv[3], (unsigned)atoi(argv[4]));
	if (!strcmp(what, "awake"))
		return awake_main();
	fprintf(stderr, "usage: load rate|start|drain|hold|awake ... (see the head of load.c)\n");
	return 2;
}
