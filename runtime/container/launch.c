/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a created container to a running one. The steps, each undone when a later one fails:
 *
 *   1. prepare   job: bundle directory, bind sources, working directory, the user's ids
 *   2. root      snapshot_mount
 *   3. network   namespace, bridge, published ports; hosts, hostname and resolv.conf
 *   4. bundle    config.json
 *   5. shim      which runs the OCI runtime and takes the waiting attach clients
 *
 * All that only a launch needs lives in one struct in a request arena.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "firmware/core/file.h"
#include "firmware/core/log.h"
#include "firmware/core/mem.h"
#include "runtime/container/private.h"
#include "runtime/log/log_reader.h"
#include "runtime/spec/spec.h"

#define ATTACH_AT_START_MAX 16
#define ETC_FILE_MAX (1u << 20)
#define SPEC_FILE_MAX (1u << 20)
#define DEVICES_MAX 512
#define ENV_FIXED 4 /* PATH, HOSTNAME, TERM and the end */

static const char default_path[] =
	"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

struct launch {
	struct container *c;
	struct arena *a;
	struct job job;
	char state_dir[CONTAINER_PATH_MAX], run_dir[CONTAINER_PATH_MAX];
	char hosts[CONTAINER_PATH_MAX + 16], hostname[CONTAINER_PATH_MAX + 16],
		resolv[CONTAINER_PATH_MAX + 16];
	char rootfs[CONTAINER_PATH_MAX];
	char runtime_root[CONTAINER_PATH_MAX];
	struct passwd_user user;
	uint32_t extra_gids[PASSWD_GROUPS_MAX];
	size_t n_extra_gids;
	const char **env, **args;
	struct spec_mount *mounts;
	size_t n_mounts;
	struct spec_input spec;
	char cgroups_path[CONTAINER_PATH_MAX];
	struct port_request ports[NETWORK_PORTS_MAX];
	struct hosts_request files;
	char ip[INET_ADDRSTRLEN], gateway[INET_ADDRSTRLEN];
	int hold_fds[NETWORK_PORTS_MAX];
	struct shim_launch shim;
	struct shim_stream streams[ATTACH_AT_START_MAX];
};

static bool is_empty(const char *s)
{
	return !s || !*s;
}

static bool is_text(const char *s, const char *what)
{
	return s && !strcmp(s, what);
}

/* --- 1. what needs the file system --- */

