/* SPDX-License-Identifier: Apache-2.0 */
#include "api/router/reply.h"
#include "api/shape/text.h"
#include "api/system/devices.h"
#include "api/system/host.h"
#include "api/system/system.h"
#include "firmware/core/config.h"
#include "firmware/core/pool.h"
#include "firmware/sched/fiber.h"
#include "runtime/container/container.h"
#include "runtime/container/log_options.h"

#include <dirent.h>

#define INDEX_SERVER "https://index.docker.io/v1/"

static void put_list(struct json_writer *w, const char *key, const char *const *items, size_t n)
{
	json_key(w, key);
	json_array_open(w);
	for (size_t i = 0; i < n; i++)
		json_put_text(w, items[i]);
	json_array_close(w);
}

static void put_counts(struct call *call, struct json_writer *w)
{
	const struct container_counts n = container_count(call->eng);

	json_kv_i64(w, "Containers", (int64_t)n.running + n.paused + n.stopped);
	json_kv_i64(w, "ContainersRunning", n.running);
	json_kv_i64(w, "ContainersPaused", n.paused);
	json_kv_i64(w, "ContainersStopped", n.stopped);
	json_kv_i64(w, "Images", (int64_t)image_store_count(call->eng->images));
}

static void put_driver(struct call *call, struct json_writer *w)
{
	const char *logs[LOG_DRIVERS_MAX];
	static const char *const networks[] = {"bridge", "host", "null"};

	json_kv_text(w, "Driver", image_store_driver(call->eng->images));
	json_key(w, "DriverStatus");
	json_array_open(w);
	json_array_open(w);
	json_put_text(w, "Data Root");
	json_put_text(w, call->eng->opt->data_root);
	json_array_close(w);
	json_array_close(w);
	json_kv_text(w, "DockerRootDir", call->eng->opt->data_root);
	json_key(w, "Plugins");
	json_object_open(w);
	put_list(w, "Volume", (const char *const[]){"local"}, 1);
	put_list(w, "Network", networks + !CONFIG(NET_BRIDGE),
		 ARRAY_LEN(networks) - !CONFIG(NET_BRIDGE));
	json_kv_null(w, "Authorization");
	put_list(w, "Log", logs, log_drivers_list(logs));
	json_object_close(w);
}

static void put_limits(struct call *call, struct json_writer *w)
{
	const struct cgroup_support *s = &call->eng->limits;
	const struct {
		const char *key;
		bool have;
	} features[] = {
		{"MemoryLimit", s->memory},
		{"SwapLimit", s->swap},
		{"CpuCfsPeriod", s->cpu_cfs},
		{"CpuCfsQuota", s->cpu_cfs},
		{"CPUShares", s->cpu_shares},
		{"CPUSet", s->cpuset},
		{"PidsLimit", s->pids},
		{"IPv4Forwarding", host_has("/proc/sys/net/ipv4/ip_forward")},
		{"OomKillDisable", s->oom_kill_disable},
	};

	for (size_t i = 0; i < ARRAY_LEN(features); i++)
		json_kv_bool(w, features[i].key, features[i].have);
	if (call->api_minor < 50) { /* what older clients warn about when it is off */
		json_kv_bool(w, "BridgeNfIptables",
			     host_is_on("/proc/sys/net/bridge/bridge-nf-call-iptables"));
		json_kv_bool(w, "BridgeNfIp6tables",
			     host_is_on("/proc/sys/net/bridge/bridge-nf-call-ip6tables"));
	}
	if (s->kernel_tcp && call->api_minor < 42)
		json_kv_bool(w, "KernelMemoryTCP", true);
}

/* Open descriptors of this process. */
static int64_t count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int64_t n = -3; /* ".", ".." and the directory itself */

	if (!dir)
		return 0;
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static void put_debug(struct call *call, struct json_writer *w)
{
	char now[CLOCK_RFC3339_MAX];

	clock_format_rfc3339nano(clock_wall(), now);
	json_kv_bool(w, "Debug", call->eng->opt->debug);
	json_kv_i64(w, "NFd", count_fds());
	json_kv_i64(w, "NGoroutines", (int64_t)fiber_count());
	json_kv_text(w, "SystemTime", now);
	json_kv_text(w, "LoggingDriver", call->eng->opt->default_log_driver);
	json_kv_text(w, "CgroupDriver", "cgroupfs");
	json_kv_text(w, "CgroupVersion", call->eng->cgroup_v2 ? "2" : "1");
	json_kv_i64(w, "NEventsListener", 0);
}

