/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From what the client asked and what the image says to what the container is: the engine's merge
 * rules for Config, the defaults of HostConfig, and the command line.
 */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "runtime/container/log_options.h"
#include "runtime/container/private.h"

#define SHM_SIZE_DEFAULT (64 << 20)

static struct str env_key(const char *entry)
{
	const char *eq = strchr(entry, '=');

	return str_span(entry, eq ? (size_t)(eq - entry) : strlen(entry));
}

static bool env_has(const struct texts *env, struct str key)
{
	for (size_t i = 0; i < env->n; i++)
		if (str_eq(env_key(env->items[i]), key))
			return true;
	return false;
}

/* Image entries whose key the container does not name come after the container's own. */
static int merge_env(struct texts *env, const struct texts *image, struct arena *a)
{
	const char **all = arena_alloc_array(a, env->n + image->n + 1, sizeof(*all));
	size_t n = 0;

	if (!all)
		return -ENOMEM;
	for (size_t i = 0; i < env->n; i++)
		all[n++] = env->items[i];
	for (size_t i = 0; i < image->n; i++)
		if (!env_has(env, env_key(image->items[i])))
			all[n++] = image->items[i];
	*env = (struct texts){all, n, true};
	return 0;
}

/* Union of two sets of texts. */
static int merge_set(struct texts *set, const struct texts *image, struct arena *a)
{
	const char **all;
	size_t n = set->n;

	if (!image->n) {
		if (!n) /* an empty one counts as none */
			*set = (struct texts){0};
		return 0;
	}
	all = arena_alloc_array(a, set->n + image->n, sizeof(*all));
	if (!all)
		return -ENOMEM;
	for (size_t i = 0; i < set->n; i++)
		all[i] = set->items[i];
	for (size_t i = 0; i < image->n; i++)
		if (!texts_contain(set, image->items[i]))
			all[n++] = image->items[i];
	*set = (struct texts){all, n, true};
	return 0;
}

/* Entries of base whose key the map does not have come before its own. */
static int merge_map(struct text_map *map, const struct text_map *base, struct arena *a)
{
	struct text_pair *all;
	size_t n = 0;

	if (!base->n)
		return 0;
	all = arena_alloc_array(a, map->n + base->n, sizeof(*all));
	if (!all)
		return -ENOMEM;
	for (size_t i = 0; i < base->n; i++)
		if (!text_map_get(map, base->items[i].key))
			all[n++] = base->items[i];
	for (size_t i = 0; i < map->n; i++)
		all[n++] = map->items[i];
	*map = (struct text_map){all, n, true};
	return 0;
}

static void merge_health(struct container_config *c, const struct container_config *img)
{
	struct health_config *own = c->healthcheck;
	const struct health_config *base = img->healthcheck;

	if (!base)
		return;
	if (!own) {
		c->healthcheck = img->healthcheck;
		return;
	}
	if (!own->test.n)
		own->test = base->test;
	if (!own->interval)
		own->interval = base->interval;
	if (!own->timeout)
		own->timeout = base->timeout;
	if (!own->start_period)
		own->start_period = base->start_period;
	if (!own->start_interval)
		own->start_interval = base->start_interval;
	if (!own->retries)
		own->retries = base->retries;
}

/* Entrypoint given: the image's Cmd is not used. [""] is an entrypoint given, but none. */
static void merge_command(struct container_config *c, const struct container_config *img)
{
	if (!c->entrypoint.n) {
		if (!c->cmd.n) {
			c->cmd = img->cmd;
			c->args_escaped = img->args_escaped;
		}
		if (!c->entrypoint.set)
			c->entrypoint = img->entrypoint;
	}
	if (c->entrypoint.n == 1 && !*c->entrypoint.items[0])
		c->entrypoint = (struct texts){0};
}

int container_merge_config(struct container_config *c, const struct container_config *img,
			   struct arena *a)
{
	if (!c->user || !*c->user)
		c->user = img->user;
	if (!c->working_dir || !*c->working_dir)
		c->working_dir = img->working_dir;
	if (!c->stop_signal || !*c->stop_signal)
		c->stop_signal = img->stop_signal;
	if (!c->stop_timeout.set)
		c->stop_timeout = img->stop_timeout;
	if (!c->shell.n)
		c->shell = img->shell;
	merge_command(c, img);
	merge_health(c, img);
	if (merge_env(&c->env, &img->env, a) < 0 ||
	    merge_set(&c->exposed_ports, &img->exposed_ports, a) < 0 ||
	    merge_set(&c->volumes, &img->volumes, a) < 0 ||
	    merge_map(&c->labels, &img->labels, a) < 0)
		return -ENOMEM;
	c->labels.set = true; /* a container has labels, if none: {}. An image may have null. */
	return 0;
}

static bool is_text(const char *s, const char *what)
{
	return s && !strcmp(s, what);
}

static bool is_empty(const char *s)
{
	return !s || !*s;
}

/* Published ports are exposed ports too. */
static int expose_published(struct create_request *req, struct arena *a)
{
	struct texts published = {0};

	if (!req->host.port_bindings.n)
		return 0;
	published.items = arena_alloc_array(a, req->host.port_bindings.n, sizeof(char *));
	if (!published.items)
		return -ENOMEM;
	for (size_t i = 0; i < req->host.port_bindings.n; i++) {
		const char *port = req->host.port_bindings.items[i].key;

		published.items[published.n++] =
			strchr(port, '/') ? port : arena_printf(a, "%s/tcp", port);
	}
	return merge_set(&req->config.exposed_ports, &published, a);
}

