/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The page, in the text format that Prometheus reads: for each metric its help and type, then a
 * line a sample. It is streamed, so it may grow with the routes that were used. Every figure is
 * read where it lives at the moment of the scrape.
 */
#include "api/metrics/metrics.h"

#include <fcntl.h>
#include <inttypes.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/containers/containers.h"
#include "api/system/host.h"
#include "firmware/core/buf.h"
#include "firmware/core/pool.h"
#include "firmware/sched/job.h"
#include "firmware/sched/loop.h"
#include "runtime/container/container.h"
#include "runtime/event/event.h"

struct page {
	struct http_request *req;
	const struct engine *eng;
	int r; /* of the first write that failed */
	char line[512];
};

static void put(struct page *p, const char *fmt, ...) PRINTF_LIKE(2, 3) FIBER_FN;
static void put(struct page *p, const char *fmt, ...)
{
	struct buf b;
	va_list ap;

	buf_init_fixed(&b, p->line, sizeof(p->line));
	va_start(ap, fmt);
	buf_vprintf(&b, fmt, ap);
	va_end(ap);
	if (p->r >= 0 && !b.failed)
		p->r = http_stream_write(p->req, b.p, b.n);
}

static void head(struct page *p, const char *name, const char *type, const char *help) FIBER_FN
{
	put(p, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void one(struct page *p, const char *name, const char *type, const char *help, double value)
	FIBER_FN
{
	head(p, name, type, help);
	put(p, "%s %.15g\n", name, value);
}

static double seconds(int64_t ns)
{
	return (double)ns / 1e9;
}

/* --- containers --- */

static void put_containers(struct page *p) FIBER_FN
{
	const struct container_counts n = container_count(p->eng);
	unsigned by_status[CONTAINER_DEAD + 1] = {0};
	const struct container *c;

	list_for_each (c, &p->eng->containers, link)
		by_status[c->status]++;
	head(p, "engine_daemon_container_states_containers", "gauge",
	     "The count of containers in various states");
	put(p, "engine_daemon_container_states_containers{state=\"paused\"} %u\n", n.paused);
	put(p, "engine_daemon_container_states_containers{state=\"running\"} %u\n", n.running);
	put(p, "engine_daemon_container_states_containers{state=\"stopped\"} %u\n", n.stopped);
	head(p, "serin_containers", "gauge", "Containers by the status that clients see");
	for (size_t i = 0; i < ARRAY_LEN(by_status); i++)
		put(p, "serin_containers{status=\"%s\"} %u\n",
		    container_status_name((enum container_status)i), by_status[i]);
	one(p, "serin_images", "gauge", "Images that are kept",
	    (double)image_store_count(p->eng->images));
	one(p, "engine_daemon_events_total", "counter", "The number of events logged",
	    (double)event_bus_published(p->eng->events));
	one(p, "engine_daemon_health_checks_total", "counter", "The total number of health checks",
	    (double)p->eng->probes_run);
	one(p, "engine_daemon_health_checks_failed_total", "counter",
	    "The total number of failed health checks", (double)p->eng->probes_failed);
}

/* --- requests --- */

static void put_histogram(struct page *p, const char *name, const char *labels,
			  const struct request_metrics *m) FIBER_FN
{
	uint64_t sum = 0;

	for (size_t i = 0; i < METRICS_BUCKETS; i++) {
		sum += m->buckets[i];
		put(p, "%s_bucket{%s,le=\"%s\"} %" PRIu64 "\n", name, labels, metrics_bounds[i],
		    sum);
	}
	sum += m->buckets[METRICS_BUCKETS];
	put(p, "%s_bucket{%s,le=\"+Inf\"} %" PRIu64 "\n", name, labels, sum);
	put(p, "%s_sum{%s} %.9g\n", name, labels, (double)m->sum_ns / 1e9);
	put(p, "%s_count{%s} %" PRIu64 "\n", name, labels, sum);
}

static bool is_used(const struct request_metrics *m)
{
	for (size_t i = 0; i <= METRICS_BUCKETS; i++)
		if (m->buckets[i])
			return true;
	return false;
}

/* Patterns and methods come from the route table: nothing in them needs an escape. */
static const char *labels_of(struct page *p, size_t i)
{
	char *text;
	size_t n = 0;

	if (i >= route_count)
		return "method=\"\",route=\"\"";
	text = arena_printf(p->req->arena, "method=\"%s\",route=\"%s\"", route_table[i].method,
			    route_table[i].pattern);
	if (!text)
		return "method=\"\",route=\"?\"";
	/* That a parameter may hold slashes ("{name*}") is nobody's business here. */
	for (const char *c = text; *c; c++)
		if (*c != '*' || c[1] != '}')
			text[n++] = *c;
	text[n] = 0;
	return text;
}

static void put_statuses(struct page *p, const char *labels, const struct request_metrics *m)
	FIBER_FN
{
	for (size_t k = 0; k < ARRAY_LEN(m->by_status); k++) {
		if (!m->by_status[k])
			continue;
		if (k < ARRAY_LEN(metrics_statuses))
			put(p, "serin_http_requests_total{%s,code=\"%u\"} %" PRIu64 "\n", labels,
			    metrics_statuses[k], m->by_status[k]);
		else
			put(p, "serin_http_requests_total{%s,code=\"other\"} %" PRIu64 "\n", labels,
			    m->by_status[k]);
	}
}

static void put_requests(struct page *p) FIBER_FN
{
	head(p, "serin_http_requests_total", "counter",
	     "Requests that were handled, by route and status");
	for (size_t i = 0; i <= route_count; i++)
		if (is_used(metrics_of(i)))
			put_statuses(p, labels_of(p, i), metrics_of(i));
	head(p, "serin_http_request_duration_seconds", "histogram",
	     "Time from the head of a request to the head of its answer");
	for (size_t i = 0; i <= route_count; i++)
		if (is_used(metrics_of(i)))
			put_histogram(p, "serin_http_request_duration_seconds", labels_of(p, i),
				      metrics_of(i));
}

/* dockerd's histogram of a few operations, from the routes that are those operations. */
static void put_actions(struct page *p) FIBER_FN
{
	static const struct {
		int (*handle)(struct call *call, struct err *e) FIBER_FN;
		const char *method, *labels;
	} actions[] = {
		{api_containers_changes, "GET", "action=\"changes\""},
		{api_containers_commit, "POST", "action=\"commit\""},
		{api_containers_create, "POST", "action=\"create\""},
		{api_containers_remove, "DELETE", "action=\"delete\""},
		{api_containers_start, "POST", "action=\"start\""},
	};

	head(p, "engine_daemon_container_actions_seconds", "histogram",
	     "The number of seconds it takes to process each container action");
	for (size_t i = 0; i < route_count; i++)
		for (size_t k = 0; k < ARRAY_LEN(actions); k++)
			if (route_table[i].handle == actions[k].handle &&
			    !strcmp(route_table[i].method, actions[k].method))
				put_histogram(p, "engine_daemon_container_actions_seconds",
					      actions[k].labels, metrics_of(i));
}

/* --- the daemon itself --- */

static void put_pool_row(struct page *p, const char *name, const char *type, const char *help,
			 uint64_t (*of)(const struct pool *)) FIBER_FN
{
	head(p, name, type, help);
	for (const struct pool *pool = pool_list(); pool; pool = pool->next)
		put(p, "%s{pool=\"%s\"} %" PRIu64 "\n", name, pool->name, of(pool));
}

static uint64_t slots(const struct pool *pool)
{
	return pool->count;
}

static uint64_t slot_bytes(const struct pool *pool)
{
	return pool->address_space ? 0 : pool->slot_size;
}

static uint64_t in_use(const struct pool *pool)
{
	return pool->in_use;
}

static uint64_t high_water(const struct pool *pool)
{
	return pool->high_water;
}

static uint64_t refused(const struct pool *pool)
{
	return pool->refused;
}

static void put_pools(struct page *p) FIBER_FN
{
	put_pool_row(p, "serin_pool_slots", "gauge", "Slots of a pool", slots);
	put_pool_row(p, "serin_pool_slot_bytes", "gauge", "Bytes of a slot", slot_bytes);
	put_pool_row(p, "serin_pool_in_use", "gauge", "Slots in use now", in_use);
	put_pool_row(p, "serin_pool_high_water", "gauge", "Most slots that were in use at once",
		     high_water);
	put_pool_row(p, "serin_pool_refused_total", "counter", "Times the pool was found empty",
		     refused);
}

static void put_loop(struct page *p) FIBER_FN
{
	struct loop_stats loop;
	struct job_stats jobs;

	loop_get_stats(&loop);
	job_get_stats(&jobs);
	one(p, "serin_loop_stalls_total", "counter",
	    "Times the loop was held for longer than CONFIG_LOOP_STALL_MS", (double)loop.stalls);
	one(p, "serin_loop_stall_longest_seconds", "gauge", "The longest the loop was held",
	    seconds(loop.longest_stall_ns));
	one(p, "serin_fibers", "gauge", "Fibers alive", (double)fiber_count());
	one(p, "serin_http_connections", "gauge", "Connections open",
	    (double)http_server_connections());
	one(p, "serin_jobs_queued", "gauge", "Jobs that wait for a worker", jobs.queued);
	one(p, "serin_jobs_workers", "gauge", "Worker threads", jobs.workers);
	one(p, "serin_jobs_workers_idle", "gauge", "Worker threads without a job", jobs.idle);
}

static uint64_t resident_bytes(void)
{
	CLEANUP_FD int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	struct str rest, first;
	uint64_t pages = 0;
	char text[128];
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text));

	if (n <= 0)
		return 0;
	first = str_cut(str_span(text, (size_t)n), ' ', &rest);
	first = str_cut(rest, ' ', &rest);
	return str_to_u64(first, &pages) < 0 ? 0 : pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static double cpu_seconds(const struct timeval *t)
{
	return (double)t->tv_sec + (double)t->tv_usec / 1e6;
}

static void put_process(struct page *p) FIBER_FN
{
	struct rusage use = {0};
	struct rlimit files;
	struct stat st;

	if (getrusage(RUSAGE_SELF, &use) == 0)
		one(p, "process_cpu_seconds_total", "counter",
		    "Total user and system CPU time spent in seconds",
		    cpu_seconds(&use.ru_utime) + cpu_seconds(&use.ru_stime));
	one(p, "process_resident_memory_bytes", "gauge", "Resident memory size in bytes",
	    (double)resident_bytes());
	one(p, "process_start_time_seconds", "gauge",
	    "Start time of the process since unix epoch in seconds", seconds(p->eng->started_ns));
	/* Its size is the number of open descriptors, since Linux 6.2. */
	if (stat("/proc/self/fd", &st) == 0 && st.st_size > 0)
		one(p, "process_open_fds", "gauge", "Number of open file descriptors",
		    (double)st.st_size);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0)
		one(p, "process_max_fds", "gauge", "Maximum number of open file descriptors",
		    (double)files.rlim_cur);
}