static void put_machine(struct call *call, struct json_writer *w)
{
	struct utsname uts = {0};

	uname(&uts);
	json_kv_text(w, "KernelVersion", uts.release);
	json_kv_text(w, "OperatingSystem", host_os_name(call->a));
	json_kv_text(w, "OSVersion", host_os_version(call->a));
	json_kv_text(w, "OSType", "linux");
	json_kv_text(w, "Architecture", uts.machine);
	json_kv_text(w, "IndexServerAddress", INDEX_SERVER);
	json_kv_i64(w, "NCPU", host_cpus());
	json_kv_i64(w, "MemTotal", (int64_t)host_memory());
	json_kv_null(w, "GenericResources");
	json_kv_text(w, "HttpProxy", "");
	json_kv_text(w, "HttpsProxy", "");
	json_kv_text(w, "NoProxy", "");
	json_kv_text(w, "Name", uts.nodename);
	json_kv_bool(w, "ExperimentalBuild", false);
	json_kv_text(w, "ServerVersion", CONFIG_VERSION);
}

static bool is_cidr(const char *text)
{
	return strchr(text, '/') != NULL;
}

static void put_index(struct json_writer *w, const char *name, bool official, bool secure,
		      const struct texts *mirrors)
{
	json_key(w, name);
	json_object_open(w);
	json_kv_text(w, "Name", name);
	json_key(w, "Mirrors");
	json_array_open(w);
	for (size_t i = 0; mirrors && i < mirrors->n; i++)
		json_put_text(w, mirrors->items[i]);
	json_array_close(w);
	json_kv_bool(w, "Secure", secure);
	json_kv_bool(w, "Official", official);
	json_object_close(w);
}

static void put_registry(const struct engine_options *opt, struct json_writer *w)
{
	json_key(w, "RegistryConfig");
	json_object_open(w);
	json_key(w, "InsecureRegistryCIDRs");
	json_array_open(w);
	for (size_t i = 0; i < opt->insecure_registries.n; i++)
		if (is_cidr(opt->insecure_registries.items[i]))
			json_put_text(w, opt->insecure_registries.items[i]);
	json_put_text(w, "::1/128");
	json_put_text(w, "127.0.0.0/8");
	json_array_close(w);
	json_key(w, "IndexConfigs");
	json_object_open(w);
	put_index(w, "docker.io", true, true, &opt->registry_mirrors);
	for (size_t i = 0; i < opt->insecure_registries.n; i++)
		if (!is_cidr(opt->insecure_registries.items[i]))
			put_index(w, opt->insecure_registries.items[i], false, false, NULL);
	json_object_close(w);
	json_key(w, "Mirrors");
	json_array_open(w);
	for (size_t i = 0; i < opt->registry_mirrors.n; i++)
		json_put_text(w, opt->registry_mirrors.items[i]);
	json_array_close(w);
	json_object_close(w);
}

static void put_runtimes(const struct engine_options *opt, struct json_writer *w)
{
	json_key(w, "Runtimes");
	json_object_open(w);
	for (size_t i = 0; i < opt->n_runtimes; i++) {
		json_key(w, opt->runtimes[i].name);
		json_object_open(w);
		json_kv_text(w, "path", opt->runtimes[i].path);
		json_object_close(w);
	}
	json_object_close(w);
	json_kv_text(w, "DefaultRuntime", opt->default_runtime);
	json_kv_text(w, "InitBinary", "docker-init");
	json_kv_bool(w, "LiveRestoreEnabled", true);
	json_kv_text(w, "Isolation", "");
}

static void put_swarm(struct json_writer *w)
{
	json_key(w, "Swarm");
	json_object_open(w);
	json_kv_text(w, "NodeID", "");
	json_kv_text(w, "NodeAddr", "");
	json_kv_text(w, "LocalNodeState", "inactive");
	json_kv_bool(w, "ControlAvailable", false);
	json_kv_text(w, "Error", "");
	json_kv_null(w, "RemoteManagers");
	json_object_close(w);
}

