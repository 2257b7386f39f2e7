/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The limits of a create or update request: what they may not be, with the engine's messages, and
 * what this kernel cannot set, which is dropped with a warning.
 */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "runtime/container/private.h"

#define MEMORY_MIN (6LL << 20)

static int invalid(struct err *e, const char *text)
{
	return err_set(e, ERR_INVALID, "%s", text);
}

void warnings_add(struct warnings *w, const char *text)
{
	if (w && w->n < ARRAY_LEN(w->items))
		w->items[w->n++] = text;
}

int warnings_keep(const struct warnings *w, struct arena *a, struct texts *ret, struct err *e)
{
	const char **items = arena_alloc_array(a, w->n + 1, sizeof(*items));

	if (!items)
		return err_set(e, ERR_UNAVAILABLE, "no memory");
	memcpy(items, w->items, w->n * sizeof(*items));
	*ret = (struct texts){items, w->n, true};
	return 0;
}

static int check_swap(struct host_config *h, const struct cgroup_support *s, bool update,
		      struct warnings *w, struct err *e)
{
	if (h->memory > 0 && !s->memory) {
		warnings_add(w, "Your kernel does not support memory limit capabilities or the "
				"cgroup is not mounted. Limitation discarded.");
		h->memory = 0;
		h->memory_swap = -1;
	}
	if (h->memory > 0 && h->memory_swap != -1 && !s->swap) {
		warnings_add(w, "Your kernel does not support swap limit capabilities or the "
				"cgroup is not mounted. Memory limited without swap.");
		h->memory_swap = -1;
	}
	if (h->memory > 0 && h->memory_swap > 0 && h->memory_swap < h->memory)
		return invalid(
			e,
			"Minimum memoryswap limit should be larger than memory limit, see usage");
	if (h->memory == 0 && h->memory_swap > 0 && !update)
		return invalid(e, "You should always set the Memory limit when using Memoryswap "
				  "limit, see usage");
	return 0;
}

static int check_swappiness(struct host_config *h, const struct cgroup_support *s,
			    struct warnings *w, struct err *e)
{
	struct opt_i64 *v = &h->memory_swappiness;

	if (v->set && v->v == -1)
		v->set = false; /* what clients say for "not set" */
	if (v->set && !s->swappiness) {
		warnings_add(w, "Your kernel does not support memory swappiness capabilities or "
				"the cgroup is not mounted. Memory swappiness discarded.");
		v->set = false;
	}
	if (v->set && (v->v < 0 || v->v > 100))
		return err_set(e, ERR_INVALID,
			       "Invalid value: %lld, valid memory swappiness range is 0-100",
			       (long long)v->v);
	return 0;
}

static int check_reservation(struct host_config *h, const struct cgroup_support *s,
			     struct warnings *w, struct err *e)
{
	if (h->memory_reservation > 0 && !s->reservation) {
		warnings_add(w, "Your kernel does not support memory soft limit capabilities or "
				"the cgroup is not mounted. Limitation discarded.");
		h->memory_reservation = 0;
	}
	if (h->memory_reservation > 0 && h->memory_reservation < MEMORY_MIN)
		return invalid(e, "Minimum memory reservation allowed is 6MB");
	if (h->memory > 0 && h->memory_reservation > h->memory)
		return invalid(e, "Minimum memory limit can not be less than memory reservation "
				  "limit, see usage");
	if (h->kernel_memory > 0 && !s->kernel_memory) {
		warnings_add(w, "Your kernel does not support kernel memory limit capabilities or "
				"the cgroup is not mounted. Limitation discarded.");
		h->kernel_memory = 0;
	}
	if (h->kernel_memory > 0 && h->kernel_memory < MEMORY_MIN)
		return invalid(e, "Minimum kernel memory limit allowed is 6MB");
	return 0;
}

static void check_oom_and_pids(struct host_config *h, const struct cgroup_support *s,
			       struct warnings *w)
{
	if (!s->oom_kill_disable) {
		if (h->oom_kill_disable == 1)
			warnings_add(w, "Your kernel does not support OomKillDisable. "
					"OomKillDisable discarded.");
		h->oom_kill_disable = SHAPE_TRI_UNSET;
	}
	if (h->oom_kill_disable == 1 && h->memory == 0)
		warnings_add(w, "OOM killer is disabled for the container, but no memory limit is "
				"set, this can result in the system running out of resources.");
	if (h->pids_limit.set && !s->pids) {
		if (h->pids_limit.v > 0)
			warnings_add(w, "Your kernel does not support PIDs limit capabilities or "
					"the cgroup is not mounted. PIDs limit discarded.");
		h->pids_limit.set = false;
	}
}

