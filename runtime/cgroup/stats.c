/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "runtime/cgroup/parse.h"

#define TICK_NS 10000000u /* USER_HZ is 100 wherever Linux runs containers */
#define USEC_NS 1000u

/* A file of "key value" lines; empty when it is not there. -ENOMEM. */
static int read_numbers(const struct cgroup *cg, const char *controller, const char *file,
			struct arena *a, struct cgroup_number **ret, size_t *ret_n)
{
	struct str text;

	*ret = NULL;
	*ret_n = 0;
	if (cgroup_read(cg, controller, file, a, &text) < 0)
		return 0;
	return cgroup_parse_numbers(text, a, ret, ret_n);
}

static uint64_t value_or_zero(const struct cgroup *cg, const char *controller, const char *file)
{
	uint64_t v = cgroup_read_u64(cg, controller, file);

	return v == CGROUP_NONE ? 0 : v;
}

static int read_per_cpu(const struct cgroup *cg, struct arena *a, struct cgroup_stats *s)
{
	struct str text;

	if (cgroup_read(cg, "cpuacct", "cpuacct.usage_percpu", a, &text) < 0)
		return 0;
	s->per_cpu = arena_alloc_array(a, text.n / 2 + 1, sizeof(*s->per_cpu));
	if (!s->per_cpu)
		return -ENOMEM;
	while (text.n) {
		struct str word = str_cut(text, ' ', &text);

		if (str_to_u64(word, &s->per_cpu[s->n_per_cpu]) == 0)
			s->n_per_cpu++;
	}
	return 0;
}

static int cpu_v1(const struct cgroup *cg, struct arena *a, struct cgroup_stats *s)
{
	struct cgroup_number *list;
	size_t n;

	s->cpu_total = value_or_zero(cg, "cpuacct", "cpuacct.usage");
	if (read_numbers(cg, "cpuacct", "cpuacct.stat", a, &list, &n) < 0)
		return -ENOMEM;
	s->cpu_user = cgroup_number(list, n, "user") * TICK_NS;
	s->cpu_kernel = cgroup_number(list, n, "system") * TICK_NS;
	if (read_numbers(cg, "cpu", "cpu.stat", a, &list, &n) < 0)
		return -ENOMEM;
	s->periods = cgroup_number(list, n, "nr_periods");
	s->throttled = cgroup_number(list, n, "nr_throttled");
	s->throttled_ns = cgroup_number(list, n, "throttled_time");
	return read_per_cpu(cg, a, s);
}

static int memory_v1(const struct cgroup *cg, struct arena *a, struct cgroup_stats *s)
{
	s->memory = value_or_zero(cg, "memory", "memory.usage_in_bytes");
	s->memory_max = value_or_zero(cg, "memory", "memory.max_usage_in_bytes");
	s->memory_failures = value_or_zero(cg, "memory", "memory.failcnt");
	s->memory_limit = cgroup_read_u64(cg, "memory", "memory.limit_in_bytes");
	return read_numbers(cg, "memory", "memory.stat", a, &s->memory_stat, &s->n_memory_stat);
}

static int io_v1(const struct cgroup *cg, const char *recursive, const char *plain, struct arena *a,
		 struct cgroup_ios *ret)
{
	struct str text;

	if (cgroup_read(cg, "blkio", recursive, a, &text) < 0 &&
	    cgroup_read(cg, "blkio", plain, a, &text) < 0)
		return 0;
	return cgroup_parse_io_v1(text, a, ret);
}

static int read_v1(const struct cgroup *cg, struct arena *a, struct cgroup_stats *s)
{
	if (cpu_v1(cg, a, s) < 0 || memory_v1(cg, a, s) < 0 ||
	    io_v1(cg, "blkio.throttle.io_service_bytes_recursive",
		  "blkio.throttle.io_service_bytes", a, &s->io_bytes) < 0 ||
	    io_v1(cg, "blkio.throttle.io_serviced_recursive", "blkio.throttle.io_serviced", a,
		  &s->io_count) < 0)
		return -ENOMEM;
	return 0;
}

static int read_v2(const struct cgroup *cg, struct arena *a, struct cgroup_stats *s)
{
	struct cgroup_number *list;
	struct str text;
	size_t n;

	if (read_numbers(cg, "", "cpu.stat", a, &list, &n) < 0 ||
	    read_numbers(cg, "", "memory.stat", a, &s->memory_stat, &s->n_memory_stat) < 0)
		return -ENOMEM;
	s->cpu_total = cgroup_number(list, n, "usage_usec") * USEC_NS;
	s->cpu_user = cgroup_number(list, n, "user_usec") * USEC_NS;
	s->cpu_kernel = cgroup_number(list, n, "system_usec") * USEC_NS;
	s->periods = cgroup_number(list, n, "nr_periods");
	s->throttled = cgroup_number(list, n, "nr_throttled");
	s->throttled_ns = cgroup_number(list, n, "throttled_usec") * USEC_NS;
	s->memory = value_or_zero(cg, "", "memory.current");
	s->memory_limit = cgroup_read_u64(cg, "", "memory.max");
	if (cgroup_read(cg, "", "io.stat", a, &text) < 0)
		return 0;
	return cgroup_parse_io_v2(text, a, &s->io_bytes, &s->io_count);
}

int cgroup_stats(const struct cgroup *cg, struct arena *a, struct cgroup_stats *ret, struct err *e)
{
	struct cgroup_stats s = {.v2 = cg->v2};
	int fd = cgroup_open(cg, "memory"), r;

	if (fd < 0)
		return err_sys(e, -fd, "reading the control group %s", cg->path);
	close(fd);
	r = cg->v2 ? read_v2(cg, a, &s) : read_v1(cg, a, &s);
	if (r < 0)
		return err_set(e, ERR_UNAVAILABLE, "no memory for the numbers of a container");
	s.pids = value_or_zero(cg, "pids", "pids.current");
	s.pids_limit = cgroup_read_u64(cg, "pids", "pids.max");
	*ret = s;
	return 0;
}
