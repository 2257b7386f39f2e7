/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Accepting. A newcomer gets, in this order: a free slot; the slot of the connection that has
 * waited longest for a request; a reserved slot, where only urgent requests are served; the
 * reserved slot of one that has not brought its head; and else an answer of fixed text, sent
 * without fiber or slot. Refused descriptors are held for a moment in a small ring, so that a
 * client that is still sending its request gets to read the answer.
 */
#include "firmware/net/http_conn.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>

#include "firmware/core/mem.h"

enum {
	ACCEPT_BURST = 8, /* then the others get their turn */
	GRACE_MS = 25,	  /* nobody is sent away sooner */
	REFUSED_MAX = 64,
	REFUSED_HOLD_MS = 500,
};

static struct pool conns;
static struct list waiting[2]; /* by class, longest first */
static size_t open_conns;

static struct {
	int fd[REFUSED_MAX];
	int64_t since[REFUSED_MAX];
	unsigned int first, n;
	struct loop_timer timer;
} refused;

static void refused_drop_first(void)
{
	char scrap[1024];

	/* Unread bytes at the close would look like a broken connection to the peer. */
	for (int i = 0; i < 64; i++)
		if (recv(refused.fd[refused.first], scrap, sizeof(scrap), MSG_DONTWAIT) <= 0)
			break;
	close(refused.fd[refused.first]);
	refused.first = (refused.first + 1) % REFUSED_MAX;
	refused.n--;
}

int http_server_init(struct err *e)
{
	int r = chunk_system_init(e);

	if (r < 0 || conns.base)
		return r;
	list_init(&waiting[POOL_NORMAL]);
	list_init(&waiting[POOL_RESERVED]);
	return pool_init(&conns, "connections", sizeof(struct http_conn),
			 CONFIG_HTTP_CONNECTIONS + CONFIG_HTTP_CONNECTIONS_RESERVED,
			 CONFIG_HTTP_CONNECTIONS_RESERVED, e);
}

void http_server_fini(void)
{
	while (refused.n > 0)
		refused_drop_first();
	loop_timer_disarm(&refused.timer);
	pool_fini(&conns);
	conns.base = NULL;
	chunk_system_fini();
}

size_t http_server_connections(void)
{
	return open_conns;
}

void http_server_unref(struct http_server *s)
{
	if (--s->refs == 0)
		mem_free(s);
}

void http_conn_set_waiting(struct http_conn *c, bool on)
{
	list_remove(&c->waiting);
	if (!on)
		return;
	c->waiting_since = clock_mono();
	list_push_back(&waiting[c->cls], &c->waiting);
}

void http_conn_free(struct http_conn *c)
{
	struct http_server *s = c->server;

	list_remove(&c->waiting);
	io_close(&c->io);
	pool_put(&conns, c);
	open_conns--;
	http_server_unref(s);
}

/* Close the one that has waited longest, if it has had its grace; true when a slot came free. */
static bool evict(enum pool_class cls) FIBER_FN
{
	struct http_conn *c;

	if (list_empty(&waiting[cls]))
		return false;
	c = list_first(&waiting[cls], struct http_conn, waiting);
	if (!c->fiber || clock_mono() - c->waiting_since < GRACE_MS * NSEC_PER_MSEC)
		return false;
	list_remove(&c->waiting);
	fiber_cancel(c->fiber, -ECANCELED);
	(void)fiber_yield();
	return true;
}

/* --- refusal without a slot --- */

static void refused_expire(struct loop_timer *t)
{
	int64_t limit = clock_mono() - REFUSED_HOLD_MS * NSEC_PER_MSEC;

	while (refused.n > 0 && refused.since[refused.first] <= limit)
		refused_drop_first();
	if (refused.n > 0)
		loop_timer_arm(t, refused.since[refused.first] + REFUSED_HOLD_MS * NSEC_PER_MSEC,
			       refused_expire);
}

void http_server_send_busy(struct http_server *s, int fd)
{
	static const char body[] = "{\"message\":\"the daemon is busy: too many connections\"}\n";
	char text[1536];
	int n = snprintf(text, sizeof(text),
			 "HTTP/1.1 503 Service Unavailable\r\n%sContent-Type: application/json\r\n"
			 "Retry-After: 1\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s",
			 s->cfg.default_headers ? s->cfg.default_headers : "", sizeof(body) - 1,
			 body);

	if (n > 0 && (size_t)n < sizeof(text) &&
	    send(fd, text, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL) == n)
		shutdown(fd, SHUT_WR);
}

static void refuse(struct http_server *s, int fd)
{
	unsigned int at;

	http_server_send_busy(s, fd);
	if (refused.n == REFUSED_MAX)
		refused_drop_first();
	at = (refused.first + refused.n++) % REFUSED_MAX;
	refused.fd[at] = fd;
	refused.since[at] = clock_mono();
	if (!refused.timer.armed)
		refused_expire(&refused.timer);
}

/* --- acceptance --- */

