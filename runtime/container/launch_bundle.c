/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The step of a launch that writes config.json: environment, arguments and mounts as the engine
 * orders them; the rest of the document is runtime/spec's.
 */
#include "runtime/cgroup/cgroup.h"
#include "runtime/container/launch.h"

#include <fcntl.h>
#include <stdlib.h>

#include "firmware/core/file.h"

#define SPEC_FILE_MAX (1u << 20)
#define ENV_FIXED 4 /* PATH, HOSTNAME, TERM and the end */

static const char default_path[] =
	"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

static bool env_names(const struct texts *env, const char *key)
{
	size_t n = strlen(key);

	for (size_t i = 0; i < env->n; i++)
		if (!strncmp(env->items[i], key, n) &&
		    (env->items[i][n] == '=' || !env->items[i][n]))
			return true;
	return false;
}

/* The container's own replace what links bring. */
static bool env_has_key(const struct texts *env, const char *entry)
{
	size_t n = strcspn(entry, "=");

	for (size_t i = 0; i < env->n; i++)
		if (!strncmp(env->items[i], entry, n) &&
		    (env->items[i][n] == '=' || !env->items[i][n]))
			return true;
	return false;
}

/* Variables that devices bring replace those of the same name. */
static void add_device_env(struct launch *l, size_t n)
{
	const struct cdi_edits *edits = l->injection.edits.items;

	for (size_t i = 0; i < l->injection.edits.n; i++)
		for (size_t k = 0; k < edits[i].env.n; k++) {
			const char *entry = edits[i].env.items[k];
			size_t at = 0, key = strcspn(entry, "=") + 1;

			while (at < n && strncmp(l->env[at], entry, key) != 0)
				at++;
			l->env[at] = entry;
			n += at == n;
		}
}

static size_t count_device_env(const struct launch *l)
{
	const struct cdi_edits *edits = l->injection.edits.items;
	size_t n = 0;

	for (size_t i = 0; i < l->injection.edits.n; i++)
		n += edits[i].env.n;
	return n;
}

static int fill_process(struct launch *l, struct err *e)
{
	const struct container *c = l->c;
	const struct texts *env = &c->config.env;
	size_t n = 0;

	l->env = arena_alloc_array(l->a, env->n + l->links.env.n + count_device_env(l) + ENV_FIXED,
				   sizeof(*l->env));
	l->args = arena_alloc_array(l->a, c->args.n + 2, sizeof(*l->args));
	if (!l->env || !l->args)
		return err_set(e, ERR_UNAVAILABLE, "no memory");
	if (!env_names(env, "PATH"))
		l->env[n++] = default_path;
	if (l->spec.hostname && !env_names(env, "HOSTNAME"))
		l->env[n++] = arena_printf(l->a, "HOSTNAME=%s", l->spec.hostname);
	if (c->config.tty && !env_names(env, "TERM"))
		l->env[n++] = "TERM=xterm";
	for (size_t i = 0; i < l->links.env.n; i++)
		if (!env_has_key(env, l->links.env.items[i]))
			l->env[n++] = l->links.env.items[i];
	for (size_t i = 0; i < env->n; i++)
		if (strchr(env->items[i], '='))
			l->env[n++] = env->items[i];
	add_device_env(l, n);
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
		const char *source = m->subpath ? launch_stage_path(l, i) : m->source;

		if (!source)
			return err_set(e, ERR_UNAVAILABLE, "no memory");
		if (m->ro_all && !c->eng->ro_recursive)
			return err_set(e, ERR_SYSTEM,
				       "rro is not supported: kernel older than 5.12");
		l->mounts[l->n_mounts++] = (struct spec_mount){
			.source = source,
			.target = m->destination,
			.read_only = !m->rw,
			.top_only = m->top_only,
			/* Nothing is mounted below a file; and crun's "rro" wants a directory. */
			.ro_top_only = m->ro_top_only || m->is_file,
			.propagation = is_empty(m->propagation) || m->alone ? NULL : m->propagation,
			.tmpfs_options = strcmp(m->type, "tmpfs") ? NULL : m->mode,
		};
	}
	qsort(l->mounts, l->n_mounts, sizeof(*l->mounts), compare_depth);
	return 0;
}

int launch_bundle(struct launch *l, struct err *e)
{
	struct container *c = l->c;
	struct cgroup group;
	char path[CONTAINER_PATH_MAX + 16];
	struct buf out;

	if (fill_process(l, e) < 0 || fill_mounts(l, e) < 0)
		return err_code(e);
	if (!container_cgroup(c, &group))
		return err_set(e, ERR_INVALID, "HostConfig.CgroupParent is too long");
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
	l->spec.ro_recursive = c->eng->ro_recursive;
	l->spec.mounts = l->mounts;
	l->spec.cdi = l->injection.edits.n ? &l->injection : NULL;
	l->spec.n_mounts = l->n_mounts;
	text_format(l->cgroups_path, sizeof(l->cgroups_path), "%s", group.path);
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
