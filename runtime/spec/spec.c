/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/spec/spec.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "runtime/model/console_size.h"
#include "runtime/spec/private.h"

#define OCI_VERSION "1.0.2"
#define CPUS_MAX 4096

static const char *const masked_default[] = {
	"/proc/asound",	    "/proc/acpi",	 "/proc/interrupts",
	"/proc/kcore",	    "/proc/keys",	 "/proc/latency_stats",
	"/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug",
	"/proc/scsi",	    "/sys/firmware",	 "/sys/devices/virtual/powercap",
};
static const char *const readonly_default[] = {
	"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger",
};

bool mode_is_host(const char *mode)
{
	return strz_eq(mode, "host");
}

bool mode_is_private(const char *mode)
{
	return !mode_is_host(mode) && !strz_starts(mode ? mode : "", "container:");
}

static void copy_paths(struct texts *out, struct arena *a, const char *const *from, size_t n,
		       size_t room)
{
	out->set = true;
	out->items = arena_alloc_array(a, n + room + 1, sizeof(*out->items));
	out->n = 0;
	for (size_t i = 0; i < n && out->items; i++)
		out->items[out->n++] = from[i];
}

/* Which CPUs have such a file: looked up once, for there may be hundreds. */
static struct {
	pthread_once_t once;
	size_t n;
	uint8_t has[CPUS_MAX / 8];
} throttle = {.once = PTHREAD_ONCE_INIT};

static void look_for_throttle(void)
{
	long n = sysconf(_SC_NPROCESSORS_CONF);
	char path[80];

	throttle.n = n < 1 ? 1 : n > CPUS_MAX ? CPUS_MAX : (size_t)n;
	for (size_t i = 0; i < throttle.n; i++) {
		snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%zu/thermal_throttle", i);
		if (access(path, F_OK) == 0)
			throttle.has[i / 8] |= (uint8_t)(1 << i % 8);
	}
}

/* How often each CPU was slowed down tells of other containers' work. */
static void add_throttle_paths(struct texts *out, struct arena *a)
{
	for (size_t i = 0; i < throttle.n && out->items; i++) {
		if (throttle.has[i / 8] & 1 << i % 8)
			out->items[out->n++] = arena_printf(
				a, "/sys/devices/system/cpu/cpu%zu/thermal_throttle", i);
		if (out->n && !out->items[out->n - 1])
			out->n--;
	}
}

void spec_effective_paths(const struct host_config *host, struct arena *a, struct texts *ret_masked,
			  struct texts *ret_readonly)
{
	struct security sec = {0};
	bool none = security_parse(host, &sec, NULL) == 0 && sec.paths_unconfined;

	none = none || host->privileged;
	*ret_masked = (struct texts){.set = true};
	*ret_readonly = (struct texts){.set = true};
	if (host->masked_paths.set) {
		*ret_masked = host->masked_paths;
	} else if (!none) {
		pthread_once(&throttle.once, look_for_throttle);
		copy_paths(ret_masked, a, masked_default, ARRAY_LEN(masked_default), throttle.n);
		add_throttle_paths(ret_masked, a);
	}
	if (host->readonly_paths.set)
		*ret_readonly = host->readonly_paths;
	else if (!none)
		copy_paths(ret_readonly, a, readonly_default, ARRAY_LEN(readonly_default), 0);
}

static void write_texts(struct json_writer *w, const char *key, const char *const *items)
{
	json_key(w, key);
	json_array_open(w);
	for (; items && *items; items++)
		json_put_text(w, *items);
	json_array_close(w);
}

static void write_list(struct json_writer *w, const char *key, const struct texts *list)
{
	json_key(w, key);
	json_array_open(w);
	for (size_t i = 0; i < list->n && list->items; i++)
		json_put_text(w, list->items[i]);
	json_array_close(w);
}

static void write_gid(struct json_writer *w, uint32_t gid, const uint32_t *seen, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (seen[i] == gid)
			return;
	}
	json_put_u64(w, gid);
}

/* Supplementary groups: the user's own, its memberships, then those asked for. */
static void write_user(struct json_writer *w, const struct passwd_user *u, const uint32_t *extra,
		       size_t n_extra)
{
	json_key(w, "user");
	json_object_open(w);
	json_key(w, "uid");
	json_put_u64(w, u->uid);
	json_key(w, "gid");
	json_put_u64(w, u->gid);
	json_key(w, "additionalGids");
	json_array_open(w);
	json_put_u64(w, u->gid);
	for (size_t i = 0; i < u->n_groups; i++) {
		if (u->groups[i] != u->gid)
			write_gid(w, u->groups[i], u->groups, i);
	}
	for (size_t i = 0; i < n_extra; i++) {
		bool seen = extra[i] == u->gid;

		for (size_t k = 0; k < u->n_groups && !seen; k++)
			seen = u->groups[k] == extra[i];
		if (!seen)
			write_gid(w, extra[i], extra, i);
	}
	json_array_close(w);
	json_object_close(w);
}

