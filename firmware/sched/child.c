/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A child begins on a stack of its own in the daemon's memory while the calling thread is suspended
 * (CLONE_VM | CLONE_VFORK): nothing is copied, however large the daemon is, and an error of exec is
 * simply stored where the parent reads it. The child must therefore call nothing that takes a lock
 * or allocates: in it there are system calls and stores to struct start, no more. The thread that
 * calls is a worker's, for the loop has no time to wait until the child gets a CPU and has read its
 * program; so the child's working directory is always set, the worker's being anywhere.
 *
 * All signals are blocked meanwhile; the child puts every handler back to its default before it
 * unblocks them, so none of the daemon's handlers runs in it.
 */
#include "firmware/sched/child.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "firmware/core/mem.h"
#include "firmware/core/sanitize.h"
#include "firmware/sched/child_private.h"
#include "firmware/sched/fiber_private.h"
#include "firmware/sched/job.h"

#define START_STACK 16384
#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define SIGNAL_MAX 64
#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC 4
#endif

#ifdef HAS_TSAN
/* TSan's own clone() takes the child for a process with memory of its own and loses count. */
int __clone(int (*fn)(void *arg), void *stack, int flags, void *arg, ...);
#define clone __clone
#endif

#define IN_CHILD __attribute__((no_sanitize("address", "thread", "undefined"))) NOINLINE

/* What parent and child share while the child starts, with the child's stack behind it. */
struct start {
	const struct child_spec *spec;
	char *const *envp;
	char *default_env[2];
	int null_fd;
	int n_fds;
	int fds[CHILD_FDS_MAX]; /* of the child's descriptors: where each comes from */
	volatile int error;	/* errno that kept the program from starting */
	const char *volatile step;
	char path[1024];
	char path_env[1024];
	char stack[START_STACK] __attribute__((aligned(16)));
};

/* The kernel's own call: the C library's forms of these keep state that the parent shares. */
static IN_CHILD void reset_signals(void)
{
	const uint64_t dfl[4] = {0}; /* struct sigaction as the kernel has it: SIG_DFL, no flags */
	const uint64_t none = 0;

	for (int signo = 1; signo <= SIGNAL_MAX; signo++)
		syscall(SYS_rt_sigaction, signo, dfl, NULL, sizeof(none));
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, sizeof(none));
}

/*
 * Put the descriptors where the child is to have them. Those that lie in the way are moved up
 * first, so that no dup3 overwrites one still needed. Copies made here end with exec.
 */
static IN_CHILD int place_fds(struct start *s)
{
	for (int i = 0; i < s->n_fds; i++) {
		if (s->fds[i] < s->n_fds && s->fds[i] != i) {
			int moved = (int)syscall(SYS_fcntl, s->fds[i], F_DUPFD_CLOEXEC, s->n_fds);

			if (moved < 0)
				return -1;
			s->fds[i] = moved;
		}
	}
	for (int i = 0; i < s->n_fds; i++) {
		if (s->fds[i] == i) {
			if (syscall(SYS_fcntl, i, F_SETFD, 0) < 0)
				return -1;
		} else if (syscall(SYS_dup3, s->fds[i], i, 0) < 0) {
			return -1;
		}
	}
	/* All of the daemon's are close-on-exec anyway; this is for those of libraries. */
	syscall(SYS_close_range, (unsigned)s->n_fds, UINT_MAX, CLOSE_RANGE_CLOEXEC);
	return 0;
}

static IN_CHILD void adjust_oom_score(int score)
{
	char text[16];
	int n = 0, fd;
	unsigned v = (unsigned)(score < 0 ? -score : score);
	unsigned unit = 1;

	while (v / unit >= 10)
		unit *= 10;
	if (score < 0)
		text[n++] = '-';
	for (; unit && n < (int)sizeof(text); unit /= 10)
		text[n++] = (char)('0' + v / unit % 10);
	/* Lowering it takes a privilege that we may lack: then it stays. */
	fd = (int)syscall(SYS_openat, AT_FDCWD, "/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC,
			  0);
	if (fd >= 0) {
		(void)!syscall(SYS_write, fd, text, (size_t)n);
		syscall(SYS_close, fd);
	}
}

