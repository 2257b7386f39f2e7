/* SPDX-License-Identifier: Apache-2.0 */
#include "api/shape/stats.h"

#include "api/shape/text.h"

static void kv(struct json_writer *w, const char *key, uint64_t v)
{
	json_key(w, key);
	json_put_u64(w, v);
}

static void kv_if(struct json_writer *w, const char *key, uint64_t v)
{
	if (v)
		kv(w, key, v);
}

static void put_cpu(const struct stats_before *s, struct json_writer *w)
{
	json_object_open(w);
	json_key(w, "cpu_usage");
	json_object_open(w);
	kv(w, "total_usage", s->total);
	if (s->n_per_cpu) {
		json_key(w, "percpu_usage");
		json_array_open(w);
		for (size_t i = 0; i < s->n_per_cpu; i++)
			json_put_u64(w, s->per_cpu[i]);
		json_array_close(w);
	}
	kv(w, "usage_in_kernelmode", s->kernel);
	kv(w, "usage_in_usermode", s->user);
	json_object_close(w);
	kv_if(w, "system_cpu_usage", s->system_ns);
	kv_if(w, "online_cpus", s->cpus);
	json_key(w, "throttling_data");
	json_object_open(w);
	kv(w, "periods", s->periods);
	kv(w, "throttled_periods", s->throttled);
	kv(w, "throttled_time", s->throttled_ns);
	json_object_close(w);
	json_object_close(w);
}

static void put_memory(const struct container_sample *s, struct json_writer *w)
{
	const struct cgroup_stats *g = &s->group;

	json_object_open(w);
	if (s->running) {
		kv_if(w, "usage", g->memory);
		kv_if(w, "max_usage", g->memory_max);
		json_key(w, "stats");
		json_object_open(w);
		for (size_t i = 0; i < g->n_memory_stat; i++)
			kv(w, g->memory_stat[i].key, g->memory_stat[i].v);
		json_object_close(w);
		kv_if(w, "failcnt", g->memory_failures);
		kv(w, "limit", MIN(g->memory_limit, s->machine_memory));
	}
	json_object_close(w);
}

static void put_ios(struct json_writer *w, const char *key, const struct cgroup_ios *ios,
		    bool array)
{
	json_key(w, key);
	if (!ios->n && !array) {
		json_put_null(w);
		return;
	}
	json_array_open(w);
	for (size_t i = 0; i < ios->n; i++) {
		json_object_open(w);
		kv(w, "major", ios->items[i].major);
		kv(w, "minor", ios->items[i].minor);
		json_kv_text(w, "op", ios->items[i].op);
		kv(w, "value", ios->items[i].v);
		json_object_close(w);
	}
	json_array_close(w);
}

static void put_blkio(const struct container_sample *s, struct json_writer *w)
{
	static const char *const others[] = {"io_queue_recursive",     "io_service_time_recursive",
					     "io_wait_time_recursive", "io_merged_recursive",
					     "io_time_recursive",      "sectors_recursive"};
	bool v1 = s->running && !s->group.v2;
	const struct cgroup_ios none = {0};

	json_object_open(w);
	put_ios(w, "io_service_bytes_recursive", &s->group.io_bytes, v1);
	put_ios(w, "io_serviced_recursive", v1 ? &s->group.io_count : &none, v1);
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		put_ios(w, others[i], &none, v1);
	json_object_close(w);
}

static void put_networks(const struct container_sample *s, struct json_writer *w)
{
	if (!s->n_nets)
		return;
	json_key(w, "networks");
	json_object_open(w);
	for (size_t i = 0; i < s->n_nets; i++) {
		const struct net_counters *n = &s->nets[i];

		json_key(w, n->name);
		json_object_open(w);
		kv(w, "rx_bytes", n->rx_bytes);
		kv(w, "rx_packets", n->rx_packets);
		kv(w, "rx_errors", n->rx_errors);
		kv(w, "rx_dropped", n->rx_dropped);
		kv(w, "tx_bytes", n->tx_bytes);
		kv(w, "tx_packets", n->tx_packets);
		kv(w, "tx_errors", n->tx_errors);
		kv(w, "tx_dropped", n->tx_dropped);
		json_object_close(w);
	}
	json_object_close(w);
}

static void put_name(const struct container *c, struct json_writer *w)
{
	char name[CONTAINER_NAME_MAX + 1];

	text_format(name, sizeof(name), "/%s", c->name);
	json_kv_text(w, "name", name);
	json_kv_text(w, "id", c->id);
}

static struct stats_before now_of(const struct container_sample *s)
{
	return (struct stats_before){
		.known = true,
		.read_ns = s->read_ns,
		.total = s->group.cpu_total,
		.user = s->group.cpu_user,
		.kernel = s->group.cpu_kernel,
		.system_ns = s->system_ns,
		.periods = s->group.periods,
		.throttled = s->group.throttled,
		.throttled_ns = s->group.throttled_ns,
		.cpus = s->cpus,
		.per_cpu = s->group.per_cpu,
		.n_per_cpu = s->group.n_per_cpu,
	};
}

void stats_remember(struct stats_before *before, const struct container_sample *s)
{
	struct stats_before now = now_of(s);

	now.n_room = before->n_room;
	now.n_per_cpu = MIN(now.n_per_cpu, before->n_room);
	now.per_cpu = before->per_cpu;
	for (size_t i = 0; i < now.n_per_cpu; i++)
		now.per_cpu[i] = s->group.per_cpu[i];
	*before = now;
}

void shape_stats(const struct container *c, const struct container_sample *s,
		 const struct stats_before *before, struct json_writer *w)
{
	const struct stats_before now = now_of(s);

	json_object_open(w);
	put_name(c, w);
	text_kv_time(w, "read", s->running ? s->read_ns : 0);
	text_kv_time(w, "preread", before->known ? before->read_ns : 0);
	json_key(w, "pids_stats");
	json_object_open(w);
	kv_if(w, "current", s->group.pids);
	if (s->running && (s->group.v2 || s->group.pids_limit != CGROUP_NONE))
		kv_if(w, "limit", s->group.pids_limit);
	json_object_close(w);
	json_key(w, "blkio_stats");
	put_blkio(s, w);
	kv(w, "num_procs", 0);
	json_key(w, "storage_stats");
	json_object_open(w);
	json_object_close(w);
	json_key(w, "cpu_stats");
	put_cpu(&now, w);
	json_key(w, "precpu_stats");
	put_cpu(before, w);
	json_key(w, "memory_stats");
	put_memory(s, w);
	put_networks(s, w);
	json_object_close(w);
}
