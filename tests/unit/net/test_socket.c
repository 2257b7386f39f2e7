/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>
#ifdef CONFIG_VSOCK
#include <linux/vm_sockets.h>
#endif

#include "firmware/core/config.h"
#include "firmware/net/socket.h"

static char dir[] = "/tmp/serin-sock-XXXXXX", path[96], host[112];
static const struct listen_options plain = {.mode = 0640, .uid = (uid_t)-1, .gid = (gid_t)-1};
static struct err e;

static int dial(const char *to, size_t n)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(sun.sun_path, to, n);
	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0)
		return fd;
	close(fd);
	return -1;
}

static void test_tcp(void **state)
{
	static const struct {
		const char *address;
		int code;
	} cases[] = {
		{"127.0.0.1:9323", 0}, {":9323", 0},	    {"localhost:0", 0},
		{"[::1]:9323", 0},     {"9323", -EINVAL},   {"127.0.0.1:", -EINVAL},
		{"", -EINVAL},	       {":", -EINVAL},	    {"127.0.0.1:65536", -EINVAL},
		{"1.2.3:1", -EINVAL},  {"host:1", -EINVAL}, {"[::1:9323", -EINVAL},
		{"::1:9323", -EINVAL}, {"[]:1", -EINVAL},   {"127.0.0.1 :1", -EINVAL},
	};
	struct listener l;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		err_clear(&e);
		assert_int_equal(listener_check_tcp(cases[i].address, &e), cases[i].code);
	}
	assert_int_equal(listener_open_tcp("127.0.0.1:0", &l, &e), 0);
	assert_int_equal(l.kind, LISTENER_TCP);
	listener_close(&l);
	assert_int_equal(l.fd, -1);
}

static void test_syntax(void **state)
{
	static const struct {
		const char *host;
		int code;
	} cases[] = {
		{"unix:///run/x.sock", 0},
		{"unix://relative", 0},
		{"unix://", -EINVAL},
		{"unix:///x", 0},
		{"/run/x.sock", -EINVAL},
		{"", -EINVAL},
		{"tcp://127.0.0.1:2375", -EINVAL},
		{"vsock://:2375", CONFIG(VSOCK) ? 0 : -ENOSYS},
		{"vsock://3:2375", CONFIG(VSOCK) ? 0 : -ENOSYS},
		{"vsock://[3]:2375", CONFIG(VSOCK) ? 0 : -ENOSYS},
		{"vsock://-1:2375", CONFIG(VSOCK) ? 0 : -ENOSYS},
		{"vsock://2375", CONFIG(VSOCK) ? -EINVAL : -ENOSYS},
		{"vsock://x:1", CONFIG(VSOCK) ? -EINVAL : -ENOSYS},
		{"vsock://:0", CONFIG(VSOCK) ? -EINVAL : -ENOSYS},
		{"vsock://:99999999999", CONFIG(VSOCK) ? -EINVAL : -ENOSYS},
		{"fd://", CONFIG(SYSTEMD) ? 0 : -ENOSYS},
		{"fd://3", CONFIG(SYSTEMD) ? 0 : -ENOSYS},
		{"fd://2", CONFIG(SYSTEMD) ? -EINVAL : -ENOSYS},
		{"fd://x", CONFIG(SYSTEMD) ? -EINVAL : -ENOSYS},
	};
	char longer[200] = "unix:///";

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (listener_check(cases[i].host, &e) != cases[i].code)
			fail_msg("%s: %s", cases[i].host, e.msg);
	memset(longer + 8, 'a', 150);
	assert_int_equal(listener_check(longer, &e), -EINVAL);
}

static void test_unix(void **state)
{
	struct listener l, second;
	struct peer peer;
	struct stat st;
	size_t n = 0;
	int c, s;

	(void)state;
	assert_int_equal(listener_open(host, &plain, &l, 1, &n, &e), 0);
	assert_int_equal(n, 1);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
	c = dial(path, strlen(path));
	assert_true(c >= 0);
	s = accept(l.fd, NULL, NULL);
	assert_int_equal(listener_identify(&l, s, &peer, &e), 0);
	assert_int_equal(peer.kind, LISTENER_UNIX);
	assert_int_equal(peer.pid, getpid());
	assert_int_equal(peer.uid, getuid());
	close(c);
	close(s);
	/* alive: not replaced */
	assert_int_equal(listener_open(host, &plain, &second, 1, &n, &e), -EBUSY);
	assert_non_null(strstr(e.msg, "another process"));
	/* dead: replaced, and the first closes without taking the second's file */
	close(l.fd);
	l.fd = -1;
	assert_int_equal(listener_open(host, &plain, &second, 1, &n, &e), 0);
	if (l.path_ino != second.path_ino) {
		listener_close(&l);
		assert_int_equal(stat(path, &st), 0);
	}
	listener_close(&second);
	assert_int_equal(stat(path, &st), -1);
	listener_close(&second);
	/* something else in the way */
	c = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	close(c);
	assert_int_equal(listener_open(host, &plain, &second, 1, &n, &e), -EBUSY);
	assert_int_equal(stat(path, &st), 0);
	unlink(path);
	assert_true(listener_open("unix:///nonexistent/x", &plain, &second, 1, &n, &e) < 0);
	assert_non_null(strstr(e.msg, "listen on unix:///nonexistent/x: "));
	assert_int_equal(listener_open(host, &plain, &second, 0, &n, &e), -E2BIG);
}

