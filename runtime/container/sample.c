/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One sample of what a container uses: its control group, its network namespace, and the machine's
 * processors to compare with.
 */
#include <fcntl.h>
#include <unistd.h>

#include "firmware/core/file.h"
#include "firmware/sched/job.h"
#include "runtime/container/look.h"
#include "runtime/container/net_dev.h"
#include "runtime/container/private.h"

#define PROC_STAT_MAX (1u << 20)
#define NET_DEV_MAX (256u << 10)
#define TICK_NS 10000000u

struct sample_job {
	struct job job;
	struct cgroup group;
	struct arena *a;
	pid_t net_pid; /* 0: no network of its own */
	struct container_sample *s;
};

/* The first seven fields of the line "cpu", and how many processors have lines of their own. */
static void parse_proc_stat(struct str text, struct container_sample *s)
{
	struct str line = str_cut(text, '\n', &text), rest;

	str_cut(line, ' ', &rest);
	rest = str_trim(rest);
	for (int i = 0; i < 7 && rest.n; i++) {
		uint64_t v;

		if (str_to_u64(str_cut(rest, ' ', &rest), &v) == 0)
			s->system_ns += v * TICK_NS;
	}
	while (str_starts(text, "cpu")) {
		s->cpus++;
		str_cut(text, '\n', &text);
	}
}

static int read_networks(struct sample_job *j)
{
	char path[48];
	struct str text;

	text_format(path, sizeof(path), "/proc/%d/net/dev", (int)j->net_pid);
	if (file_read_at(AT_FDCWD, path, NET_DEV_MAX, j->a, &text, NULL) < 0)
		return 0;
	return net_dev_parse(text, j->a, &j->s->nets, &j->s->n_nets);
}

static int sample_run(struct job *job)
{
	struct sample_job *j = container_of(job, struct sample_job, job);
	struct container_sample *s = j->s;
	struct str text;
	int r;

	r = cgroup_stats(&j->group, j->a, &s->group, &job->err);
	if (r == -ENOENT) /* it just ended */
		return 0;
	if (r < 0)
		return r;
	r = file_read_at(AT_FDCWD, "/proc/stat", PROC_STAT_MAX, j->a, &text, &job->err);
	if (r < 0)
		return r;
	parse_proc_stat(text, s);
	s->machine_memory = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
	if (j->net_pid && read_networks(j) < 0)
		return err_set(&job->err, ERR_UNAVAILABLE, "no memory for a sample");
	s->running = true;
	return 0;
}

int container_sample(struct container *c, struct arena *a, struct container_sample *ret,
		     struct err *e)
{
	struct container_sample s = {.read_ns = clock_wall()};
	struct sample_job j = {.a = a, .s = &s};
	int r;

	if (!container_is_running(c) || c->pid <= 0) {
		*ret = s;
		return 0;
	}
	if (!container_cgroup(c, &j.group))
		return err_set(e, ERR_INVALID, "HostConfig.CgroupParent is too long");
	if (!strz_eq(c->host.network_mode, "host"))
		j.net_pid = c->pid;
	r = job_run(&j.job, sample_run, JOB_SHORT);
	if (r < 0 && !j.job.err.kind)
		return err_set(e, ERR_UNAVAILABLE, "too many operations at once; try again");
	if (r < 0) {
		*e = j.job.err;
		return r;
	}
	if (!s.running) {
		s = (struct container_sample){.read_ns = s.read_ns};
	}
	*ret = s;
	return 0;
}