static int open_in_root(int root, const char *path, int flags)
{
	struct open_how how = {.flags = (uint64_t)(flags | O_CLOEXEC),
			       .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};

	return (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
}

/* mkdir -p beneath root for the working directory, 0755 root:root, as the engine makes it. */
static int make_workdir(int root, const char *dir, struct err *e)
{
	char path[CONTAINER_PATH_MAX * 4];

	if (!str_copy(path, sizeof(path), str_from(dir)))
		return err_set(e, ERR_INVALID, "the working directory is too long");
	for (char *p = path + 1;; p++) {
		char saved = *p;
		CLEANUP_FD int fd = -1;

		if (saved && saved != '/')
			continue;
		*p = 0;
		fd = open_in_root(root, path, O_PATH | O_DIRECTORY);
		if (fd < 0 && errno == ENOENT) {
			char *slash = strrchr(path, '/');
			CLEANUP_FD int parent = -1;

			*slash = 0;
			parent = open_in_root(root, *path ? path : "/", O_PATH | O_DIRECTORY);
			*slash = '/';
			if (parent < 0 || (mkdirat(parent, slash + 1, 0755) < 0 && errno != EEXIST))
				return err_sys(e, errno, "creating the working directory %s", path);
		} else if (fd < 0) {
			return err_sys(e, errno, "working directory %s", path);
		}
		*p = saved;
		if (!saved)
			return 0;
	}
}

static int read_etc(int root, const char *path, struct arena *a, struct str *ret, struct err *e)
{
	int r = file_read_in_root(root, path, ETC_FILE_MAX, a, ret, e);

	if (r < 0) {
		*ret = STR("");
		if (r == -ENOENT || r == -ENOTDIR || r == -ELOOP) {
			err_clear(e);
			return 0;
		}
	}
	return r;
}

static int resolve_user(struct launch *l, int root, struct err *e)
{
	const struct container *c = l->c;
	struct str passwd = STR(""), group = STR("");
	struct str spec = str_from(c->config.user ? c->config.user : "");

	if (read_etc(root, "/etc/passwd", l->a, &passwd, e) < 0 ||
	    read_etc(root, "/etc/group", l->a, &group, e) < 0 ||
	    passwd_resolve(spec, passwd, group, &l->user, e) < 0)
		return err_code(e);
	for (size_t i = 0; i < c->host.group_add.n && i < PASSWD_GROUPS_MAX; i++) {
		if (group_resolve(str_from(c->host.group_add.items[i]), group,
				  &l->extra_gids[l->n_extra_gids], e) < 0)
			return err_code(e);
		l->n_extra_gids++;
	}
	return 0;
}

static int prepare_run(struct job *job)
{
	struct launch *l = container_of(job, struct launch, job);
	const struct container *c = l->c; /* read-only and locked while the job runs */
	CLEANUP_FD int root = -1;
	char exit_file[CONTAINER_PATH_MAX + 16];

	text_format(exit_file, sizeof(exit_file), "%s/exit.json", l->state_dir);
	if (unlink(exit_file) < 0 && errno != ENOENT)
		return err_sys(&job->err, errno, "removing %s", exit_file);
	if (dir_make_all(l->run_dir, 0711, &job->err) < 0 ||
	    container_mount_sources(c->mounts, c->n_mounts, &job->err) < 0)
		return err_code(&job->err);
	root = open(l->rootfs, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return err_sys(&job->err, errno, "opening the root file system");
	if (!is_empty(c->config.working_dir) &&
	    make_workdir(root, c->config.working_dir, &job->err) < 0)
		return err_code(&job->err);
	return resolve_user(l, root, &job->err);
}

/* --- 3. network and the files in /etc --- */

static int join_peer(struct launch *l, struct err *e)
{
	struct container *c = l->c;
	CLEANUP(container_unrefp) struct container *peer = NULL;

	if (container_lookup(c->eng, c->host.network_mode + 10, &peer, e) < 0)
		return err_code(e);
	if (!container_is_running(peer))
		return err_set(e, ERR_CONFLICT,
			       "cannot join network of a non running container: %s", peer->id);
	text_format(c->netns_path, sizeof(c->netns_path), "/proc/%d/ns/net", (int)peer->pid);
	container_state_path(peer, l->hosts);
	text_format(l->resolv, sizeof(l->resolv), "%s/resolv.conf", l->hosts);
	text_format(l->hostname, sizeof(l->hostname), "%s/hostname", l->hosts);
	strcat(l->hosts, "/hosts");
	l->spec.hostname = peer->config.hostname;
	return 0;
}

static int connect_bridge(struct launch *l, struct err *e) FIBER_FN
{
	struct container *c = l->c;
	struct connect_request req = {
		.container_id = c->id, .container_name = c->name, .ports = l->ports};
	int r = container_ports(&c->config, &c->host, l->ports, ARRAY_LEN(l->ports), &req.n_ports,
				e);

	if (r < 0)
		return r;
	for (size_t i = 0; i < c->networking.endpoints.n; i++) {
		const struct endpoint_config *ep = c->networking.endpoints.items[i].value;

		if (ep && !is_empty(ep->mac_address))
			req.mac = ep->mac_address;
	}
	if (!is_empty(c->config.mac_address))
		req.mac = c->config.mac_address;
	c->endpoint = mem_alloc(sizeof(*c->endpoint));
	if (!c->endpoint)
		return err_set(e, ERR_UNAVAILABLE, "no memory for an endpoint");
	r = network_connect(c->eng->network, &req, c->endpoint, c->netns_path,
			    sizeof(c->netns_path), e);
	if (r < 0) {
		mem_free(TAKE_PTR(c->endpoint));
		return err_wrap(e, "failed to set up container networking");
	}
	inet_ntop(AF_INET, &c->endpoint->ip, l->ip, sizeof(l->ip));
	inet_ntop(AF_INET, &c->endpoint->gateway, l->gateway, sizeof(l->gateway));
	l->spec.own_netns = true;
	return 0;
}

static int set_up_network(struct launch *l, struct err *e) FIBER_FN
{
	struct container *c = l->c;
	const char *mode = c->host.network_mode;
	bool host = is_text(mode, "host") && !c->config.network_disabled;
	int r = 0;

	c->netns_path[0] = 0;
	l->spec.hostname = c->config.hostname;
	if (strz_starts(mode, "container:"))
		return join_peer(l, e);
	if (is_text(mode, "none") || c->config.network_disabled) {
		r = netns_create(c->eng->network, c->id, c->netns_path, sizeof(c->netns_path), e);
		l->spec.own_netns = true;
	} else if (!host) {
		r = connect_bridge(l, e);
	}
	if (r < 0)
		return r;
	l->files = (struct hosts_request){
		.dir = l->state_dir,
		.hostname = c->config.hostname,
		.domainname = c->config.domainname,
		.ip = l->ip[0] ? l->ip : NULL,
		.extra_hosts = &c->host.extra_hosts,
		.host_gateway = l->gateway[0] ? l->gateway : NULL,
		.host_network = host,
		.dns = &c->host.dns,
		.dns_search = &c->host.dns_search,
		.dns_options = &c->host.dns_options,
	};
	text_format(l->hosts, sizeof(l->hosts), "%s/hosts", l->state_dir);
	text_format(l->hostname, sizeof(l->hostname), "%s/hostname", l->state_dir);
	text_format(l->resolv, sizeof(l->resolv), "%s/resolv.conf", l->state_dir);
	return network_write_files(c->eng->network, &l->files, e);
}

/* --- 4. the bundle --- */

static bool env_names(const struct texts *env, const char *key)
{
	size_t n = strlen(key);

	for (size_t i = 0; i < env->n; i++)
		if (!strncmp(env->items[i], key, n) &&
		    (env->items[i][n] == '=' || !env->items[i][n]))
			return true;
	return false;
}

static int fill_process(struct launch *l, struct err *e)
{
	const struct container *c = l->c;
	const struct texts *env = &c->config.env;
	size_t n = 0;

	l->env = arena_alloc_array(l->a, env->n + ENV_FIXED, sizeof(*l->env));
	l->args = arena_alloc_array(l->a, c->args.n + 2, sizeof(*l->args));
	if (!l->env || !l->args)
		return err_set(e, ERR_UNAVAILABLE, "no memory");
	if (!env_names(env, "PATH"))
		l->env[n++] = default_path;
	if (l->spec.hostname && !env_names(env, "HOSTNAME"))
		l->env[n++] = arena_printf(l->a, "HOSTNAME=%s", l->spec.hostname);
	if (c->config.tty && !env_names(env, "TERM"))
		l->env[n++] = "TERM=xterm";
	for (size_t i = 0; i < env->n; i++)
		if (strchr(env->items[i], '='))
			l->env[n++] = env->items[i];
	n = 0;
	l->args[n++] = c->path;
	for (size_t i = 0; i < c->args.n; i++)
		l->args[n++] = c->args.items[i];
	return 0;
}

static int compare_depth(const void *a, const void *b)
{
	const struct spec_mount *x = a, *y = b;
	size_t dx = 0, dy = 0;

	for (const char *p = x->target; *p; p++)
		dx += *p == '/';
	for (const char *p = y->target; *p; p++)
		dy += *p == '/';
	return dx < dy ? -1 : dx > dy;
}

static int fill_mounts(struct launch *l, struct err *e)
{
	const struct container *c = l->c;

	l->mounts = arena_alloc_array(l->a, c->n_mounts, sizeof(*l->mounts));
	if (!l->mounts)
		return err_set(e, ERR_UNAVAILABLE, "no memory");
	for (size_t i = 0; i < c->n_mounts; i++) {
		const struct container_mount *m = &c->mounts[i];

		l->mounts[l->n_mounts++] = (struct spec_mount){
			.source = m->source,
			.target = m->destination,
			.read_only = !m->rw,
			.propagation = is_empty(m->propagation) ? NULL : m->propagation,
			.tmpfs_options = strcmp(m->type, "tmpfs") ? NULL : m->mode,
		};
	}
	qsort(l->mounts, l->n_mounts, sizeof(*l->mounts), compare_depth);
	return 0;
}

static int write_bundle(struct launch *l, struct err *e)
{
	struct container *c = l->c;
	const char *parent = is_empty(c->host.cgroup_parent) ? c->eng->opt->cgroup_parent
							     : c->host.cgroup_parent;
	char path[CONTAINER_PATH_MAX + 16];
	struct buf out;

	if (fill_process(l, e) < 0 || fill_mounts(l, e) < 0)
		return err_code(e);
	text_format(l->cgroups_path, sizeof(l->cgroups_path), "%s%s/%s", *parent == '/' ? "" : "/",
		    parent, c->id);
	l->spec.id = c->id;
	l->spec.config = &c->config;
	l->spec.host = &c->host;
	l->spec.args = l->args;
	l->spec.env = l->env;
	l->spec.cwd = is_empty(c->config.working_dir) ? "/" : c->config.working_dir;
	l->spec.user = l->user;
	l->spec.extra_gids = l->extra_gids;
	l->spec.n_extra_gids = l->n_extra_gids;
	l->spec.rootfs = l->rootfs;
	l->spec.netns_path = c->netns_path[0] ? c->netns_path : NULL;
	l->spec.hosts_path = l->hosts;
	l->spec.hostname_path = l->hostname;
	l->spec.resolv_path = l->resolv;
	l->spec.init_path = c->eng->opt->self_path;
	l->spec.mounts = l->mounts;
	l->spec.n_mounts = l->n_mounts;
	l->spec.cgroups_path = l->cgroups_path;
	l->spec.cgroup_v2 = c->eng->cgroup_v2;
	buf_init(&out, l->a, SPEC_FILE_MAX);
	if (spec_write(&l->spec, &out, e) < 0)
		return err_code(e);
	if (out.failed)
		return err_set(e, ERR_TOO_LARGE, "the container's configuration is too large");
	text_format(path, sizeof(path), "%s/config.json", l->run_dir);
	return file_replace_at(AT_FDCWD, path, buf_str(&out), 0600, false, e);
}

/* --- 5. the shim --- */

/* "10m" → bytes; 0 when absent or odd. */
static int64_t parse_size(const char *text)
{
	int64_t n = 0;
	char *end;

	if (is_empty(text))
		return 0;
	n = strtoll(text, &end, 10);
	switch (*end | 0x20) {
	case 'k':
		return n << 10;
	case 'm':
		return n << 20;
	case 'g':
		return n << 30;
	default:
		return n;
	}
}

static void console_size(const struct host_config *h, uint16_t *height, uint16_t *width)
{
	unsigned hh = 0, ww = 0;
	char text[32];

	if (str_copy(text, sizeof(text), h->console_size_raw) &&
	    sscanf(text, "[%u,%u]", &hh, &ww) == 2) {
		*height = (uint16_t)hh;
		*width = (uint16_t)ww;
	}
}

static int start_shim(struct launch *l, struct err *e) FIBER_FN
{
	struct container *c = l->c;
	const struct text_map *opts = &c->host.log_config.options;
	size_t n_hold = 0;
	int64_t max_file = parse_size(text_map_get(opts, "max-file"));
	int r;

	text_format(l->runtime_root, sizeof(l->runtime_root), "%s/runtime", c->eng->opt->exec_root);
	for (size_t i = 0; c->endpoint && i < c->endpoint->n_ports; i++)
		if (c->endpoint->ports[i].fd >= 0)
			l->hold_fds[n_hold++] = c->endpoint->ports[i].fd;
	l->shim = (struct shim_launch){
		.id = c->id,
		.run_dir = l->run_dir,
		.state_dir = l->state_dir,
		.runtime_path = engine_runtime_path(c->eng, c->host.runtime),
		.runtime_root = l->runtime_root,
		.self_path = c->eng->opt->self_path,
		.tty = c->config.tty,
		.open_stdin = c->config.open_stdin,
		.stdin_once = c->config.stdin_once,
		.log_driver = c->host.log_config.type,
		.log_max_size = parse_size(text_map_get(opts, "max-size")),
		.log_max_file = max_file > 0 ? max_file : 1,
		.streams = l->streams,
		.hold_fds = l->hold_fds,
		.n_hold_fds = n_hold,
		.events = &c->events,
	};
	if (!l->shim.runtime_path)
		return err_set(e, ERR_INVALID, "unknown or invalid runtime name: %s",
			       c->host.runtime);
	console_size(&c->host, &l->shim.height, &l->shim.width);
	l->shim.n_streams = container_take_attaching(c, l->streams, ARRAY_LEN(l->streams));
	r = shim_start(&l->shim, &c->shim, &c->pid, &c->started_ns, e);
	container_wake_attaching(c);
	for (size_t i = 0; c->endpoint && i < c->endpoint->n_ports; i++)
		fd_closep(&c->endpoint->ports[i].fd), c->endpoint->ports[i].fd = -1;
	return r;
}

static int launch_steps(struct launch *l, struct err *e) FIBER_FN
{
	struct container *c = l->c;
	int r;

	container_state_path(c, l->state_dir);
	container_run_path(c, l->run_dir);
	if (!c->image)
		return err_set(e, ERR_NOT_FOUND, "No such image: %s", c->image_id.text);
	r = snapshot_mount(c->eng->images, c->id, c->image, l->rootfs, sizeof(l->rootfs), e);
	if (r < 0)
		return r;
	r = job_run(&l->job, prepare_run, JOB_SHORT);
	if (r < 0) {
		if (e)
			*e = l->job.err;
		return l->job.err.kind ? r
				       : err_set(e, ERR_UNAVAILABLE,
						 "too many operations at once; try again");
	}
	if (set_up_network(l, e) < 0 || write_bundle(l, e) < 0)
		return err_code(e);
	return start_shim(l, e);
}

int container_launch(struct container *c, struct err *e)
{
	CLEANUP_ARENA struct arena a = {0};
	struct launch *l;
	int r = arena_open(&a, POOL_NORMAL);

	if (r < 0)
		return err_set(e, ERR_UNAVAILABLE, "too many operations at once; try again");
	l = arena_alloc(&a, sizeof(*l));
	if (!l)
		return err_set(e, ERR_UNAVAILABLE, "no memory to start a container");
	l->c = c;
	l->a = &a;
	r = launch_steps(l, e);
	if (r < 0)
		container_teardown(c);
	return r;
}

struct clear_job {
	struct job job;
	char path[CONTAINER_PATH_MAX];
};

static int clear_run(struct job *job)
{
	struct clear_job *j = container_of(job, struct clear_job, job);

	return tree_remove_at(AT_FDCWD, j->path, &job->err);
}

void container_teardown(struct container *c)
{
	struct engine *eng = c->eng;
	struct err e = ERR_INIT;
	struct clear_job clear = {0};

	if (c->endpoint) {
		if (network_disconnect(eng->network, c->id, c->endpoint, &e) < 0)
			log_warn("container %s: taking down its network: %s", c->id, e.msg);
		mem_free(TAKE_PTR(c->endpoint));
	} else if (c->netns_path[0] && strncmp(c->netns_path, "/proc/", 6)) {
		if (netns_remove(eng->network, c->id, &e) < 0)
			log_warn("container %s: removing its network namespace: %s", c->id, e.msg);
	}
	c->netns_path[0] = 0;
	if (snapshot_unmount(eng->images, c->id, &e) < 0)
		log_warn("container %s: unmounting its root: %s", c->id, e.msg);
	container_run_path(c, clear.path);
	if (job_run(&clear.job, clear_run, JOB_SHORT) < 0)
		log_warn("container %s: removing its bundle: %s", c->id, clear.job.err.msg);
}