static void write_console_size(struct json_writer *w, uint16_t height, uint16_t width)
{
	if (!height || !width)
		return;
	json_key(w, "consoleSize");
	json_object_open(w);
	json_kv_i64(w, "height", height);
	json_kv_i64(w, "width", width);
	json_object_close(w);
}

/* HostConfig.ConsoleSize: [height, width] */
static void write_first_size(struct json_writer *w, struct str raw)
{
	uint16_t height, width;

	if (console_size_parse(raw, &height, &width))
		write_console_size(w, height, width);
}

static bool has_init(const struct spec_input *in)
{
	return in->host->init == 1 && in->init_path && mode_is_private(in->host->pid_mode);
}

static void write_args(struct json_writer *w, const struct spec_input *in)
{
	json_key(w, "args");
	json_array_open(w);
	if (has_init(in)) {
		json_put_text(w, "/sbin/docker-init");
		json_put_text(w, "--");
	}
	for (const char *const *a = in->args; a && *a; a++)
		json_put_text(w, *a);
	json_array_close(w);
}

/* A profile by name, where the kernel has such; it must be loaded there. */
static void write_apparmor(struct json_writer *w, const struct security *sec)
{
	if (sec->apparmor.n && !str_eqz(sec->apparmor, "docker-default") &&
	    access("/sys/kernel/security/apparmor", F_OK) == 0)
		json_kv_str(w, "apparmorProfile", sec->apparmor);
}

static int write_process(struct json_writer *w, const struct spec_input *in, uint64_t caps,
			 const struct security *sec, struct err *e)
{
	int r;

	json_key(w, "process");
	json_object_open(w);
	json_kv_bool(w, "terminal", in->config->tty);
	if (in->config->tty)
		write_first_size(w, in->host->console_size_raw);
	write_user(w, &in->user, in->extra_gids, in->n_extra_gids);
	write_args(w, in);
	write_texts(w, "env", in->env);
	json_kv_text(w, "cwd", in->cwd && in->cwd[0] ? in->cwd : "/");
	caps_write(w, caps, in->user.uid == 0);
	r = rlimits_write(w, in->host, e);
	json_kv_bool(w, "noNewPrivileges", sec->no_new_privs);
	json_kv_i64(w, "oomScoreAdj", in->host->oom_score_adj);
	write_apparmor(w, sec);
	json_object_close(w);
	return r;
}

static void write_namespace(struct json_writer *w, const char *type, const char *path)
{
	json_object_open(w);
	json_kv_text(w, "type", type);
	if (path)
		json_kv_text(w, "path", path);
	json_object_close(w);
}

static bool own_cgroup_namespace(const struct spec_input *in)
{
	const char *mode = in->host->cgroupns_mode;

	if (mode && mode[0])
		return strz_eq(mode, "private");
	return in->cgroup_v2 && !in->host->privileged;
}

static void write_namespaces(struct json_writer *w, const struct spec_input *in)
{
	json_key(w, "namespaces");
	json_array_open(w);
	write_namespace(w, "mount", NULL);
	if (in->netns_path)
		write_namespace(w, "network", in->netns_path);
	if (in->uts_path || !mode_is_host(in->host->uts_mode))
		write_namespace(w, "uts", in->uts_path);
	if (in->pid_path || !mode_is_host(in->host->pid_mode))
		write_namespace(w, "pid", in->pid_path);
	if (in->ipc_path || !mode_is_host(in->host->ipc_mode))
		write_namespace(w, "ipc", in->ipc_path);
	if (own_cgroup_namespace(in))
		write_namespace(w, "cgroup", NULL);
	json_array_close(w);
}

static void write_sysctl(struct json_writer *w, const struct spec_input *in)
{
	static const char *const own[][2] = {
		{"net.ipv4.ip_unprivileged_port_start", "0"},
		{"net.ipv4.ping_group_range", "0 2147483647"},
	};
	const struct text_map *map = &in->host->sysctls;
	const char *domain = in->config->domainname;

	json_key(w, "sysctl");
	json_object_open(w);
	for (size_t i = 0; in->own_netns && i < ARRAY_LEN(own); i++) {
		if (!text_map_get(map, own[i][0]))
			json_kv_text(w, own[i][0], own[i][1]);
	}
	if (domain && domain[0] && !mode_is_host(in->host->uts_mode) && !in->uts_path &&
	    !text_map_get(map, "kernel.domainname"))
		json_kv_text(w, "kernel.domainname", domain);
	for (size_t i = 0; i < map->n; i++)
		json_kv_text(w, map->items[i].key, map->items[i].value);
	for (size_t i = 0; in->endpoint_sysctls && i < in->endpoint_sysctls->n; i++)
		json_kv_text(w, in->endpoint_sysctls->items[i].key,
			     in->endpoint_sysctls->items[i].value);
	json_object_close(w);
}

