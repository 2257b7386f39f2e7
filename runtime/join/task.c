/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two processes are made. The helper, a child of the caller, reads the documents and opens all that
 * is needed of the host, enters the container's namespaces, and makes the second in its pid
 * namespace, as a sibling (CLONE_PARENT), so that it is the caller's child too; then it ends. The
 * second is in the container: it joins the control groups before it does anything that could take
 * long there, closes every descriptor of the host, becomes the user, and executes the command.
 *
 * Neither can be looked into or traced from inside (PR_SET_DUMPABLE) by who has no privilege for
 * it, and the program they run is out of reach even then (sealed.c). No path is opened after the
 * namespaces were entered but /dev/ptmx, the directory and the command, and none of those by one
 * who holds a descriptor of the host: whatever hangs there hangs in the container, and the caller
 * kills it after a while.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/keyctl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "firmware/core/file.h"
#include "firmware/core/mem.h"
#include "runtime/join/private.h"

#define CHANNEL_FD 3
#define BUNDLE_FD 4
#define INIT_FD 5
#define FIRST_FREE_FD 6
#define MOVED_FD 64
#define SIGNAL_MAX 64
#define MEMORY_MAX (16 << 20)
#define FILE_MAX_BYTES (4 << 20)
#define PATH_BYTES 4096

const char *task_reason(int error)
{
	static char text[128];

	snprintf(text, sizeof(text), "%s", strerror(error));
	if (text[0] >= 'A' && text[0] <= 'Z' && !(text[1] >= 'A' && text[1] <= 'Z'))
		text[0] |= 0x20;
	return text;
}

void task_send(struct join_task *t, const struct join_message *m, int fd)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct iovec iov = {(void *)(uintptr_t)m, sizeof(*m)};
	struct msghdr hdr = {.msg_iov = &iov, .msg_iovlen = 1};

	if (fd < 0) {
		/* write is what a filter is most likely to permit. */
		(void)!write(t->channel, m, sizeof(*m));
		return;
	}
	hdr.msg_control = &control;
	hdr.msg_controllen = sizeof(control.space);
	control.header.cmsg_level = SOL_SOCKET;
	control.header.cmsg_type = SCM_RIGHTS;
	control.header.cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(&control.header), &fd, sizeof(int));
	if (sendmsg(t->channel, &hdr, MSG_NOSIGNAL) < 0)
		task_fail_errno(t, errno, "sending the terminal");
}

void task_fail(struct join_task *t, const char *fmt, ...)
{
	static struct join_message m;
	va_list ap;

	m.kind = JOIN_FAILED;
	va_start(ap, fmt);
	vsnprintf(m.text, sizeof(m.text), fmt, ap);
	va_end(ap);
	task_send(t, &m, -1);
	_exit(127);
}

void task_fail_errno(struct join_task *t, int error, const char *what)
{
	task_fail(t, "unable to start container process: %s: %s", what, task_reason(error));
}

void task_unsupported(struct join_task *t, const char *what)
{
	static struct join_message m;

	m.kind = JOIN_UNSUPPORTED;
	snprintf(m.text, sizeof(m.text), "%s", what);
	task_send(t, &m, -1);
	_exit(0);
}

/* Signals stay blocked until the command runs; what the caller did with them is undone. */
static void reset_signals(void)
{
	const uint64_t nothing[4] = {0}; /* struct sigaction as the kernel has it */

	for (int signo = 1; signo <= SIGNAL_MAX; signo++)
		(void)syscall(SYS_rt_sigaction, signo, nothing, NULL, sizeof(uint64_t));
}

static void unblock_signals(void)
{
	const uint64_t none = 0;

	(void)syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, sizeof(none));
}

/* 0, 1, 2 the command's, the channel, the bundle, the pidfd: nothing else stays open. */
static void place_descriptors(struct join_task *t)
{
	const int from[FIRST_FREE_FD] = {t->req->stdio[0], t->req->stdio[1], t->req->stdio[2],
					 t->channel,	   t->req->bundle,   t->pidfd};
	int moved[FIRST_FREE_FD];

	for (int i = 0; i < FIRST_FREE_FD; i++) {
		moved[i] = fcntl(from[i], F_DUPFD_CLOEXEC, MOVED_FD);
		if (moved[i] < 0)
			task_fail_errno(t, errno, "descriptors");
	}
	for (int i = 0; i < FIRST_FREE_FD; i++) {
		if (dup3(moved[i], i, i < CHANNEL_FD ? 0 : O_CLOEXEC) < 0)
			task_fail_errno(t, errno, "descriptors");
	}
	t->channel = CHANNEL_FD;
	t->bundle = BUNDLE_FD;
	t->pidfd = INIT_FD;
	if (syscall(SYS_close_range, (unsigned)FIRST_FREE_FD, UINT_MAX, 0) < 0)
		task_unsupported(t, "this kernel has no close_range");
}

