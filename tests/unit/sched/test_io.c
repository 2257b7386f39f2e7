/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/un.h>
#include <unistd.h>

#include "firmware/sched/io.h"
#include "tests/unit/sched/fixture.h"

static struct io left, right;

static void open_pair(void)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	assert_int_equal(io_open(&left, fds[0]), 0);
	assert_int_equal(io_open(&right, fds[1]), 0);
}

static void close_pair(void)
{
	io_close(&left);
	io_close(&right);
}

static int64_t soon(void)
{
	return clock_in_ms(5000);
}

static void echo(void *arg)
{
	char c[100];
	ssize_t n;

	(void)arg;
	while ((n = io_read(&left, c, sizeof(c), soon())) > 0)
		assert_int_equal(io_write(&left, c, (size_t)n, soon()), 0);
	assert_int_equal(n, 0);
}

static void ask(void *arg)
{
	char c[100];

	(void)arg;
	for (int i = 0; i < 200; i++) {
		assert_int_equal(io_write(&right, "ping", 4, soon()), 0);
		assert_int_equal(io_read(&right, c, sizeof(c), soon()), 4);
		assert_memory_equal(c, "ping", 4);
	}
	io_close(&right);
}

static void test_echo(void **state)
{
	(void)state;
	open_pair();
	spawn(echo, NULL);
	spawn(ask, NULL);
	run_loop();
	close_pair();
	close_pair();
}

#define BULK (4 << 20)

static void write_bulk(void *arg)
{
	static char block[BULK];
	struct iovec iov[3] = {{block, 1000}, {block, 0}, {block + 1000, BULK - 1000}};

	(void)arg;
	for (size_t i = 0; i < BULK; i++)
		block[i] = (char)(i * 7 >> 3);
	assert_int_equal(io_writev(&left, iov, 3, soon()), 0);
	io_close(&left);
}

static void read_bulk(void *arg)
{
	static char c[3001];
	size_t at = 0;
	ssize_t n;

	(void)arg;
	while ((n = io_read(&right, c, sizeof(c), soon())) > 0) {
		for (ssize_t i = 0; i < n; i++, at++) {
			if (c[i] != (char)(at * 7 >> 3))
				fail_msg("byte %zu differs", at);
		}
	}
	assert_int_equal(n, 0);
	assert_int_equal(at, BULK);
}

static void test_bulk(void **state)
{
	(void)state;
	open_pair();
	spawn(write_bulk, NULL);
	spawn(read_bulk, NULL);
	run_loop();
	close_pair();
}

static void time_out(void *arg)
{
	static char block[BULK];
	char c;

	(void)arg;
	assert_int_equal(io_read(&left, &c, 1, clock_in_ms(3)), -ETIMEDOUT);
	assert_int_equal(io_wait(&left, EPOLLIN, clock_in_ms(3)), -ETIMEDOUT);
	assert_int_equal(io_wait(&left, EPOLLOUT, soon()), EPOLLOUT);
	assert_int_equal(io_wait(&left, EPOLLIN | EPOLLOUT, soon()), EPOLLOUT);
	assert_int_equal(io_write(&left, block, BULK, clock_in_ms(3)), -ETIMEDOUT);
	assert_int_equal(io_wait(&left, EPOLLIN | EPOLLOUT, clock_in_ms(3)), -ETIMEDOUT);
}

static void test_timeout(void **state)
{
	(void)state;
	open_pair();
	run_fiber(time_out);
	close_pair();
}

/* Peers: half close, full close. */
static bool half;

static void handle(void *arg)
{
	(void)arg;
	io_cancel_on_hup(&left, fiber_self(), half);
	assert_int_equal(fiber_sleep_ms(8000), -ECONNRESET);
	io_cancel_on_hup(&left, NULL, false);
	fiber_clear_cancel();
	assert_int_equal(fiber_sleep_ms(1), 0);
	/* It is known from before. */
	io_cancel_on_hup(&left, fiber_self(), half);
	assert_int_equal(fiber_sleep_ms(8000), -ECONNRESET);
}

