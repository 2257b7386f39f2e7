/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/cgroup/support.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "firmware/core/cleanup.h"
#include "firmware/core/str.h"

#define ROOT "/sys/fs/cgroup/"

bool cgroup_is_v2(void)
{
	struct statfs fs;

	return statfs("/sys/fs/cgroup", &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC;
}

static bool has(const char *path)
{
	return access(path, F_OK) == 0;
}

/* A small file's first line, "" when there is none. */
static void read_line(const char *path, char out[CGROUP_LIST_MAX])
{
	CLEANUP_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, out, CGROUP_LIST_MAX - 1);

	out[n < 0 ? 0 : n] = 0;
	out[strcspn(out, "\n")] = 0;
}

static void find_v1(struct cgroup_support *s)
{
	const struct {
		bool *flag;
		const char *path;
	} files[] = {
		{&s->memory, ROOT "memory/memory.limit_in_bytes"},
		{&s->swap, ROOT "memory/memory.memsw.limit_in_bytes"},
		{&s->reservation, ROOT "memory/memory.soft_limit_in_bytes"},
		{&s->swappiness, ROOT "memory/memory.swappiness"},
		{&s->oom_kill_disable, ROOT "memory/memory.oom_control"},
		{&s->kernel_memory, ROOT "memory/memory.kmem.limit_in_bytes"},
		{&s->kernel_tcp, ROOT "memory/memory.kmem.tcp.limit_in_bytes"},
		{&s->cpu_shares, ROOT "cpu/cpu.shares"},
		{&s->cpu_cfs, ROOT "cpu/cpu.cfs_quota_us"},
		{&s->cpu_realtime, ROOT "cpu/cpu.rt_period_us"},
		{&s->cpuset, ROOT "cpuset/cpuset.cpus"},
		{&s->pids, ROOT "pids"},
		{&s->io_weight, ROOT "blkio/blkio.weight"},
		{&s->io_weight_device, ROOT "blkio/blkio.weight_device"},
		{&s->read_bps, ROOT "blkio/blkio.throttle.read_bps_device"},
		{&s->write_bps, ROOT "blkio/blkio.throttle.write_bps_device"},
		{&s->read_iops, ROOT "blkio/blkio.throttle.read_iops_device"},
		{&s->write_iops, ROOT "blkio/blkio.throttle.write_iops_device"},
	};

	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		*files[i].flag = has(files[i].path);
	read_line(ROOT "cpuset/cpuset.cpus", s->cpus);
	read_line(ROOT "cpuset/cpuset.mems", s->mems);
}

bool cgroup_line_names(const char *words, const char *word)
{
	struct str rest = str_from(words);

	while (rest.n)
		if (str_eqz(str_cut(rest, ' ', &rest), word))
			return true;
	return false;
}

static void find_v2(struct cgroup_support *s)
{
	char controllers[CGROUP_LIST_MAX];
	bool io;

	read_line(ROOT "cgroup.controllers", controllers);
	s->memory = s->reservation = cgroup_line_names(controllers, "memory");
	s->swap = s->memory && has("/proc/swaps");
	s->cpu_shares = s->cpu_cfs = cgroup_line_names(controllers, "cpu");
	s->cpuset = cgroup_line_names(controllers, "cpuset");
	s->pids = cgroup_line_names(controllers, "pids");
	io = cgroup_line_names(controllers, "io");
	s->read_bps = s->write_bps = s->read_iops = s->write_iops = io;
	/* The root has no weight of its own, but the model behind io.weight is set there. */
	s->io_weight = s->io_weight_device = io && has(ROOT "io.cost.qos");
	read_line(ROOT "cpuset.cpus.effective", s->cpus);
	read_line(ROOT "cpuset.mems.effective", s->mems);
}

void cgroup_support_find(bool v2, struct cgroup_support *ret)
{
	*ret = (struct cgroup_support){.v2 = v2, .namespaces = has("/proc/self/ns/cgroup")};
	if (v2)
		find_v2(ret);
	else
		find_v1(ret);
}

/* "3" or "1-5" */
static int read_range(struct str text, int64_t *ret_first, int64_t *ret_last)
{
	struct str last, first = str_cut(text, '-', &last);
	bool range = str_find(text, '-') >= 0;

	if (str_to_i64(first, ret_first) < 0 || *ret_first < 0)
		return -EINVAL;
	*ret_last = *ret_first;
	if (range && (str_to_i64(last, ret_last) < 0 || *ret_last < *ret_first))
		return -EINVAL;
	return 0;
}

/* Is all of first…last in the list? Its ranges are disjoint and ascending, as the kernel has it. */
static bool covers(const char *list, int64_t first, int64_t last)
{
	struct str rest = str_from(list);

	while (rest.n && first <= last) {
		struct str part = str_cut(rest, ',', &rest);
		int64_t from, to;

		if (read_range(part, &from, &to) < 0)
			return false;
		if (first >= from && first <= to)
			first = to + 1;
	}
	return first > last;
}

int cgroup_list_within(const char *asked, const char *there, bool *ret, struct err *e)
{
	struct str rest = str_from(asked);
	bool within = true;

	for (bool more = rest.n > 0; more;) {
		int64_t first, last;
		bool end = str_find(rest, ',') < 0;

		if (read_range(str_cut(rest, ',', &rest), &first, &last) < 0)
			return err_set(e, ERR_INVALID, "invalid format: %s", asked);
		if (last > CGROUP_LIST_NUMBERS)
			return err_set(e, ERR_INVALID, "value of out range, maximum is %d",
				       CGROUP_LIST_NUMBERS);
		within = within && (!*there || covers(there, first, last));
		more = !end;
	}
	*ret = within;
	return 0;
}
