/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/net/origin.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "firmware/net/http.h"

static struct {
	pthread_t thread;
	pthread_mutex_t lock;
	int fd;
	atomic_bool stop;
	struct tls_origin *tls;
	const struct origin_step *steps;
	size_t n_steps;
	atomic_int connections;
	atomic_bool busy;
	char head[16384];
	char body[65536];
	/* the connection at hand */
	int conn;
	void *session;
	char in[65536];
	size_t n;
} o = {.lock = PTHREAD_MUTEX_INITIALIZER};

static bool more(void)
{
	long got;

	do {
		struct pollfd p = {.fd = o.conn, .events = POLLIN};

		if (atomic_load(&o.stop))
			return false;
		if (o.session == NULL && poll(&p, 1, 50) == 0)
			continue;
		got = o.session ? tls_origin_read(o.session, o.in + o.n, sizeof(o.in) - o.n)
				: recv(o.conn, o.in + o.n, sizeof(o.in) - o.n, 0);
		if (got <= 0)
			return false;
		o.n += (size_t)got;
		return true;
	} while (true);
}

static bool put(const char *text)
{
	size_t n = strlen(text);

	while (n > 0) {
		long k = o.session ? tls_origin_write(o.session, text, n)
				   : send(o.conn, text, n, MSG_NOSIGNAL);

		if (k <= 0)
			return false;
		text += k;
		n -= (size_t)k;
	}
	return true;
}

static void eat(size_t n)
{
	memmove(o.in, o.in + n, o.n - n);
	o.n -= n;
}

static bool read_body(const struct http_head *h)
{
	struct http_chunked state;
	size_t n = 0;
	int r = 0;

	http_chunked_init(&state);
	while (h->chunked ? r == 0 : (int64_t)n < h->content_length) {
		struct str payload;
		size_t used;

		if (o.n == 0 && !more())
			return false;
		used = o.n;
		payload = str_span(o.in, o.n);
		if (h->chunked)
			r = http_chunked_step(&state, str_span(o.in, o.n), &used, &payload);
		if (r < 0)
			return false;
		if (n + payload.n < sizeof(o.body))
			memcpy(o.body + n, payload.p, payload.n);
		n += payload.n;
		eat(used);
	}
	o.body[n < sizeof(o.body) ? n : sizeof(o.body) - 1] = '\0';
	return true;
}

static void drip(const char *reply, int ms)
{
	const char *body = strstr(reply, "\r\n\r\n");
	char one[2] = "";
	char head[512];

	snprintf(head, sizeof(head), "%.*s", (int)(body + 4 - reply), reply);
	put(head);
	for (body += 4; *body && !atomic_load(&o.stop); body++) {
		usleep((useconds_t)ms * 1000);
		one[0] = *body;
		if (!put(one))
			return;
	}
}

/* One request; false when the connection is over. */
static bool serve_one(void)
{
	static struct http_head head;
	struct origin_step step = {0};
	struct err e;
	ssize_t n;

	while ((n = http_parse_request(str_span(o.in, o.n), &head, &e)) == 0)
		if (!more())
			return false;
	if (n < 0) {
		put("HTTP/1.0 400 Bad Request\r\n\r\n");
		return false;
	}
	pthread_mutex_lock(&o.lock);
	memcpy(o.head, o.in, (size_t)n);
	o.head[n] = '\0';
	o.body[0] = '\0';
	if (o.n_steps > 0) {
		step = *o.steps++;
		o.n_steps--;
	} else
		step.close = true;
	pthread_mutex_unlock(&o.lock);
	eat((size_t)n);
	if (!step.early && !read_body(&head))
		return false;
	if (step.stall_ms)
		usleep((useconds_t)step.stall_ms * 1000);
	if (step.reply && step.drip_ms)
		drip(step.reply, step.drip_ms);
	else if (step.reply)
		put(step.reply);
	return !step.close;
}

static void *run(void *arg)
{
	(void)arg;
	while (!atomic_load(&o.stop)) {
		struct pollfd p = {.fd = o.fd, .events = POLLIN};

		if (poll(&p, 1, 50) <= 0)
			continue;
		o.conn = accept(o.fd, NULL, NULL);
		if (o.conn < 0)
			continue;
		atomic_store(&o.busy, true);
		atomic_fetch_add(&o.connections, 1);
		o.n = 0;
		o.session = NULL;
		if (o.tls)
			o.session = tls_origin_accept(o.tls, o.conn, tls_origin_wants_client);
		if (!o.tls || o.session)
			while (serve_one())
				;
		if (o.session)
			tls_origin_end(o.session);
		close(o.conn);
		atomic_store(&o.busy, false);
	}
	return NULL;
}

int origin_start(bool tls, const char *dir)
{
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_ANY)};
	socklen_t n = sizeof(sin);

	o.tls = tls ? tls_origin_open(dir) : NULL;
	if (tls && !o.tls)
		return -1;
	o.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(o.fd, (struct sockaddr *)&sin, sizeof(sin)) < 0 || listen(o.fd, 16) < 0 ||
	    getsockname(o.fd, (struct sockaddr *)&sin, &n) < 0)
		return -1;
	atomic_store(&o.stop, false);
	if (pthread_create(&o.thread, NULL, run, NULL) != 0)
		return -1;
	return ntohs(sin.sin_port);
}

void origin_stop(void)
{
	atomic_store(&o.stop, true);
	pthread_join(o.thread, NULL);
	close(o.fd);
	if (o.tls)
		tls_origin_free(o.tls);
	o.tls = NULL;
}

void origin_script(const struct origin_step *steps, size_t n)
{
	/* What an earlier test left behind must not take a step of this one. */
	for (int i = 0; i < 3000 && (i < 3 || atomic_load(&o.busy)); i++)
		usleep(10000);
	pthread_mutex_lock(&o.lock);
	o.steps = steps;
	o.n_steps = n;
	atomic_store(&o.connections, 0);
	pthread_mutex_unlock(&o.lock);
}

const char *origin_head(void)
{
	return o.head;
}

const char *origin_body(void)
{
	return o.body;
}

int origin_connections(void)
{
	return atomic_load(&o.connections);
}