static void test_owner(void **state)
{
	struct listen_options opt = {.mode = 0660, .uid = 1234, .gid = 4321};
	struct listener l;
	struct stat st;
	size_t n;

	(void)state;
	if (getuid() != 0)
		skip();
	assert_int_equal(listener_open(host, &opt, &l, 1, &n, &e), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_uid, 1234);
	assert_int_equal(st.st_gid, 4321);
	listener_close(&l);
}

static void test_activation(void **state)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	struct listener l[4];
	char pid[24], one[24];
	size_t n = 0;
	int fd, at;

	(void)state;
	if (!CONFIG(SYSTEMD))
		skip();
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	assert_int_equal(listener_open("fd://", &plain, l, 4, &n, &e), -ENOENT);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	memcpy(sun.sun_path, "\0serin-unit", 11);
	sun.sun_path[11] = (char)('a' + getpid() % 26);
	assert_int_equal(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	assert_int_equal(listen(fd, 1), 0);
	/* descriptors from 3 to the one below fd are somebody's: only fd itself is asked for */
	at = fd;
	snprintf(pid, sizeof(pid), "%d", getpid());
	setenv("LISTEN_PID", pid, 1);
	snprintf(one, sizeof(one), "%d", at - 2);
	setenv("LISTEN_FDS", one, 1);
	snprintf(one, sizeof(one), "fd://%d", at);
	assert_int_equal(listener_open(one, &plain, l, 4, &n, &e), 0);
	assert_int_equal(n, 1);
	assert_int_equal(l[0].fd, at);
	assert_true(fcntl(at, F_GETFD) & FD_CLOEXEC);
	snprintf(one, sizeof(one), "fd://%d", at + 1);
	assert_int_equal(listener_open(one, &plain, l + 1, 3, &n, &e), -ENOENT);
	setenv("LISTEN_PID", "1", 1);
	assert_int_equal(listener_open("fd://", &plain, l + 1, 3, &n, &e), -ENOENT);
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	listener_close(&l[0]);
}

static void test_notify(void **state)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	char got[32] = "";
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	(void)state;
	unsetenv("NOTIFY_SOCKET");
	assert_int_equal(service_notify("READY=1", &e), 0);
	if (CONFIG(SYSTEMD)) {
		strcpy(sun.sun_path, path);
		assert_int_equal(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
		setenv("NOTIFY_SOCKET", path, 1);
		assert_int_equal(service_notify("READY=1", &e), 0);
		assert_int_equal(recv(fd, got, sizeof(got), MSG_DONTWAIT), 7);
		assert_string_equal(got, "READY=1");
		unlink(path);
		assert_true(service_notify("STOPPING=1", &e) < 0);
		setenv("NOTIFY_SOCKET", "relative", 1);
		assert_int_equal(service_notify("READY=1", &e), -EINVAL);
		unsetenv("NOTIFY_SOCKET");
	}
	close(fd);
}

static void test_vsock(void **state)
{
#ifdef CONFIG_VSOCK
	static const uint32_t local[] = {VMADDR_CID_LOCAL};
	struct sockaddr_vm svm = {
		.svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_LOCAL, .svm_port = 42375};
	struct listen_options opt = plain;
	struct listener l;
	struct peer peer;
	size_t n;
	int c, s;

	(void)state;
	if (listener_open("vsock://:42375", &opt, &l, 1, &n, &e) < 0)
		skip();
	c = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connect(c, (struct sockaddr *)&svm, sizeof(svm)) < 0) {
		close(c);
		listener_close(&l);
		skip();
	}
	/* loopback is refused unless listed */
	s = accept(l.fd, NULL, NULL);
	assert_int_equal(listener_identify(&l, s, &peer, &e), -EPERM);
	l.cids[0] = local[0];
	l.n_cids = 1;
	assert_int_equal(listener_identify(&l, s, &peer, &e), 0);
	assert_int_equal(peer.kind, LISTENER_VSOCK);
	assert_int_equal(peer.cid, VMADDR_CID_LOCAL);
	close(s);
	close(c);
	listener_close(&l);
#else
	(void)state;
	skip();
#endif
}

static int start(void **state)
{
	(void)state;
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/sock", dir);
	snprintf(host, sizeof(host), "unix://%s", path);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_syntax),	   cmocka_unit_test(test_tcp),
		cmocka_unit_test(test_unix),	   cmocka_unit_test(test_owner),
		cmocka_unit_test(test_activation), cmocka_unit_test(test_notify),
		cmocka_unit_test(test_vsock),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
