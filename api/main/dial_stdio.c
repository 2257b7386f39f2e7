/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `serind dial-stdio [-H unix://PATH]`, and the same as `docker [--host=unix://PATH] system
 * dial-stdio`, which is what a client with `-H ssh://` runs in the guest: bytes go both ways until
 * the daemon has said all; the end of standard input is passed on as a half-close.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/main/daemon.h"
#include "api/main/options.h"
#include "api/main/relay.h"

/* Where a daemon may be when nothing says where. */
static const char *const usual[] = {
	HOST_DEFAULT,
	"unix:///run/serin.sock",
	"unix:///run/finch.sock",
};

static int dial_host(const char *host, struct err *e)
{
	if (strz_starts(host, "unix://"))
		host += 7;
	else if (strstr(host, "://"))
		return err_set(e, ERR_INVALID, "only unix:// sockets can be dialled: %s", host);
	return relay_dial_unix(host, e);
}

static int dial(const char *host, struct err *e)
{
	struct err other = ERR_INIT;
	int fd;

	if (host && *host)
		return dial_host(host, e);
	fd = dial_host(usual[0], e);
	for (size_t i = 1; fd < 0 && i < ARRAY_LEN(usual); i++)
		fd = dial_host(usual[i], &other);
	return fd;
}

static void *send_input(void *arg)
{
	int fd = *(int *)arg;

	(void)relay_copy(STDIN_FILENO, fd);
	shutdown(fd, SHUT_WR);
	return NULL;
}

/* Nobody reads what we would write: without this, a silent stream (events) would go on for ever. */
static void *watch_output(void *arg)
{
	struct pollfd out = {.fd = STDOUT_FILENO};

	while (poll(&out, 1, -1) < 0 && errno == EINTR)
		;
	shutdown(*(int *)arg, SHUT_RDWR);
	return NULL;
}

static int pump(const char *host)
{
	static int fd;
	struct err e = ERR_INIT;
	pthread_t thread;

	fd = dial(host, &e);
	if (fd < 0) {
		fprintf(stderr, "serind: %s\n", e.msg);
		return 1;
	}
	signal(SIGPIPE, SIG_IGN);
	if (pthread_create(&thread, NULL, send_input, &fd) ||
	    pthread_create(&thread, NULL, watch_output, &fd)) {
		fputs("serind: no thread for standard input and output\n", stderr);
		return 1;
	}
	/*
	 * The daemon's end is the end: who waits for more input then would wait for nothing.
	 * Standard output is left as it is: it may be a socket that others write to as well.
	 */
	return relay_copy(fd, STDOUT_FILENO) < 0;
}

int dial_stdio_main(int argc, char **argv)
{
	const char *host = getenv("DOCKER_HOST");

	if (argc == 3 && (!strcmp(argv[1], "-H") || !strcmp(argv[1], "--host")))
		host = argv[2];
	else if (argc == 2 && strz_starts(argv[1], "--host="))
		host = argv[1] + 7;
	else if (argc != 1) {
		fputs("Usage: serind dial-stdio [-H unix://PATH]\n", stderr);
		return 2;
	}
	return pump(host);
}

int docker_main(int argc, char **argv)
{
	const char *host = getenv("DOCKER_HOST");
	int i = 1;

	if (i < argc && strz_starts(argv[i], "--host=")) {
		host = argv[i++] + 7;
	} else if (i + 1 < argc && (!strcmp(argv[i], "--host") || !strcmp(argv[i], "-H"))) {
		host = argv[i + 1];
		i += 2;
	}
	if (argc == i + 2 && !strcmp(argv[i], "system") && !strcmp(argv[i + 1], "dial-stdio"))
		return pump(host);
	fputs("docker: there is no Docker client here, only what clients with -H ssh:// call:\n"
	      "docker [--host=unix://PATH] system dial-stdio\n",
	      stderr);
	return 1;
}