static int check_memory(struct host_config *h, const struct cgroup_support *s, bool update,
			struct warnings *w, struct err *e)
{
	if (h->memory != 0 && h->memory < MEMORY_MIN)
		return invalid(e, "Minimum memory limit allowed is 6MB");
	if (check_swap(h, s, update, w, e) < 0 || check_swappiness(h, s, w, e) < 0 ||
	    check_reservation(h, s, w, e) < 0)
		return err_code(e);
	check_oom_and_pids(h, s, w);
	return 0;
}

static int check_nano(const struct host_config *h, const struct cgroup_support *s, struct err *e)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	if (h->nano_cpus > 0 && h->cpu_period > 0)
		return invalid(e,
			       "Conflicting options: Nano CPUs and CPU Period cannot both be set");
	if (h->nano_cpus > 0 && h->cpu_quota > 0)
		return invalid(e,
			       "Conflicting options: Nano CPUs and CPU Quota cannot both be set");
	if (h->nano_cpus > 0 && !s->cpu_cfs)
		return invalid(e, "NanoCPUs can not be set, as your kernel does not support CPU "
				  "CFS scheduler or the cgroup is not mounted");
	/* How little is too little the kernel says at the start, as with the engine. */
	if (h->nano_cpus < 0 || h->nano_cpus > cpus * 1000000000LL)
		return err_set(e, ERR_INVALID,
			       "range of CPUs is from 0.01 to %ld.00, as there are only %ld CPUs "
			       "available",
			       cpus, cpus);
	return 0;
}

static int check_realtime(const struct host_config *h, const struct cgroup_support *s,
			  struct err *e)
{
	if ((h->cpu_rt_period || h->cpu_rt_runtime) && !s->cpu_realtime)
		return invalid(e, "Your kernel does not support CPU real-time scheduler");
	if (h->cpu_rt_period && h->cpu_rt_runtime && h->cpu_rt_runtime > h->cpu_rt_period)
		return invalid(e,
			       "cpu real-time runtime cannot be higher than cpu real-time period");
	return 0;
}

static int check_cpu(struct host_config *h, const struct cgroup_support *s, struct warnings *w,
		     struct err *e)
{
	if (check_nano(h, s, e) < 0)
		return err_code(e);
	if (h->cpu_shares < 0)
		return err_set(e, ERR_INVALID,
			       "invalid CPU shares (%lld): value must be a positive integer",
			       (long long)h->cpu_shares);
	if (h->cpu_shares > 0 && !s->cpu_shares) {
		warnings_add(w, "Your kernel does not support CPU shares or the cgroup is not "
				"mounted. Shares discarded.");
		h->cpu_shares = 0;
	}
	if ((h->cpu_period || h->cpu_quota) && !s->cpu_cfs) {
		warnings_add(w, "Your kernel does not support CPU CFS scheduler. CPU "
				"period/quota discarded.");
		h->cpu_period = h->cpu_quota = 0;
	}
	if (h->cpu_period && (h->cpu_period < 1000 || h->cpu_period > 1000000))
		return invalid(e, "CPU cfs period can not be less than 1ms (i.e. 1000) or larger "
				  "than 1s (i.e. 1000000)");
	if (h->cpu_quota > 0 && h->cpu_quota < 1000)
		return invalid(e, "CPU cfs quota can not be less than 1ms (i.e. 1000)");
	if (h->cpu_percent > 0) {
		warnings_add(w, "linux does not support CPU percent. Percent discarded.");
		h->cpu_percent = 0;
	}
	return 0;
}

static int check_list(const char *asked, const char *there, const char *field, const char *what,
		      struct err *e)
{
	bool within;

	if (!asked || !*asked)
		return 0;
	if (cgroup_list_within(asked, there, &within, e) < 0)
		return err_wrap(e, "Invalid value %s for %s", asked, field);
	if (within)
		return 0;
	return err_set(e, ERR_INVALID,
		       "Requested %s are not available - requested %s, available: %s", what, asked,
		       there);
}