static void read_documents(struct join_task *t)
{
	static struct arena arena;
	static struct err e;
	struct str process, config;

	arena_open_heap(&arena, MEMORY_MAX);
	if (file_read_at(t->bundle, t->req->document, FILE_MAX_BYTES, &arena, &process, &e) < 0 ||
	    file_read_at(t->bundle, "config.json", FILE_MAX_BYTES, &arena, &config, &e) < 0)
		task_fail(t, "%s", e.msg);
	if (document_read(process, config, t->req->runtime, &arena, &t->doc, &e) < 0) {
		if (e.kind == ERR_NOT_IMPLEMENTED)
			task_unsupported(t, e.msg);
		task_fail(t, "%s", e.msg);
	}
	close(t->bundle);
}

/* The host's session keyring is none of the container's business: it has one of its own. */
static void join_keyring(struct join_task *t)
{
	static char name[128];

	snprintf(name, sizeof(name), "%s%s", t->req->runtime == JOIN_RUNC ? "_ses." : "",
		 t->req->id);
	if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, name) >= 0 || errno == ENOSYS)
		return;
	if (t->req->runtime == JOIN_RUNC)
		task_fail_errno(t, errno, "unable to join session keyring");
	if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) < 0)
		task_fail_errno(t, errno, "joining a session keyring");
}

/* In the container. */
static NORETURN void enter(struct join_task *t)
{
	static char path[PATH_BYTES];
	static struct err e;

	cgroups_join(t);
	namespaces_join_cgroup(t);
	/* The pidfd and whatever else: from here on nothing of the host but the channel is open. */
	(void)syscall(SYS_close_range, (unsigned)CHANNEL_FD + 1, UINT_MAX, 0);
	if (setsid() < 0)
		task_fail_errno(t, errno, "setsid");
	join_keyring(t);
	if (t->req->tty)
		terminal_open(t);
	credentials_become(t);
	if (command_find(t->doc.args[0], t->doc.env, path, sizeof(path), &e) < 0)
		task_fail(t, "unable to start container process: %s", e.msg);
	unblock_signals();
	credentials_finish(t);
	execve(path, t->doc.args, t->doc.env);
	task_fail(t, "unable to start container process: exec %s: %s", path, task_reason(errno));
}

struct clone_words {
	uint64_t flags, pidfd, child_tid, parent_tid, exit_signal;
	uint64_t stack, stack_size, tls, set_tid, set_tid_size, cgroup;
};

#define INTO_CGROUP 0x200000000ULL

static pid_t make_sibling(struct join_task *t)
{
	struct clone_words words = {
		.flags = CLONE_PARENT | INTO_CGROUP,
		.cgroup = (uint64_t)t->cgroups.v2,
	};
	pid_t pid = -1;

	t->born_inside = true;
	if (t->cgroups.v2 >= 0)
		pid = (pid_t)syscall(SYS_clone3, &words, sizeof(words));
	if (pid >= 0)
		return pid;
	/* Not there, or not as who we are now: then it moves in. */
	t->born_inside = false;
	words.flags = CLONE_PARENT;
	words.cgroup = 0;
	return (pid_t)syscall(SYS_clone3, &words, sizeof(words));
}

void task_main(const struct join_request *req, int channel, int init)
{
	static struct join_task task;
	static struct join_message m;
	struct join_task *t = &task;
	pid_t pid;

	t->req = req;
	t->channel = channel;
	t->pidfd = init;
	reset_signals();
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	if (init < 0)
		task_unsupported(t, "this kernel has no pidfds");
	place_descriptors(t);
	read_documents(t);
	namespaces_find(t);
	cgroups_open(t);
	namespaces_check(t);
	credentials_limits(t);
	namespaces_join(t);
	pid = make_sibling(t);
	if (pid == 0)
		enter(t);
	if (pid < 0 && errno == ENOSYS)
		task_unsupported(t, "this kernel has no clone3");
	if (pid < 0 && errno == ENOMEM)
		task_fail(t, "cannot exec in a stopped container");
	if (pid < 0)
		task_fail_errno(t, errno, "fork");
	m.kind = JOIN_PID;
	m.pid = pid;
	task_send(t, &m, -1);
	_exit(0);
}
