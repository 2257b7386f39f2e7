/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `docker top`: the machine's own `ps`, whose lines are kept when their process is the container's.
 * It is told the processes (-q) first; some of its options do not go with that, and some `ps` do
 * not know it, so it is tried without. Where there is no `ps`, or one that does not know what is
 * asked for, our own takes its place: top_format.c, top_proc.c.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "firmware/core/cleanup.h"
#include "firmware/sched/child.h"
#include "firmware/sched/job.h"
#include "runtime/container/private.h"
#include "runtime/container/top_parse.h"
#include "runtime/container/top_proc.h"

#define ARGS_MAX 64
#define PIDS_TEXT_MAX (96u << 10)
#define OUTPUT_MAX (2u << 20)
#define PS_MS 10000

struct top_job {
	struct job job;
	struct cgroup group;
	struct arena *a;
	const char *ps_args;
	struct top_format *format; /* for our own ps */
	pid_t *pids;
	size_t n_pids;
	struct top *top;
};

static int pids_run(struct job *job)
{
	struct top_job *j = container_of(job, struct top_job, job);

	return cgroup_pids(&j->group, j->a, &j->pids, &j->n_pids, &job->err);
}

static int proc_run(struct job *job)
{
	struct top_job *j = container_of(job, struct top_job, job);

	return top_from_proc(j->format, j->pids, j->n_pids, j->a, j->top, &job->err);
}

static int do_job(struct top_job *j, int (*run)(struct job *), struct err *e) FIBER_FN
{
	int r;

	j->job = (struct job){0};
	r = job_run(&j->job, run, JOB_SHORT);
	if (r < 0 && !j->job.err.kind)
		return err_set(e, ERR_UNAVAILABLE, "too many operations at once; try again");
	if (r < 0)
		*e = j->job.err;
	return r;
}

/* "-q1,2,3", or NULL when that would be too long. */
static const char *pids_argument(const struct top_job *j)
{
	struct buf text;

	buf_init(&text, j->a, PIDS_TEXT_MAX);
	buf_puts(&text, "-q");
	for (size_t i = 0; i < j->n_pids; i++)
		buf_printf(&text, "%s%d", i ? "," : "", (int)j->pids[i]);
	return text.failed || !j->n_pids ? NULL : buf_text(&text);
}

static int read_back(int fd, struct arena *a, struct str *ret, struct err *e)
{
	struct stat st;
	char *text;

	if (fstat(fd, &st) < 0)
		return err_sys(e, errno, "ps");
	if (st.st_size > (off_t)OUTPUT_MAX)
		return err_set(e, ERR_TOO_LARGE, "ps: too many processes");
	text = arena_alloc(a, (size_t)st.st_size + 1);
	if (!text)
		return err_set(e, ERR_UNAVAILABLE, "no memory");
	if (pread(fd, text, (size_t)st.st_size, 0) != st.st_size)
		return err_sys(e, EIO, "ps");
	*ret = str_span(text, (size_t)st.st_size);
	return 0;
}

/* *ret_good: it ended with 0; then its output, else what it complained about. */
static int run_ps(const struct top_job *j, const char *pids, bool *ret_good, struct str *ret,
		  struct err *e) FIBER_FN
{
	CLEANUP_FD int out = memfd_create("ps", MFD_CLOEXEC);
	CLEANUP_FD int complaint = memfd_create("ps", MFD_CLOEXEC);
	const char *argv[ARGS_MAX + 3] = {"ps"};
	struct child_spec spec = {.path = "ps", .argv = argv};
	struct child child;
	struct str args = str_from(j->ps_args);
	size_t n = 1;
	int status, r;

	if (out < 0 || complaint < 0)
		return err_sys(e, errno, "ps");
	while (args.n && n <= ARGS_MAX) {
		struct str word = str_cut(args, ' ', &args);

		if (word.n && !(argv[n++] = arena_strndup(j->a, word.p, word.n)))
			return err_set(e, ERR_UNAVAILABLE, "no memory");
	}
	argv[n] = pids;
	spec.fds[0] = -1;
	spec.fds[1] = out;
	spec.fds[2] = complaint;
	spec.n_fds = 3;
	r = child_spawn(&child, &spec, e);
	if (r < 0)
		return r;
	r = child_wait(&child, clock_in_ms(PS_MS), &status);
	if (r < 0)
		(void)!child_kill(&child, SIGKILL);
	child_done(&child);
	if (r < 0)
		return err_sys(e, -r, "ps");
	*ret_good = WIFEXITED(status) && WEXITSTATUS(status) == 0;
	return read_back(*ret_good ? out : complaint, j->a, ret, e);
}

static int ask_ps(struct top_job *j, struct err *e) FIBER_FN
{
	const char *pids = pids_argument(j);
	struct str text, line;
	bool good = false;
	int r = 0;

	if (pids)
		r = run_ps(j, pids, &good, &text, e);
	if (r == 0 && !good)
		r = run_ps(j, NULL, &good, &text, e);
	if (r < 0)
		return r;
	if (good)
		return top_parse(text, j->pids, j->n_pids, j->a, j->top, e);
	line = str_cut(text, '\n', &text);
	if (!line.n)
		return err_set(e, ERR_SYSTEM, "ps: exit status 1");
	return err_set(e, ERR_SYSTEM, "ps: " STR_FMT, (int)MIN(line.n, (size_t)300), line.p);
}

static int not_running(const struct container *c, struct err *e)
{
	return err_set(e, ERR_CONFLICT, "container %s is not running", c->id);
}

int container_top(struct container *c, const char *ps_args, struct arena *a, struct top *ret,
		  struct err *e)
{
	struct top_job *j = arena_alloc(a, sizeof(*j));
	struct err unknown = {0};
	char path[256];
	int r = top_check_args(ps_args, e);

	if (r < 0)
		return r;
	if (!container_is_running(c))
		return err_set(e, ERR_CONFLICT, "container %s is not running", c->id);
	if (c->status == CONTAINER_RESTARTING)
		return err_set(e, ERR_CONFLICT,
			       "Container %s is restarting, wait until the container is running",
			       c->id);
	if (!j || !container_cgroup(c, &j->group))
		return err_set(e, ERR_UNAVAILABLE, "no memory");
	j->a = a;
	j->ps_args = ps_args;
	j->top = ret;
	j->format = arena_alloc(a, sizeof(*j->format));
	if (!j->format)
		return err_set(e, ERR_UNAVAILABLE, "no memory");
	r = do_job(j, pids_run, e);
	if (r == -ENOENT)
		return not_running(c, e);
	if (r < 0)
		return r;
	r = child_find_program("ps", path, sizeof(path));
	if (r == 0) {
		r = ask_ps(j, e);
		if (r < 0 && !container_is_running(c))
			return not_running(c, e); /* none of its processes is left to show */
		/* A small ps may not know what ours does. */
		if (r == 0 || top_format_parse(ps_args, a, j->format, &unknown) < 0)
			return r;
		err_clear(e);
	} else {
		r = top_format_parse(ps_args, a, j->format, e);
		if (r < 0)
			return r;
	}
	r = do_job(j, proc_run, e);
	return r == -ENOENT ? not_running(c, e) : r;
}