/* The engine's words for what it cannot find out. There is no containerd; docker-init is ours. */
static void put_commits(struct call *call, struct json_writer *w, const struct oci_version *runtime)
{
	const struct {
		const char *key, *id;
	} parts[] = {{"ContainerdCommit", "N/A"},
		     {"RuncCommit", runtime->commit[0] ? runtime->commit : "N/A"},
		     {"InitCommit", CONFIG_VERSION}};

	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		json_key(w, parts[i].key);
		json_object_open(w);
		json_kv_text(w, "ID", parts[i].id);
		if (call->api_minor < 49)
			json_kv_text(w, "Expected", parts[i].id);
		json_object_close(w);
	}
}

static void put_warning(struct json_writer *w, struct buf *line, const char *text)
{
	buf_reset(line);
	buf_printf(line, "WARNING: %s", text);
	json_put_str(w, buf_str(line));
}

static void put_warnings(struct call *call, struct json_writer *w,
			 const struct device_listing *devices)
{
	const struct cgroup_support *s = &call->eng->limits;
	const struct {
		bool have;
		const char *v1, *v2; /* NULL: nothing to tell */
	} lacks[] = {
		{s->memory, "No memory limit support", "No memory limit support"},
		{s->swap, "No swap limit support", "No swap limit support"},
		{s->oom_kill_disable, "No oom kill disable support", NULL},
		{s->cpu_cfs, "No cpu cfs quota support", "No cpu cfs quota support"},
		{s->cpu_cfs, "No cpu cfs period support", "No cpu cfs period support"},
		{s->cpu_shares, "No cpu shares support", "No cpu shares support"},
		{s->cpuset, "No cpuset support", "No cpuset support"},
		{s->io_weight, NULL, "No io.weight support"},
		{s->io_weight_device, NULL, "No io.weight (per device) support"},
		{s->read_bps, "No blkio throttle.read_bps_device support",
		 "No io.max (rbps) support"},
		{s->write_bps, "No blkio throttle.write_bps_device support",
		 "No io.max (wbps) support"},
		{s->read_iops, "No blkio throttle.read_iops_device support",
		 "No io.max (riops) support"},
		{s->write_iops, "No blkio throttle.write_iops_device support",
		 "No io.max (wiops) support"},
	};
	struct buf line;

	buf_init(&line, call->a, 2048);
	json_key(w, "Warnings");
	json_array_open(w);
	for (size_t i = 0; i < ARRAY_LEN(lacks); i++) {
		const char *text = s->v2 ? lacks[i].v2 : lacks[i].v1;

		if (!lacks[i].have && text)
			put_warning(w, &line, text);
	}
	for (size_t i = 0; i < devices->problems.n; i++) {
		buf_reset(&line);
		buf_printf(&line, "CDI: Error associated with spec file %s",
			   devices->problems.items[i]);
		json_put_str(w, buf_str(&line));
	}
	json_array_close(w);
}

/* GET /info */
int api_system_info(struct call *call, struct err *e)
{
	const struct engine_options *opt = call->eng->opt;
	const char *security[] = {"name=seccomp,profile=builtin", "name=cgroupns"};
	struct device_listing devices = {0};
	struct oci_version runtime;
	struct json_writer w;
	struct buf out;

	http_watch_client(call->http, true);
	oci_version_get(call->eng, call->a, &runtime);
	http_watch_client(call->http, false);
	device_listing_read(&devices, call);
	reply_begin(call, &out, &w);
	json_object_open(&w);
	json_kv_text(&w, "ID", call->eng->id);
	put_counts(call, &w);
	put_driver(call, &w);
	put_limits(call, &w);
	put_debug(call, &w);
	put_machine(call, &w);
	put_registry(opt, &w);
	put_list(&w, "Labels", opt->labels.items, opt->labels.n);
	put_runtimes(opt, &w);
	put_swarm(&w);
	put_commits(call, &w, &runtime);
	put_list(&w, "SecurityOptions", security, call->eng->cgroup_v2 ? 2 : 1);
	put_list(&w, "CDISpecDirs", opt->cdi_spec_dirs.items, opt->cdi_spec_dirs.n);
	device_listing_write(&devices, &w);
	json_key(&w, "Containerd");
	json_put_null(&w);
	put_warnings(call, &w, &devices);
	json_object_close(&w);
	return reply_json(call, 200, &out, e);
}