static int write_linux(struct json_writer *w, const struct spec_input *in, uint64_t caps,
		       const struct security *sec, struct arena *a, struct err *e)
{
	const char *propagation = mounts_root_propagation(in);
	struct texts masked, readonly;
	int r;

	spec_effective_paths(in->host, a, &masked, &readonly);
	if ((masked.n && !masked.items) || (readonly.n && !readonly.items))
		return err_sys(e, ENOMEM, "writing the masked paths");
	json_key(w, "linux");
	json_object_open(w);
	write_sysctl(w, in);
	r = resources_write(w, in, e);
	if (r == 0)
		r = devices_write_nodes(w, in, e);
	if (r < 0)
		return r;
	json_kv_text(w, "cgroupsPath", in->cgroups_path);
	write_namespaces(w, in);
	if (propagation)
		json_kv_text(w, "rootfsPropagation", propagation);
	if (sec->seccomp.n)
		r = seccomp_write_profile(w, sec->seccomp, caps, e);
	else if (!sec->seccomp_off)
		seccomp_write_default(w, caps);
	write_list(w, "maskedPaths", &masked);
	write_list(w, "readonlyPaths", &readonly);
	injection_write_rdt(w, in);
	json_object_close(w);
	return r;
}

static void write_annotations(struct json_writer *w, const struct text_map *map)
{
	if (!map->n)
		return;
	json_key(w, "annotations");
	json_object_open(w);
	for (size_t i = 0; i < map->n; i++)
		json_kv_text(w, map->items[i].key, map->items[i].value);
	json_object_close(w);
}

int spec_write(const struct spec_input *in, struct buf *out, struct err *e)
{
	struct arena arena CLEANUP_ARENA = {0};
	struct security sec;
	struct json_writer w;
	uint64_t caps;
	int r;

	arena_open_heap(&arena, 1 << 20);
	r = caps_resolve(in->host, &caps, e);
	if (r == 0)
		r = security_parse(in->host, &sec, e);
	if (r < 0)
		return r;
	json_begin(&w, out);
	json_object_open(&w);
	json_kv_text(&w, "ociVersion", OCI_VERSION);
	r = write_process(&w, in, caps, &sec, e);
	json_key(&w, "root");
	json_object_open(&w);
	json_kv_text(&w, "path", in->rootfs);
	json_kv_bool(&w, "readonly", in->host->readonly_rootfs);
	json_object_close(&w);
	if (in->hostname && in->hostname[0] && !in->uts_path && !mode_is_host(in->host->uts_mode))
		json_kv_text(&w, "hostname", in->hostname);
	if (r == 0)
		r = mounts_write(&w, in, &sec, e);
	if (r == 0)
		r = write_linux(&w, in, caps, &sec, &arena, e);
	if (r < 0)
		return r;
	write_annotations(&w, &in->host->annotations);
	injection_write_hooks(&w, in);
	json_object_close(&w);
	buf_putc(out, '\n');
	if (out->failed)
		return err_set(e, ERR_TOO_LARGE,
			       "the container's runtime configuration is too large");
	return 0;
}

int spec_write_exec(const struct spec_exec *in, struct buf *out, struct err *e)
{
	struct security sec;
	struct json_writer w;
	uint64_t caps;
	int r;

	r = caps_resolve(in->host, &caps, e);
	if (r == 0)
		r = security_parse(in->host, &sec, e);
	if (r < 0)
		return r;
	if (in->privileged)
		caps = caps_all();
	json_begin(&w, out);
	json_object_open(&w);
	json_kv_bool(&w, "terminal", in->tty);
	if (in->tty)
		write_console_size(&w, in->height, in->width);
	write_user(&w, &in->user, NULL, 0);
	write_texts(&w, "args", in->args);
	write_texts(&w, "env", in->env);
	json_kv_text(&w, "cwd", in->cwd && in->cwd[0] ? in->cwd : "/");
	caps_write(&w, caps, in->user.uid == 0 || in->privileged);
	r = rlimits_write(&w, in->host, e);
	if (r < 0)
		return r;
	json_kv_bool(&w, "noNewPrivileges", sec.no_new_privs);
	json_kv_i64(&w, "oomScoreAdj", in->host->oom_score_adj);
	write_apparmor(&w, &sec);
	json_object_close(&w);
	if (out->failed)
		return err_set(e, ERR_TOO_LARGE, "the exec's process document is too large");
	return 0;
}

const char *spec_apparmor(const struct host_config *host, struct arena *a)
{
	struct security sec;

	if (security_parse(host, &sec, NULL) < 0 || !sec.apparmor.n)
		return "";
	return arena_strndup(a, sec.apparmor.p, sec.apparmor.n);
}

int spec_check(const struct host_config *host, struct err *e)
{
	struct security sec;
	uint64_t caps;
	int r;

	r = caps_resolve(host, &caps, e);
	if (r == 0)
		r = security_parse(host, &sec, e);
	if (r == 0 && sec.seccomp.n)
		r = seccomp_write_profile(NULL, sec.seccomp, caps, e);
	if (r == 0)
		r = rlimits_write(NULL, host, e);
	for (size_t i = 0; i < host->tmpfs.n && r == 0; i++)
		r = tmpfs_check(host->tmpfs.items[i].value, e);
	for (size_t i = 0; i < host->device_cgroup_rules.n && r == 0; i++)
		r = devices_write_rule_text(NULL, host->device_cgroup_rules.items[i], e);
	return r;
}