static void put_engine(struct page *p) FIBER_FN
{
	struct utsname u;

	if (uname(&u) < 0)
		return;
	one(p, "engine_daemon_engine_cpus_cpus", "gauge",
	    "The number of cpus that the host system of the engine has", (double)host_cpus());
	one(p, "engine_daemon_engine_memory_bytes", "gauge",
	    "The number of bytes of memory that the host system of the engine has",
	    (double)host_memory());
	head(p, "engine_daemon_engine_info", "gauge",
	     "The information related to the engine and the OS it is running on");
	put(p,
	    "engine_daemon_engine_info{architecture=\"%s\",daemon_id=\"%s\",graphdriver=\"%s\","
	    "kernel=\"%.64s\",version=\"%s\"} 1\n",
	    host_arch(), p->eng->id, image_store_driver(p->eng->images), u.release, CONFIG_VERSION);
}

void metrics_page(struct http_request *req, const struct engine *eng)
{
	struct page *p = arena_alloc(req->arena, sizeof(*p));

	if (!p) {
		http_reply(req, 503, "text/plain; charset=utf-8", STR("no memory\n"));
		return;
	}
	*p = (struct page){.req = req, .eng = eng};
	if (http_stream_begin(req, 200, "text/plain; version=0.0.4; charset=utf-8") < 0)
		return;
	put_engine(p);
	put_containers(p);
	put_actions(p);
	put_requests(p);
	put_pools(p);
	put_loop(p);
	put_process(p);
	if (p->r >= 0)
		(void)http_stream_end(req);
}