static IN_CHILD const char *prepare(struct start *s)
{
	const struct child_spec *spec = s->spec;

	if (spec->new_session && syscall(SYS_setsid) < 0)
		return "setsid";
	if (spec->oom_score_adj)
		adjust_oom_score(spec->oom_score_adj);
	if (syscall(SYS_chdir, spec->cwd ? spec->cwd : "/") < 0)
		return "chdir";
	if (place_fds(s) < 0)
		return "descriptors";
	return NULL;
}

static IN_CHILD int child_main(void *arg)
{
	struct start *s = arg;
	const char *failed;

	reset_signals();
	failed = prepare(s);
	if (!failed) {
		syscall(SYS_execve, s->path, s->spec->argv, s->envp);
		failed = "exec";
	}
	s->error = errno;
	s->step = failed;
	syscall(SYS_exit_group, 127);
	return 127;
}

/* The pid, or -errno. */
static pid_t start_process(struct start *s, int *ret_pidfd)
{
	sigset_t every, before;
	int pidfd = -1;
	pid_t pid;

	sigfillset(&every);
	pthread_sigmask(SIG_SETMASK, &every, &before);
	pid = clone(child_main, s->stack + sizeof(s->stack),
		    CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, s, &pidfd);
	if (pid < 0)
		pid = -errno;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	*ret_pidfd = pidfd;
	return pid;
}

static bool is_program(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

int child_find_program(const char *name, char *out, size_t size)
{
	const char *path = getenv("PATH");
	struct str rest = str_from(path && *path ? path : DEFAULT_PATH);

	if (strchr(name, '/')) {
		if (!str_copy(out, size, str_from(name)))
			return -ENAMETOOLONG;
		return is_program(name) ? 0 : access(name, F_OK) == 0 ? -EACCES : -ENOENT;
	}
	while (rest.n) {
		struct str dir = str_cut(rest, ':', &rest);
		int n = snprintf(out, size, STR_FMT "/%s", STR_ARG(dir), name);

		/* An empty element would mean the working directory: not for a daemon. */
		if (dir.n && n > 0 && (size_t)n < size && is_program(out))
			return 0;
	}
	return -ENOENT;
}

static int plan_fds(struct start *s, const struct child_spec *spec)
{
	if (spec->n_fds > CHILD_FDS_MAX)
		return -EMFILE;
	s->n_fds = MAX((int)spec->n_fds, 3);
	s->null_fd = -1;
	for (int i = 0; i < s->n_fds; i++) {
		s->fds[i] = i < (int)spec->n_fds ? spec->fds[i] : -1;
		if (s->fds[i] >= 0)
			continue;
		if (s->null_fd < 0)
			s->null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
		if (s->null_fd < 0)
			return -errno;
		s->fds[i] = s->null_fd;
	}
	return 0;
}

static void start_free(struct start *s)
{
	if (s->null_fd >= 0)
		close(s->null_fd);
	munmap(s, sizeof(*s));
}
DEFINE_CLEANUP(struct start *, start_free)

static struct start *start_new(const struct child_spec *spec)
{
	const char *path = getenv("PATH");
	struct start *s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);

	if (s == MAP_FAILED)
		return NULL;
	s->spec = spec;
	s->null_fd = -1;
	snprintf(s->path_env, sizeof(s->path_env), "PATH=%s", path && *path ? path : DEFAULT_PATH);
	s->default_env[0] = s->path_env;
	s->envp = spec->envp ? (char *const *)(uintptr_t)spec->envp : s->default_env;
	return s;
}

static void reap_failed(pid_t pid, int pidfd)
{
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		continue;
	close(pidfd);
}