static int check_cpuset(struct host_config *h, const struct cgroup_support *s, struct warnings *w,
			struct err *e)
{
	bool asked = (h->cpuset_cpus && *h->cpuset_cpus) || (h->cpuset_mems && *h->cpuset_mems);

	if (asked && !s->cpuset) {
		warnings_add(w, "Your kernel does not support cpuset or the cgroup is not "
				"mounted. Cpuset discarded.");
		h->cpuset_cpus = h->cpuset_mems = "";
	}
	if (check_list(h->cpuset_cpus, s->cpus, "cpuset cpus", "CPUs", e) < 0)
		return err_code(e);
	return check_list(h->cpuset_mems, s->mems, "cpuset mems", "memory nodes", e);
}

static void drop_list(struct shape_array *list, bool have, const char *text, struct warnings *w)
{
	if (!list->n || have)
		return;
	warnings_add(w, text);
	list->n = 0;
}

static void drop_throttles(struct host_config *h, const struct cgroup_support *s,
			   struct warnings *w)
{
	drop_list(&h->blkio_weight_device, s->io_weight_device,
		  "Your kernel does not support Block I/O weight_device or the cgroup is not "
		  "mounted. Weight-device discarded.",
		  w);
	drop_list(&h->blkio_read_bps, s->read_bps,
		  "Your kernel does not support BPS Block I/O read limit or the cgroup is not "
		  "mounted. Block I/O BPS read limit discarded.",
		  w);
	drop_list(&h->blkio_write_bps, s->write_bps,
		  "Your kernel does not support BPS Block I/O write limit or the cgroup is not "
		  "mounted. Block I/O BPS write limit discarded.",
		  w);
	drop_list(&h->blkio_read_iops, s->read_iops,
		  "Your kernel does not support IOPS Block read limit or the cgroup is not "
		  "mounted. Block I/O IOPS read limit discarded.",
		  w);
	drop_list(&h->blkio_write_iops, s->write_iops,
		  "Your kernel does not support IOPS Block write limit or the cgroup is not "
		  "mounted. Block I/O IOPS write limit discarded.",
		  w);
}

static int check_weights(const struct host_config *h, struct err *e)
{
	const struct weight_device *d = h->blkio_weight_device.items;
	bool bad = h->blkio_weight && (h->blkio_weight < 10 || h->blkio_weight > 1000);

	for (size_t i = 0; i < h->blkio_weight_device.n; i++)
		bad |= d[i].weight && (d[i].weight < 10 || d[i].weight > 1000);
	return bad ? invalid(e, "Range of blkio weight is from 10 to 1000") : 0;
}

static int check_rates(const struct host_config *h, struct err *e)
{
	const struct shape_array *lists[] = {&h->blkio_read_bps, &h->blkio_write_bps,
					     &h->blkio_read_iops, &h->blkio_write_iops};

	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		const struct throttle_device *d = lists[i]->items;

		for (size_t k = 0; k < lists[i]->n; k++)
			if (d[k].rate < 0)
				return err_set(e, ERR_INVALID, "invalid rate for device %s: %lld",
					       d[k].path ? d[k].path : "", (long long)d[k].rate);
	}
	return 0;
}

static int check_io(struct host_config *h, const struct cgroup_support *s, struct warnings *w,
		    struct err *e)
{
	if (h->blkio_weight > 0 && !s->io_weight) {
		warnings_add(w, "Your kernel does not support Block I/O weight or the cgroup is "
				"not mounted. Weight discarded.");
		h->blkio_weight = 0;
	}
	if (h->io_max_bandwidth)
		return invalid(e, "invalid QoS settings: linux does not support configuration of "
				  "maximum bandwidth");
	if (h->io_max_iops)
		return invalid(e, "invalid QoS settings: linux does not support configuration of "
				  "maximum IOPs");
	drop_throttles(h, s, w);
	return check_weights(h, e) < 0 || check_rates(h, e) < 0 ? err_code(e) : 0;
}

int container_check_limits(struct host_config *h, const struct cgroup_support *s, bool update,
			   struct warnings *w, struct err *e)
{
	if (check_realtime(h, s, e) < 0 || check_memory(h, s, update, w, e) < 0 ||
	    check_cpu(h, s, w, e) < 0 || check_cpuset(h, s, w, e) < 0 || check_io(h, s, w, e) < 0)
		return err_code(e);
	return 0;
}