static struct http_conn *find_slot(enum pool_class *ret_cls) FIBER_FN
{
	struct http_conn *c;

	for (int cls = POOL_NORMAL; cls <= POOL_RESERVED; cls++) {
		*ret_cls = (enum pool_class)cls;
		c = pool_get(&conns, *ret_cls);
		if (!c && evict(*ret_cls))
			c = pool_get(&conns, *ret_cls);
		if (c)
			return c;
	}
	return NULL;
}

/*
 * All is taken. Requests that are there already may be answered in the next turn; and those who
 * hold a reserved slot without having brought their head are close to the end of their grace.
 */
static void wait_for_slot(void) FIBER_FN
{
	const struct http_conn *c;

	(void)fiber_yield();
	if (list_empty(&waiting[POOL_RESERVED]))
		return;
	c = list_first(&waiting[POOL_RESERVED], struct http_conn, waiting);
	(void)fiber_sleep_until(c->waiting_since + GRACE_MS * NSEC_PER_MSEC);
}

/* fd becomes a connection's, or is refused, or closed. */
static void admit(struct http_server *s, int fd) FIBER_FN
{
	struct http_conn *c;
	struct err e = ERR_INIT;
	struct peer peer;
	enum pool_class cls;

	if (listener_identify(s->listener, fd, &peer, &e) < 0) {
		close(fd);
		if (s->cfg.turned_away)
			s->cfg.turned_away(e.msg, s->cfg.arg);
		return;
	}
	c = find_slot(&cls);
	for (int i = 0; !c && i < 2; i++) {
		wait_for_slot();
		c = find_slot(&cls);
	}
	if (!c) {
		refuse(s, fd);
		return;
	}
	memset(c, 0, sizeof(*c));
	list_init(&c->waiting);
	c->server = s;
	c->peer = peer;
	c->cls = cls;
	if (io_open(&c->io, fd) < 0) {
		pool_put(&conns, c);
		refuse(s, fd);
		return;
	}
	if (fiber_spawn("http", http_conn_run, c, cls, &c->fiber) < 0) {
		fd = io_release(&c->io);
		pool_put(&conns, c);
		refuse(s, fd);
		return;
	}
	s->refs++;
	open_conns++;
}

static void accept_run(void *arg) FIBER_ENTRY
{
	struct http_server *s = arg;
	unsigned int burst = 0;

	while (!s->stopping) {
		int fd = io_accept(&s->io, DEADLINE_NEVER);

		if (fd >= 0)
			admit(s, fd);
		else if (fiber_cancelled())
			break;
		else if (fd != -ECONNABORTED && fd != -EINTR) {
			/* Out of descriptors or memory: what waits may go, then try again. */
			(void)evict(POOL_NORMAL);
			(void)fiber_sleep_ms(50);
		}
		if (++burst % ACCEPT_BURST == 0)
			(void)fiber_yield();
	}
	if (s->io.watch.active)
		(void)io_release(&s->io);
	s->acceptor = NULL;
	http_server_unref(s);
}

static void set_timeouts(struct http_server_config *cfg)
{
	if (cfg->head_timeout_ms <= 0)
		cfg->head_timeout_ms = CONFIG_HTTP_HEAD_TIMEOUT_MS;
	if (cfg->idle_timeout_ms <= 0)
		cfg->idle_timeout_ms = CONFIG_HTTP_IDLE_TIMEOUT_MS;
	if (cfg->body_timeout_ms <= 0)
		cfg->body_timeout_ms = CONFIG_HTTP_BODY_TIMEOUT_MS;
	if (cfg->write_timeout_ms <= 0)
		cfg->write_timeout_ms = CONFIG_HTTP_WRITE_TIMEOUT_MS;
}

int http_server_start(struct http_server **ret, struct listener *l,
		      const struct http_server_config *cfg, struct err *e)
{
	struct http_server *s = mem_alloc(sizeof(*s));
	int r;

	if (!s)
		return err_sys(e, ENOMEM, "http server");
	s->listener = l;
	s->cfg = *cfg;
	set_timeouts(&s->cfg);
	s->refs = 1;
	r = io_open(&s->io, l->fd);
	if (r < 0) {
		mem_free(s);
		return err_sys(e, r, "http server");
	}
	r = fiber_spawn("accept", accept_run, s, POOL_RESERVED, &s->acceptor);
	if (r < 0) {
		(void)io_release(&s->io);
		mem_free(s);
		return err_sys(e, r, "http server");
	}
	*ret = s;
	return 0;
}

void http_server_stop(struct http_server *s)
{
	struct http_conn *c, *next;

	if (s->stopping)
		return;
	s->stopping = true;
	(void)io_release(&s->io);
	if (s->acceptor)
		fiber_cancel(s->acceptor, -ECANCELED);
	for (int cls = POOL_NORMAL; cls <= POOL_RESERVED; cls++)
		list_for_each_safe (c, next, &waiting[cls], waiting)
			if (c->server == s && c->fiber)
				fiber_cancel(c->fiber, -ECANCELED);
}
