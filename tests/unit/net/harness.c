/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/net/harness.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "firmware/sched/fiber.h"
#include "firmware/sched/job.h"
#include "firmware/sched/loop.h"

static struct {
	pthread_t thread;
	sem_t ready, asked;
	bool ok;
	char dir[64], path[96];
	struct http_server_config cfg;
	struct listener listener;
	struct http_server *server;
	struct loop_post post;
	struct loop_timer timer;
	size_t answer;
	int rounds;
} h;

static int prepare(struct err *e)
{
	struct listen_options opt = {.mode = 0600, .uid = (uid_t)-1, .gid = (gid_t)-1};
	char host[128];
	size_t n;
	int r;

	if ((r = arena_system_init(e)) < 0 || (r = loop_init(e)) < 0 ||
	    (r = fiber_system_init(e)) < 0 || (r = job_system_init(e)) < 0 ||
	    (r = http_server_init(e)) < 0)
		return r;
	snprintf(host, sizeof(host), "unix://%s", h.path);
	r = listener_open(host, &opt, &h.listener, 1, &n, e);
	return r < 0 ? r : http_server_start(&h.server, &h.listener, &h.cfg, e);
}

static void *loop_thread(void *arg)
{
	struct err e = ERR_INIT;

	(void)arg;
	h.ok = prepare(&e) == 0;
	if (!h.ok)
		fprintf(stderr, "# harness: %s\n", e.msg);
	sem_post(&h.ready);
	if (!h.ok)
		return NULL;
	loop_run();
	listener_close(&h.listener);
	h.answer = fiber_count();
	job_system_fini();
	http_server_fini();
	fiber_system_fini();
	loop_fini();
	arena_system_fini();
	return NULL;
}

int harness_start(const struct http_server_config *cfg)
{
	struct rlimit files = {0};

	signal(SIGPIPE, SIG_IGN);
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	strcpy(h.dir, "/tmp/serin-net-XXXXXX");
	if (!mkdtemp(h.dir))
		return -1;
	snprintf(h.path, sizeof(h.path), "%s/sock", h.dir);
	h.cfg = *cfg;
	sem_init(&h.ready, 0, 0);
	sem_init(&h.asked, 0, 0);
	if (pthread_create(&h.thread, NULL, loop_thread, NULL) != 0)
		return -1;
	sem_wait(&h.ready);
	return h.ok ? 0 : -1;
}

static void check_end(struct loop_timer *t)
{
	if ((fiber_count() == 0 && http_server_connections() == 0) || ++h.rounds > 3000)
		loop_stop();
	else
		loop_timer_arm(t, clock_in_ms(10), check_end);
}

static void begin_end(struct loop_post *p)
{
	(void)p;
	http_server_stop(h.server);
	fiber_cancel_all(-ECANCELED);
	h.rounds = 0;
	check_end(&h.timer);
}

size_t harness_stop(void)
{
	h.post.run = begin_end;
	loop_post(&h.post);
	pthread_join(h.thread, NULL);
	rmdir(h.dir);
	return h.answer;
}

static void count_connections(struct loop_post *p)
{
	(void)p;
	h.answer = http_server_connections();
	sem_post(&h.asked);
}

size_t harness_connections(void)
{
	h.post.run = count_connections;
	loop_post(&h.post);
	sem_wait(&h.asked);
	return h.answer;
}

/* --- the client --- */

void client_open(struct client *c)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	struct timeval patience = {.tv_sec = 20};

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", h.path);
	c->n = 0;
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (connect(c->fd, (struct sockaddr *)&sun, sizeof(sun)) < 0) {
		perror("connect");
		abort();
	}
}

void client_close(struct client *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
}

void client_send_bytes(struct client *c, const void *p, size_t n)
{
	const char *at = p;

	while (n > 0) {
		ssize_t put = send(c->fd, at, n, MSG_NOSIGNAL);

		if (put <= 0)
			return;
		at += put;
		n -= (size_t)put;
	}
}

void client_send(struct client *c, const char *text)
{
	client_send_bytes(c, text, strlen(text));
}

static bool more(struct client *c)
{
	ssize_t n = recv(c->fd, c->buf + c->n, sizeof(c->buf) - c->n, 0);

	if (n > 0)
		c->n += (size_t)n;
	return n > 0;
}

static void take(struct client *c, size_t n, struct answer *a)
{
	size_t room = a->n < sizeof(a->body) - 1 ? sizeof(a->body) - 1 - a->n : 0;

	memcpy(a->body + (a->n < sizeof(a->body) ? a->n : 0), c->buf, n < room ? n : room);
	a->n += n;
	memmove(c->buf, c->buf + n, c->n - n);
	c->n -= n;
}

static void receive_chunked(struct client *c, struct answer *a)
{
	struct http_chunked state;
	int r = 0;

	http_chunked_init(&state);
	while (r == 0) {
		struct str payload;
		size_t used, skip;

		if (c->n == 0 && !more(c)) {
			a->cut = true;
			return;
		}
		r = http_chunked_step(&state, str_span(c->buf, c->n), &used, &payload);
		if (r < 0) {
			a->cut = true;
			return;
		}
		skip = used - payload.n;
		memmove(c->buf, c->buf + skip, c->n - skip);
		c->n -= skip;
		take(c, payload.n, a);
	}
}

void client_receive(struct client *c, struct answer *a, bool to_head)
{
	static __thread struct http_head head;
	struct err e;
	ssize_t n;

	memset(a, 0, sizeof(*a));
	do {
		n = http_parse_response(str_span(c->buf, c->n), to_head, &head, &e);
	} while (n == 0 && more(c));
	if (n <= 0) {
		a->cut = true;
		return;
	}
	a->status = head.status;
	a->keep_alive = head.keep_alive;
	memcpy(a->head, c->buf, (size_t)n < sizeof(a->head) ? (size_t)n : sizeof(a->head) - 1);
	memmove(c->buf, c->buf + n, c->n - (size_t)n);
	c->n -= (size_t)n;
	if (to_head || head.status < 200 || head.status == 204 || head.status == 304)
		return;
	if (head.chunked) {
		receive_chunked(c, a);
		return;
	}
	while (head.content_length < 0 || a->n < (size_t)head.content_length) {
		size_t left = head.content_length < 0 ? c->n : (size_t)head.content_length - a->n;

		if (c->n == 0 && !more(c)) {
			a->cut = head.content_length >= 0;
			return;
		}
		if (head.content_length < 0 || left > c->n)
			left = c->n;
		take(c, left, a);
	}
}

bool client_sees_close(struct client *c, int ms)
{
	struct pollfd p = {.fd = c->fd, .events = POLLIN};
	char byte;

	return c->n == 0 && poll(&p, 1, ms) == 1 && recv(c->fd, &byte, 1, MSG_DONTWAIT) <= 0;
}

void ask(const char *request, struct answer *a)
{
	static struct client c;

	client_open(&c);
	client_send(&c, request);
	client_receive(&c, a, strncmp(request, "HEAD", 4) == 0);
	client_close(&c);
}
