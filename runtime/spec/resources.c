/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "runtime/spec/private.h"

#define V1_MEMSW "/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes"

static void kv_if(struct json_writer *w, const char *key, int64_t v)
{
	if (v)
		json_kv_i64(w, key, v);
}

/* What memory and swap together may be: twice the memory unless told. */
static int64_t swap_limit(const struct host_config *h)
{
	if (h->memory_swap)
		return h->memory_swap;
	return h->memory > 0 ? h->memory * 2 : 0;
}

static void write_memory(struct json_writer *w, const struct spec_input *in)
{
	const struct host_config *h = in->host;

	json_key(w, "memory");
	json_object_open(w);
	kv_if(w, "limit", h->memory);
	kv_if(w, "reservation", h->memory_reservation);
	/* Kernels may count no swap: then there is nothing to set, and setting it would fail. */
	if (in->cgroup_v2 || access(V1_MEMSW, F_OK) == 0)
		kv_if(w, "swap", swap_limit(h));
	if (!in->cgroup_v2 && h->memory_swappiness.set && h->memory_swappiness.v >= 0)
		json_kv_i64(w, "swappiness", h->memory_swappiness.v);
	if (!in->cgroup_v2)
		kv_if(w, "kernelTCP", h->kernel_memory_tcp);
	if (!in->cgroup_v2 && h->oom_kill_disable == 1)
		json_kv_bool(w, "disableOOMKiller", true);
	json_object_close(w);
}

static void write_cpu(struct json_writer *w, const struct host_config *h)
{
	int64_t period = h->cpu_period, quota = h->cpu_quota;

	if (h->nano_cpus > 0) {
		period = 100000;
		quota = h->nano_cpus / 10000;
	}
	json_key(w, "cpu");
	json_object_open(w);
	kv_if(w, "shares", h->cpu_shares);
	kv_if(w, "quota", quota);
	kv_if(w, "period", period);
	kv_if(w, "realtimeRuntime", h->cpu_rt_runtime);
	kv_if(w, "realtimePeriod", h->cpu_rt_period);
	if (h->cpuset_cpus && h->cpuset_cpus[0])
		json_kv_text(w, "cpus", h->cpuset_cpus);
	if (h->cpuset_mems && h->cpuset_mems[0])
		json_kv_text(w, "mems", h->cpuset_mems);
	json_object_close(w);
}

static int write_numbers(struct json_writer *w, const char *path, struct err *e)
{
	struct stat st;

	if (!path || stat(path, &st) < 0)
		return err_set(e, ERR_SYSTEM, "stat %s: no such file or directory",
			       path ? path : "");
	json_kv_i64(w, "major", (int64_t)major(st.st_rdev));
	json_kv_i64(w, "minor", (int64_t)minor(st.st_rdev));
	return 0;
}

static int write_throttles(struct json_writer *w, const char *key, const struct shape_array *list,
			   struct err *e)
{
	const struct throttle_device *d = list->items;
	int r = 0;

	if (!list->n)
		return 0;
	json_key(w, key);
	json_array_open(w);
	for (size_t i = 0; i < list->n && r == 0; i++) {
		json_object_open(w);
		r = write_numbers(w, d[i].path, e);
		json_kv_i64(w, "rate", d[i].rate);
		json_object_close(w);
	}
	json_array_close(w);
	return r;
}

static int write_weights(struct json_writer *w, const struct host_config *h, struct err *e)
{
	const struct weight_device *d = h->blkio_weight_device.items;
	int r = 0;

	kv_if(w, "weight", h->blkio_weight);
	if (!h->blkio_weight_device.n)
		return 0;
	json_key(w, "weightDevice");
	json_array_open(w);
	for (size_t i = 0; i < h->blkio_weight_device.n && r == 0; i++) {
		json_object_open(w);
		r = write_numbers(w, d[i].path, e);
		json_kv_i64(w, "weight", d[i].weight);
		json_object_close(w);
	}
	json_array_close(w);
	return r;
}

static int write_blkio(struct json_writer *w, const struct host_config *h, struct err *e)
{
	const struct {
		const char *key;
		const struct shape_array *list;
	} throttles[] = {
		{"throttleReadBpsDevice", &h->blkio_read_bps},
		{"throttleWriteBpsDevice", &h->blkio_write_bps},
		{"throttleReadIOPSDevice", &h->blkio_read_iops},
		{"throttleWriteIOPSDevice", &h->blkio_write_iops},
	};
	int r;

	json_key(w, "blockIO");
	json_object_open(w);
	r = write_weights(w, h, e);
	for (size_t i = 0; i < ARRAY_LEN(throttles) && r == 0; i++)
		r = write_throttles(w, throttles[i].key, throttles[i].list, e);
	json_object_close(w);
	return r;
}

int resources_write(struct json_writer *w, const struct spec_input *in, struct err *e)
{
	int r;

	json_key(w, "resources");
	json_object_open(w);
	r = devices_write_rules(w, in, e);
	if (r < 0)
		return r;
	write_memory(w, in);
	write_cpu(w, in->host);
	if (in->host->pids_limit.set && in->host->pids_limit.v > 0) {
		json_key(w, "pids");
		json_object_open(w);
		json_kv_i64(w, "limit", in->host->pids_limit.v);
		json_object_close(w);
	}
	r = write_blkio(w, in->host, e);
	json_object_close(w);
	return r;
}

static const struct {
	const char *name, *type;
} limits[] = {
	{"as", "RLIMIT_AS"},
	{"core", "RLIMIT_CORE"},
	{"cpu", "RLIMIT_CPU"},
	{"data", "RLIMIT_DATA"},
	{"fsize", "RLIMIT_FSIZE"},
	{"locks", "RLIMIT_LOCKS"},
	{"memlock", "RLIMIT_MEMLOCK"},
	{"msgqueue", "RLIMIT_MSGQUEUE"},
	{"nice", "RLIMIT_NICE"},
	{"nofile", "RLIMIT_NOFILE"},
	{"nproc", "RLIMIT_NPROC"},
	{"rss", "RLIMIT_RSS"},
	{"rtprio", "RLIMIT_RTPRIO"},
	{"rttime", "RLIMIT_RTTIME"},
	{"sigpending", "RLIMIT_SIGPENDING"},
	{"stack", "RLIMIT_STACK"},
};

int rlimits_write(struct json_writer *w, const struct host_config *host, struct err *e)
{
	const struct ulimit *u = host->ulimits.items;

	if (!host->ulimits.n)
		return 0;
	if (w) {
		json_key(w, "rlimits");
		json_array_open(w);
	}
	for (size_t i = 0; i < host->ulimits.n; i++) {
		size_t k = 0;

		while (k < ARRAY_LEN(limits) && !strz_eq(u[i].name, limits[k].name))
			k++;
		if (k == ARRAY_LEN(limits))
			return err_set(e, ERR_INVALID, "invalid ulimit type: %s",
				       u[i].name ? u[i].name : "");
		if (u[i].hard >= 0 && (u[i].soft > u[i].hard || u[i].soft < 0))
			return err_set(
				e, ERR_INVALID,
				"ulimit soft limit must be less than or equal to hard limit: "
				"%lld > %lld",
				(long long)u[i].soft, (long long)u[i].hard);
		if (!w)
			continue;
		json_object_open(w);
		json_kv_text(w, "type", limits[k].type);
		json_key(w, "hard");
		json_put_u64(w, (uint64_t)u[i].hard); /* -1 is no limit */
		json_key(w, "soft");
		json_put_u64(w, (uint64_t)u[i].soft);
		json_object_close(w);
	}
	if (w)
		json_array_close(w);
	return 0;
}