struct start_job {
	struct job job;
	struct start *s;
	pid_t pid;
	int pidfd;
};

static int start_run(struct job *job)
{
	struct start_job *j = container_of(job, struct start_job, job);

	j->pid = start_process(j->s, &j->pidfd);
	return 0;
}

int child_spawn(struct child *c, const struct child_spec *spec, struct err *e)
{
	struct start *s CLEANUP(start_freep) = start_new(spec);
	struct start_job start;
	int pidfd, r;
	pid_t pid;

	if (!s)
		return err_sys(e, ENOMEM, "start %s", spec->path);
	r = child_find_program(spec->path, s->path, sizeof(s->path));
	if (r < 0)
		return err_sys(e, r, "exec %s", spec->path);
	r = plan_fds(s, spec);
	if (r < 0)
		return err_sys(e, r, "start %s", spec->path);
	start = (struct start_job){.s = s};
	fiber_shield();
	r = job_run(&start.job, start_run, JOB_SHORT_MUST);
	fiber_unshield();
	if (r < 0)
		return err_sys(e, r, "start %s", spec->path);
	pid = start.pid;
	pidfd = start.pidfd;
	if (pid < 0)
		return err_sys(e, pid, "start %s", spec->path);
	if (s->error) {
		reap_failed(pid, pidfd);
		return err_sys(e, s->error, "%s %s", s->step, spec->path);
	}
	*c = (struct child){.pid = pid, .group = spec->new_session};
	r = io_open(&c->pidfd, pidfd);
	if (r < 0) {
		/* It runs, but could not be watched: it must not run on unknown. */
		kill(pid, SIGKILL);
		reap_failed(pid, pidfd);
		c->pid = 0;
		return err_sys(e, r, "watch %s", spec->path);
	}
	return 0;
}

int child_try_reap(struct child *c)
{
	pid_t pid;
	int status;

	if (c->reaped)
		return 1;
	do
		pid = waitpid(c->pid, &status, WNOHANG);
	while (pid < 0 && errno == EINTR);
	if (pid < 0)
		return -errno;
	if (pid == 0)
		return 0;
	c->reaped = true;
	c->status = status;
	return 1;
}

int child_wait(struct child *c, int64_t deadline, int *ret_status)
{
	for (;;) {
		int r = child_try_reap(c);

		if (r == 1) {
			*ret_status = c->status;
			return 0;
		}
		if (r == 0)
			r = io_wait(&c->pidfd, EPOLLIN, deadline);
		if (r < 0)
			return r;
	}
}

int child_kill(struct child *c, int signo)
{
	if (c->reaped || c->pid <= 0)
		return -ESRCH;
	return kill(c->group ? -c->pid : c->pid, signo) < 0 ? -errno : 0;
}

/* A child that nobody waits for. */
struct orphan {
	struct loop_watch watch;
	pid_t pid;
};

static void reap_orphan(struct loop_watch *w, uint32_t events)
{
	struct orphan *o = container_of(w, struct orphan, watch);

	pid_t r = waitpid(o->pid, NULL, WNOHANG);

	(void)events;
	if (r == 0 || (r < 0 && errno == EINTR))
		return;
	loop_watch_remove(w);
	close(w->fd);
	mem_free(o);
}

void child_done(struct child *c)
{
	struct orphan *o;
	int fd;

	if (c->pid <= 0)
		return;
	fd = io_release(&c->pidfd);
	if (child_try_reap(c) == 0) {
		/* Without memory for this it stays a zombie until the daemon ends; no more. */
		o = mem_alloc(sizeof(*o));
		if (o) {
			o->pid = c->pid;
			if (loop_watch_add(&o->watch, fd, EPOLLIN, reap_orphan) == 0)
				fd = -1;
			else
				mem_free(o);
		}
	}
	if (fd >= 0)
		close(fd);
	c->pid = 0;
}