static void leave(void *arg)
{
	(void)arg;
	assert_int_equal(fiber_sleep_ms(2), 0);
	if (half)
		shutdown(io_fd(&right), SHUT_WR);
	else
		io_close(&right);
}

static void test_hup(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		half = i;
		open_pair();
		spawn(handle, NULL);
		spawn(leave, NULL);
		run_loop();
		close_pair();
	}
}

static void survive_half_close(void *arg)
{
	char c;

	(void)arg;
	io_cancel_on_hup(&left, fiber_self(), false);
	assert_int_equal(io_read(&left, &c, 1, soon()), 0);
	assert_int_equal(fiber_sleep_ms(5), 0);
	assert_int_equal(io_write(&left, "x", 1, soon()), 0);
	io_cancel_on_hup(&left, NULL, false);
}

static void half_close(void *arg)
{
	char c;

	(void)arg;
	shutdown(io_fd(&right), SHUT_WR);
	assert_int_equal(io_read(&right, &c, 1, soon()), 1);
}

static void test_half_close(void **state)
{
	(void)state;
	open_pair();
	spawn(survive_half_close, NULL);
	spawn(half_close, NULL);
	run_loop();
	close_pair();
}

static void wait_closed(void *arg)
{
	struct io *io = arg;
	char c;

	assert_int_equal(io_read(io, &c, 1, soon()), -EBADF);
}

static void second_reader(void *arg)
{
	char c;

	(void)arg;
	assert_int_equal(io_read(&left, &c, 1, soon()), -EBUSY);
	io_close(&left);
	memset(&left, 0xee, sizeof(left));
}

static void test_close_while_waiting(void **state)
{
	(void)state;
	open_pair();
	spawn(wait_closed, &left);
	spawn(second_reader, NULL);
	run_loop();
	io_close(&right);
}

static void test_write_to_nobody_fiber(void *arg)
{
	(void)arg;
	io_close(&right);
	assert_int_equal(io_write(&left, "x", 1, soon()), -EPIPE); /* and no SIGPIPE */
}

static void test_write_to_nobody(void **state)
{
	(void)state;
	open_pair();
	run_fiber(test_write_to_nobody_fiber);
	close_pair();
}

static void pass_fd(void *arg)
{
	char control[CMSG_SPACE(sizeof(int))], c = 'x';
	struct iovec iov = {&c, 1};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control,
			     .msg_controllen = sizeof(control)};
	int fds[2];

	(void)arg;
	memset(control, 0, sizeof(control));
	assert_int_equal(pipe(fds), 0);
	CMSG_FIRSTHDR(&msg)->cmsg_level = SOL_SOCKET;
	CMSG_FIRSTHDR(&msg)->cmsg_type = SCM_RIGHTS;
	CMSG_FIRSTHDR(&msg)->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(CMSG_FIRSTHDR(&msg)), &fds[0], sizeof(int));
	assert_int_equal(io_sendmsg(&left, &msg, 0, soon()), 1);
	assert_int_equal(write(fds[1], "y", 1), 1);
	close(fds[0]);
	close(fds[1]);
}

static void take_fd(void *arg)
{
	char control[CMSG_SPACE(sizeof(int))], c = 0;
	struct iovec iov = {&c, 1};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control,
			     .msg_controllen = sizeof(control)};
	struct io got;
	int fd;

	(void)arg;
	assert_int_equal(io_recvmsg(&right, &msg, MSG_CMSG_CLOEXEC, soon()), 1);
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(int));
	assert_int_equal(io_open(&got, fd), 0);
	assert_int_equal(io_read(&got, &c, 1, soon()), 1);
	assert_int_equal(c, 'y');
	assert_int_equal(io_release(&got), fd);
	assert_int_equal(io_release(&got), -1);
	close(fd);
}

