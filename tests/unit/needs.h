/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a test needs of the kernel, asked at run time: an emulator of user programs stands in for it
 * when programs of another architecture are tested, and knows less. Each question answers NULL when
 * it is there, else says what is missing. A test then says NEEDS(question()); a program all of
 * whose tests need it says NEEDS_ALL(tests, question()) in main.
 *
 * Thread: the test's. Yields: no.
 */
#ifndef TESTS_UNIT_NEEDS_H
#define TESTS_UNIT_NEEDS_H

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define NEEDS(question)                                                                            \
	do {                                                                                       \
		const char *needs_why = (question);                                                \
                                                                                                   \
		if (needs_why) {                                                                   \
			printf("# SKIP %s\n", needs_why);                                          \
			skip();                                                                    \
		}                                                                                  \
	} while (0)

#define NEEDS_ALL(tests, question)                                                                 \
	do {                                                                                       \
		const char *needs_why = (question);                                                \
                                                                                                   \
		for (size_t i = 0; needs_why && i < sizeof(tests) / sizeof((tests)[0]); i++)       \
			printf("ok %zu - %s # SKIP %s\n", i + 1, (tests)[i].name, needs_why);      \
		if (needs_why)                                                                     \
			return 0;                                                                  \
	} while (0)

/* Opening beneath a directory taken for the root. */
static inline const char *lacks_openat2(void)
{
	struct open_how how = {.flags = O_PATH | O_DIRECTORY, .resolve = RESOLVE_IN_ROOT};
	long fd = syscall(SYS_openat2, AT_FDCWD, "/", &how, sizeof(how));

	if (fd < 0)
		return errno == ENOSYS ? "no openat2 here" : NULL;
	close((int)fd);
	return NULL;
}

/* A child that comes with its descriptor. */
static inline const char *lacks_clone_pidfd(void)
{
	int pidfd = -1;
	long pid = syscall(SYS_clone, CLONE_PIDFD | SIGCHLD, NULL, &pidfd, NULL, NULL);

	if (pid == 0)
		_exit(0);
	if (pid > 0)
		waitpid((pid_t)pid, NULL, 0);
	if (pid > 0 && pidfd >= 0)
		close(pidfd);
	return pid > 0 && pidfd >= 0 ? NULL : "no CLONE_PIDFD here";
}

/* A child that runs in its parent's memory until it executes a program. */
static inline const char *lacks_vfork(void)
{
	static volatile int shared;
	pid_t pid = vfork();

	if (pid == 0) {
		shared = 1;
		_exit(0);
	}
	if (pid > 0)
		waitpid(pid, NULL, 0);
	return shared ? NULL : "no shared memory with a child here";
}

/* A descriptor that travels in a message of no bytes. */
static inline const char *lacks_bare_rights(void)
{
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(sizeof(int))];
	} control = {.head = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
	struct msghdr msg = {.msg_control = &control, .msg_controllen = sizeof(control)};
	int pair[2], fd = 0, got = -1;

	if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair) < 0)
		return "no socket pairs here";
	memcpy(CMSG_DATA(&control.head), &pair[0], sizeof(int));
	if (sendmsg(pair[0], &msg, 0) == 0) {
		memset(&control, 0xff, sizeof(control));
		if (recvmsg(pair[1], &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) == 0)
			memcpy(&got, CMSG_DATA(&control.head), sizeof(got));
		fd = fcntl(got, F_GETFD);
		if (fd >= 0)
			close(got);
	}
	close(pair[0]);
	close(pair[1]);
	return fd < 0 ? "descriptors come with bytes alone here" : NULL;
}

/* Netlink's family of the packet filter. */
static inline const char *lacks_nfnetlink(void)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 12); /* NETLINK_NETFILTER */

	if (fd < 0)
		return errno == EPROTONOSUPPORT ? "no nfnetlink here" : NULL;
	close(fd);
	return NULL;
}

#endif