static void default_host(struct host_config *h)
{
	if (is_empty(h->network_mode) || is_text(h->network_mode, "default"))
		h->network_mode = "bridge";
	if (is_empty(h->ipc_mode))
		h->ipc_mode = "private";
	if (!h->shm_size)
		h->shm_size = SHM_SIZE_DEFAULT;
	if (h->pids_limit.set && h->pids_limit.v <= 0)
		h->pids_limit.set = false;
	if (h->memory > 0 && !h->memory_swap)
		h->memory_swap = h->memory <= INT64_MAX / 2 ? h->memory * 2 : -1;
	if (is_empty(h->restart_policy.name))
		h->restart_policy.name = "no";
	if (!h->console_size_raw.n)
		h->console_size_raw = STR("[0,0]");
}

/*
 * The daemon's options hold for its own driver only, named or not, save those of the cache; the
 * container's come first.
 * They are checked here, for only together do they make sense.
 */
static int default_log(struct log_config *log, const struct engine_options *opt, struct arena *a,
		       struct err *e)
{
	const struct text_map *defaults = &opt->default_log_opts;
	struct text_map cache = {.set = true};

	if (is_empty(log->type))
		log->type = opt->default_log_driver;
	if (strcmp(log->type, opt->default_log_driver) && defaults->n) {
		cache.items = arena_alloc_array(a, defaults->n, sizeof(*cache.items));
		for (size_t i = 0; cache.items && i < defaults->n; i++)
			if (log_options_is_cache(defaults->items[i].key))
				cache.items[cache.n++] = defaults->items[i];
		defaults = &cache;
	}
	if (merge_map(&log->options, defaults, a) < 0)
		return err_set(e, ERR_UNAVAILABLE, "no memory for the log's options");
	return log_options_read(log->type, &log->options, NULL, e);
}

/* The host's own name for who shares its network; else the beginning of the ID. */
static const char *default_hostname(const struct host_config *h, const char *id, struct arena *a)
{
	char own[65] = "";

	if (is_text(h->network_mode, "host") && gethostname(own, sizeof(own) - 1) == 0 && *own)
		return arena_strdup(a, own);
	return arena_strndup(a, id, 12);
}

/* Who sees the host's processes or all its devices is not confined by labels either. */
static int add_label(struct host_config *h, struct arena *a)
{
	const char **all;

	if (!h->privileged && !is_text(h->ipc_mode, "host") && !is_text(h->pid_mode, "host"))
		return 0;
	for (size_t i = 0; i < h->security_opt.n; i++)
		if (strz_starts(h->security_opt.items[i], "label=") ||
		    !strcmp(h->security_opt.items[i], "label"))
			return 0;
	all = arena_alloc_array(a, h->security_opt.n + 1, sizeof(*all));
	if (!all)
		return -ENOMEM;
	for (size_t i = 0; i < h->security_opt.n; i++)
		all[i] = h->security_opt.items[i];
	all[h->security_opt.n] = "label=disable";
	h->security_opt = (struct texts){all, h->security_opt.n + 1, true};
	return 0;
}

int container_merge(struct create_request *req, const struct engine_options *opt, bool cgroup_v2,
		    const struct image *img, const char *id, struct arena *a, struct err *e)
{
	struct container_config *c = &req->config;

	if (default_log(&req->host.log_config, opt, a, e) < 0)
		return err_code(e);
	default_host(&req->host);
	if (is_empty(req->host.runtime))
		req->host.runtime = opt->default_runtime;
	if (is_empty(req->host.cgroupns_mode))
		req->host.cgroupns_mode = cgroup_v2 ? "private" : "host";
	if (!cgroup_v2 && req->host.oom_kill_disable == SHAPE_TRI_UNSET)
		req->host.oom_kill_disable = 0;
	if (container_merge_config(c, &img->spec.config, a) < 0 || expose_published(req, a) < 0 ||
	    add_label(&req->host, a) < 0)
		return err_set(e, ERR_UNAVAILABLE, "no memory for the container's configuration");
	if (is_empty(c->hostname))
		c->hostname = default_hostname(&req->host, id, a);
	return c->hostname ? 0 : err_set(e, ERR_UNAVAILABLE, "no memory");
}

int container_argv(const struct container_config *config, struct arena *a, const char **ret_path,
		   struct texts *ret_args, struct err *e)
{
	size_t total = config->entrypoint.n + config->cmd.n, n = 0;
	const char **all;

	if (!total)
		return err_set(e, ERR_INVALID, "no command specified");
	all = arena_alloc_array(a, total + 1, sizeof(*all));
	if (!all)
		return err_set(e, ERR_UNAVAILABLE, "no memory");
	for (size_t i = 0; i < config->entrypoint.n; i++)
		all[n++] = config->entrypoint.items[i];
	for (size_t i = 0; i < config->cmd.n; i++)
		all[n++] = config->cmd.items[i];
	*ret_path = all[0];
	*ret_args = (struct texts){all + 1, total - 1, true};
	return 0;
}