static void test_messages(void **state)
{
	(void)state;
	open_pair();
	spawn(take_fd, NULL);
	spawn(pass_fd, NULL);
	run_loop();
	close_pair();
}

static struct io listener;
static struct sockaddr_un address = {.sun_family = AF_UNIX};

static void accept_two(void *arg)
{
	(void)arg;
	for (int i = 0; i < 2; i++) {
		int fd = io_accept(&listener, soon());

		assert_true(fd >= 0);
		assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
		assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
		close(fd);
	}
	assert_int_equal(io_accept(&listener, clock_in_ms(2)), -ETIMEDOUT);
}

static void connect_two(void *arg)
{
	(void)arg;
	for (int i = 0; i < 2; i++) {
		int fd = socket(AF_UNIX, SOCK_STREAM, 0);

		assert_int_equal(fiber_sleep_ms(1), 0);
		assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
		close(fd);
	}
}

static void test_accept(void **state)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)state;
	snprintf(address.sun_path + 1, 50, "serin-test-%d", getpid());
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 10), 0);
	assert_int_equal(io_open(&listener, fd), 0);
	spawn(accept_two, NULL);
	spawn(connect_two, NULL);
	run_loop();
	io_close(&listener);
}

static void use_file(void *arg)
{
	struct io file;
	char c[4];

	(void)arg;
	assert_int_equal(io_open(&file, open("/proc/self/stat", O_RDONLY)), 0);
	assert_int_equal(io_read(&file, c, 4, soon()), 4);
	io_close(&file);
	file = (struct io){.open = false};
	io_close(&file);
	assert_int_equal(io_open(&file, 9999), -EBADF);
}

static void test_file(void **state)
{
	(void)state;
	run_fiber(use_file);
}

static bool fair_done;

static void busy_reader(void *arg)
{
	struct io zero;
	char c[64];

	(void)arg;
	assert_int_equal(io_open(&zero, open("/dev/zero", O_RDONLY)), 0);
	for (int i = 0; i < 1000000 && !fair_done; i++)
		assert_int_equal(io_read(&zero, c, sizeof(c), soon()), 64);
	assert_true(fair_done);
	io_close(&zero);
}

static void patient(void *arg)
{
	(void)arg;
	assert_int_equal(fiber_sleep_ms(2), 0);
	fair_done = true;
}

/* A descriptor that is always ready does not starve timers and others. */
static void test_fair(void **state)
{
	(void)state;
	spawn(busy_reader, NULL);
	spawn(patient, NULL);
	run_loop();
}

static void either(void *arg)
{
	char c;

	(void)arg;
	assert_int_equal(io_wait_either(&left, &right, clock_in_ms(2)), -ETIMEDOUT);
	assert_int_equal(write(io_fd(&left), "x", 1), 1);
	assert_int_equal(io_wait_either(&left, &right, soon()), 2);
	assert_int_equal(write(io_fd(&right), "x", 1), 1);
	assert_int_equal(io_wait_either(&left, &right, soon()), 3);
	assert_int_equal(io_read(&left, &c, 1, soon()), 1);
	assert_int_equal(io_read(&right, &c, 1, soon()), 1);
}

static void test_either(void **state)
{
	(void)state;
	open_pair();
	run_fiber(either);
	close_pair();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(test_echo),       FIXTURE_TEST(test_bulk),
		FIXTURE_TEST(test_timeout),    FIXTURE_TEST(test_hup),
		FIXTURE_TEST(test_half_close), FIXTURE_TEST(test_close_while_waiting),
		FIXTURE_TEST(test_messages),   FIXTURE_TEST(test_write_to_nobody),
		FIXTURE_TEST(test_accept),     FIXTURE_TEST(test_file),
		FIXTURE_TEST(test_fair),       FIXTURE_TEST(test_either),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
