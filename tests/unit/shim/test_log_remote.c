/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "firmware/core/clock.h"
#include "runtime/shim/log_remote.h"
#include "tests/unit/needs.h"

static char path[64];
static struct log_remote r;
static int listener = -1, server = -1;

static void open_server(int type)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};

	strcpy(addr.sun_path, path);
	unlink(path);
	listener = socket(AF_UNIX, type, 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&addr, sizeof(addr)), 0);
	if (type == SOCK_STREAM)
		assert_int_equal(listen(listener, 1), 0);
	else
		server = listener;
}

static void close_server(void)
{
	if (server >= 0)
		close(server);
	if (listener >= 0 && listener != server)
		close(listener);
	listener = server = -1;
	unlink(path);
}

static int connect_to(int type)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};

	strcpy(addr.sun_path, path);
	r.targets[0] = (struct log_target){.type = type, .len = sizeof(addr)};
	memcpy(&r.targets[0].addr, &addr, sizeof(addr));
	r.n_targets = 1;
	return log_remote_open(&r, 1000);
}

static int begin(void **state)
{
	(void)state;
	snprintf(path, sizeof(path), "/tmp/test_log_remote.%d", (int)getpid());
	memset(&r, 0, sizeof(r));
	return 0;
}

static int finish(void **state)
{
	(void)state;
	log_remote_close(&r);
	close_server();
	return 0;
}

static bool put(const char *text, size_t n)
{
	char *out = log_remote_begin(&r, n);

	if (!out)
		return false;
	memcpy(out, text, n);
	log_remote_commit(&r, out + n);
	return true;
}

static void expect(const char *want)
{
	char got[256];
	ssize_t n = recv(server, got, sizeof(got) - 1, MSG_DONTWAIT);

	assert_true(n >= 0);
	got[n] = 0;
	assert_string_equal(got, want);
}

static void nobody_there(void **state)
{
	(void)state;
	assert_int_equal(connect_to(SOCK_STREAM), -ENOENT);
	assert_int_equal(r.fd, -1);
}

static void datagrams(void **state)
{
	(void)state;
	open_server(SOCK_DGRAM);
	assert_int_equal(connect_to(SOCK_DGRAM), 0);
	assert_true(put("one", 3) && put("two", 3));
	log_remote_flush(&r);
	expect("one");
	expect("two");
	assert_true(log_remote_idle(&r));
	/* A server that comes again is found again, and nothing was lost. */
	close_server();
	assert_true(put("three", 5));
	log_remote_flush(&r);
	assert_int_equal(r.fd, -1);
	assert_true(log_remote_deadline(&r) < clock_in_ms(60000));
	open_server(SOCK_DGRAM);
	log_remote_tick(&r, log_remote_deadline(&r));
	log_remote_flush(&r);
	expect("three");
}

/* What has no room in a datagram goes as a file. */
static void memory_file(void **state)
{
	static char text[1 << 20];
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	struct msghdr msg = {.msg_control = &control, .msg_controllen = sizeof(control)};
	struct stat st;
	int fd;

	(void)state;
	NEEDS(lacks_bare_rights());
	r.memfd = true;
	open_server(SOCK_DGRAM);
	assert_int_equal(connect_to(SOCK_DGRAM), 0);
	assert_true(put(text, sizeof(text)));
	log_remote_flush(&r);
	assert_int_equal(recvmsg(server, &msg, MSG_DONTWAIT), 0);
	memcpy(&fd, CMSG_DATA(&control.head), sizeof(fd));
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, sizeof(text));
	assert_true(fcntl(fd, F_GET_SEALS) & F_SEAL_WRITE);
	close(fd);
}

static void streams(void **state)
{
	(void)state;
	open_server(SOCK_STREAM);
	assert_int_equal(connect_to(SOCK_STREAM), 0);
	server = accept(listener, NULL, NULL);
	assert_true(put("one\n", 4) && put("two\n", 4));
	log_remote_flush(&r);
	expect("one\ntwo\n");
	/* The end of the stream is noticed, and the next begins with a whole message. */
	close(server);
	log_remote_ready(&r, 0x2001 /* EPOLLIN | EPOLLRDHUP */);
	assert_int_equal(r.fd, -1);
	assert_true(put("three\n", 6));
	log_remote_tick(&r, log_remote_deadline(&r));
	log_remote_ready(&r, 4 /* EPOLLOUT */);
	server = accept(listener, NULL, NULL);
	expect("three\n");
}

/* Whoever does not read holds the container up, or loses what is new; what is sent is whole. */
static void slow_server(bool non_blocking)
{
	static char text[10000], got[10000];
	size_t kept = 0, n = 0;

	r.non_blocking = non_blocking;
	r.limit = 100000;
	open_server(SOCK_STREAM);
	assert_int_equal(connect_to(SOCK_STREAM), 0);
	server = accept(listener, NULL, NULL);
	for (size_t i = 0; i < 200 && !log_remote_full(&r); i++) {
		memset(text, 'a' + (int)(i % 26), sizeof(text));
		if (!put(text, sizeof(text)))
			break;
		kept++;
		log_remote_flush(&r);
	}
	assert_int_equal(log_remote_full(&r), !non_blocking);
	assert_int_equal(r.lost, non_blocking);
	assert_true(log_remote_events(&r) & 4);
	for (size_t i = 0; i < kept; i++) {
		for (n = 0; n < sizeof(got);) {
			ssize_t k = recv(server, got + n, sizeof(got) - n, MSG_DONTWAIT);

			if (k > 0)
				n += (size_t)k;
			log_remote_flush(&r);
		}
		memset(text, 'a' + (int)(i % 26), sizeof(text));
		assert_memory_equal(text, got, sizeof(got));
	}
	assert_true(log_remote_idle(&r) && !log_remote_full(&r));
	log_remote_trim(&r);
	assert_null(r.queue);
}

static void blocking(void **state)
{
	(void)state;
	slow_server(false);
}

static void losing(void **state)
{
	(void)state;
	slow_server(true);
}

/* With nobody at the other end memory stays bounded in either mode. */
static void gone_server(void **state)
{
	static char text[10000];
	size_t taken = 0;

	(void)state;
	open_server(SOCK_STREAM);
	assert_int_equal(connect_to(SOCK_STREAM), 0);
	close_server();
	log_remote_ready(&r, 0x2001);
	for (size_t i = 0; i < 1000; i++) {
		taken += put(text, sizeof(text));
		log_remote_flush(&r);
		assert_false(log_remote_full(&r));
	}
	assert_true(taken * sizeof(text) <= LOG_REMOTE_LIMIT);
	assert_int_equal(r.lost, 1000 - taken);
	/* The pauses grow, to a bound. */
	for (size_t i = 0; i < 20; i++)
		log_remote_tick(&r, log_remote_deadline(&r));
	assert_true(log_remote_deadline(&r) <= clock_in_ms(5000));
	assert_true(log_remote_deadline(&r) > clock_in_ms(3000));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nobody_there, begin, finish),
		cmocka_unit_test_setup_teardown(datagrams, begin, finish),
		cmocka_unit_test_setup_teardown(memory_file, begin, finish),
		cmocka_unit_test_setup_teardown(streams, begin, finish),
		cmocka_unit_test_setup_teardown(blocking, begin, finish),
		cmocka_unit_test_setup_teardown(losing, begin, finish),
		cmocka_unit_test_setup_teardown(gone_server, begin, finish),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
