/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/shim/log_tls.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "firmware/core/cleanup.h"
#include "firmware/core/config.h"
#include "firmware/net/dial.h"
#include "firmware/net/tls.h"
#include "runtime/shim/log_plan.h"

#define TIMEOUT_MS 10000
#define PAUSE_MIN_MS 100
#define PAUSE_MAX_MS 5000
#define MESSAGE_MAX 65536

bool log_tls_prepare(struct log_tls *t, struct str plan)
{
	const struct {
		const char *name;
		char *text;
	} texts[] = {{"tls-host", t->host},
		     {"tls-ca", t->ca},
		     {"tls-cert", t->cert},
		     {"tls-key", t->key}};
	struct str value;

	if (!CONFIG(TLS) || !log_plan_get(plan, "tls-host", &value))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if (log_plan_get(plan, texts[i].name, &value))
			(void)str_copy(texts[i].text, sizeof(t->host), value);
	t->port = (uint16_t)log_plan_get_i64(plan, "tls-port", 514);
	t->skip_verify = log_plan_get_i64(plan, "tls-skip-verify", 0) != 0;
	return true;
}

static const char *or_null(const char *s)
{
	return *s ? s : NULL;
}

static int connect_once(const struct log_tls *t, struct dial_conn *c, struct err *e)
{
	struct tls_options opt = {.host = t->host,
				  .ca_file = or_null(t->ca),
				  .cert_file = or_null(t->cert),
				  .key_file = or_null(t->key),
				  .skip_verify = t->skip_verify};
	int r;

	dial_init(c);
	c->timeout_ms = TIMEOUT_MS;
	r = dial_tcp(c, t->host, t->port, e);
	if (CONFIG(TLS) && r == 0)
		r = tls_start(c, &opt, e);
	if (r < 0)
		dial_close(c);
	return r;
}

static void connect_again(const struct log_tls *t, struct dial_conn *c, int fd)
{
	int pause = PAUSE_MIN_MS;
	struct err e;

	for (;;) {
		struct pollfd p = {.fd = fd};

		e = (struct err)ERR_INIT;
		if (connect_once(t, c, &e) == 0)
			return;
		(void)poll(&p, 1, pause);
		if (p.revents & POLLHUP) /* the shim is gone: there is nobody to wait for */
			_exit(0);
		pause = MIN(pause * 2, PAUSE_MAX_MS);
	}
}

/* TLS says only when it reads that the other side has closed. */
static bool is_closed(const struct dial_conn *c)
{
	struct pollfd p = {.fd = c->fd, .events = POLLRDHUP};

	return poll(&p, 1, 0) > 0;
}

static NORETURN void relay(const struct log_tls *t, int fd)
{
	static char message[MESSAGE_MAX];
	struct err e = ERR_INIT;
	struct dial_conn c;
	ssize_t n;

	if (connect_once(t, &c, &e) < 0) {
		if (!t->opened) {
			(void)!send(fd, e.msg, strnlen(e.msg, 255) + 1, MSG_NOSIGNAL);
			_exit(1);
		}
		connect_again(t, &c, fd);
	} else if (!t->opened) {
		(void)!send(fd, "", 1, MSG_NOSIGNAL);
	}
	while ((n = recv(fd, message, sizeof(message), 0)) > 0) {
		e = (struct err)ERR_INIT;
		while (is_closed(&c) || dial_write(&c, message, (size_t)n, &e) < 0) {
			dial_close(&c);
			connect_again(t, &c, fd);
			e = (struct err)ERR_INIT;
		}
	}
	dial_close(&c);
	_exit(0);
}

/* What the process has to say of its first try. */
static int wait_for_first(struct log_tls *t, int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	ssize_t n;

	if (poll(&p, 1, 3 * TIMEOUT_MS) <= 0)
		return -ETIMEDOUT;
	n = recv(fd, t->error, sizeof(t->error) - 1, MSG_DONTWAIT);
	if (n <= 0)
		return -ECONNREFUSED;
	t->error[n] = 0;
	t->opened = !t->error[0];
	return t->opened ? 0 : -ECONNREFUSED;
}

int log_tls_dial(void *arg)
{
	struct log_tls *t = arg;
	int fds[2], r;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
		return -errno;
	pid = fork();
	if (pid == 0) {
		if (fds[1] != 3 && dup2(fds[1], 3) < 0)
			_exit(1);
		(void)syscall(SYS_close_range, 4u, ~0u, 0u);
		(void)prctl(PR_SET_NAME, "serin-log-tls");
		relay(t, 3);
	}
	r = pid < 0 ? -errno : 0;
	close(fds[1]);
	if (r == 0 && !t->opened)
		r = wait_for_first(t, fds[0]);
	if (r == 0 && fcntl(fds[0], F_SETFL, O_NONBLOCK) < 0)
		r = -errno;
	if (r < 0) {
		close(fds[0]);
		return r;
	}
	return fds[0];
}
