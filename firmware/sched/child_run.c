/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A child whose end and output are waited for.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "firmware/sched/child_private.h"
#include "firmware/sched/fiber_private.h"

/* The last CONFIG_CHILD_OUTPUT_MAX bytes of what is put in. */
struct tail {
	char *p; /* room for the limit, a piece more, and a terminator */
	size_t n;
};
#define TAIL_PIECE 4096

/* Everything the pipe has now. 1 more may come, 0 at its end, -errno. */
static int drain(int fd, struct tail *t)
{
	for (;;) {
		ssize_t r = read(fd, t->p + t->n, TAIL_PIECE);

		if (r == 0)
			return 0;
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return errno == EAGAIN ? 1 : -errno;
		t->n += (size_t)r;
		if (t->n > CONFIG_CHILD_OUTPUT_MAX) {
			size_t over = t->n - CONFIG_CHILD_OUTPUT_MAX;

			memmove(t->p, t->p + over, CONFIG_CHILD_OUTPUT_MAX);
			t->n = CONFIG_CHILD_OUTPUT_MAX;
		}
	}
}

/* Until the child ended; who else holds its output open is not waited for. */
static FIBER_FN int collect(struct child *c, struct io *out, int64_t deadline, struct tail *t)
{
	int status, r;

	for (;;) {
		int ended = child_try_reap(c);

		if (ended < 0)
			return ended;
		r = drain(io_fd(out), t);
		if (r < 0 || ended)
			return MIN(r, 0);
		if (r == 0)
			return child_wait(c, deadline, &status);
		r = io_wait_either(out, &c->pidfd, deadline);
		if (r < 0)
			return r;
	}
}

static FIBER_FN void kill_and_reap(struct child *c)
{
	int status;

	child_kill(c, SIGKILL);
	fiber_shield();
	(void)!child_wait(c, DEADLINE_NEVER, &status);
	fiber_unshield();
}

static int open_output(struct io *out, int *ret_write_fd, struct err *e)
{
	int pipe_fds[2], r;

	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return err_sys(e, errno, "pipe");
	r = io_open(out, pipe_fds[0]);
	if (r < 0) {
		close(pipe_fds[0]);
		close(pipe_fds[1]);
		return err_sys(e, r, "pipe");
	}
	*ret_write_fd = pipe_fds[1];
	return 0;
}

int child_run(const struct child_spec *spec, int64_t deadline, struct arena *a, int *ret_status,
	      struct str *ret_output, struct err *e)
{
	struct tail t = {.p = arena_alloc(a, CONFIG_CHILD_OUTPUT_MAX + TAIL_PIECE + 1)};
	struct io out CLEANUP(io_close) = {.watch.fd = -1};
	struct child c CLEANUP(child_done) = {.pid = 0};
	struct child_spec with_output = *spec;
	int write_fd = -1, r;

	if (!t.p)
		return err_set(e, ERR_UNAVAILABLE, "run %s: out of memory", spec->path);
	r = fiber_pending_cancel();
	if (r < 0)
		return err_sys(e, r, "run %s", spec->path);
	r = open_output(&out, &write_fd, e);
	if (r < 0)
		return r;
	if (with_output.n_fds == 0)
		with_output.fds[0] = -1;
	with_output.fds[1] = with_output.fds[2] = write_fd;
	with_output.n_fds = MAX(spec->n_fds, 3);
	r = child_spawn(&c, &with_output, e);
	close(write_fd);
	if (r < 0)
		return r;
	r = collect(&c, &out, deadline, &t);
	if (r < 0) {
		kill_and_reap(&c);
		return err_sys(e, r, "run %s", spec->path);
	}
	t.p[t.n] = '\0';
	*ret_status = c.status;
	if (ret_output)
		*ret_output = str_span(t.p, t.n);
	return 0;
}
