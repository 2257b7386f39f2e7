/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Binds, Mounts and Tmpfs: their syntax, and the list of mount points a container gets. Named and
 * anonymous volumes need a volume store and are refused by name until there is one.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "firmware/core/file.h"
#include "runtime/container/private.h"

struct mount_list {
	struct container_mount *items;
	size_t n;
	struct arena *a;
};

static const char *const propagations[] = {"rprivate", "private", "rshared",
					   "shared",   "rslave",  "slave"};
static const char *const silent_modes[] = {"z", "Z", "nocopy", "consistent", "cached", "delegated"};

static bool among(struct str s, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (str_eqz(s, list[i]))
			return true;
	return false;
}

static int parse_mode(struct str mode, struct container_mount *m, struct arena *a, struct err *e)
{
	struct str rest = mode;

	while (rest.n) {
		struct str word = str_cut(rest, ',', &rest);

		if (str_eqz(word, "ro"))
			m->rw = false;
		else if (str_eqz(word, "rw"))
			m->rw = true;
		else if (among(word, propagations, ARRAY_LEN(propagations)))
			m->propagation = arena_strndup(a, word.p, word.n);
		else if (!among(word, silent_modes, ARRAY_LEN(silent_modes)))
			return err_set(e, ERR_INVALID, "invalid mode: " STR_FMT, STR_ARG(mode));
	}
	return 0;
}

/* Lexical cleaning of an absolute path, as Go's path.Clean does; in place. */
static void clean_path(char *path)
{
	char *out = path, *p = path;

	while (*p) {
		size_t n;

		while (*p == '/')
			p++;
		n = strcspn(p, "/");
		if (n == 2 && !strncmp(p, "..", 2)) {
			while (out > path && *--out != '/')
				;
		} else if (n && !(n == 1 && *p == '.')) {
			*out++ = '/';
			memmove(out, p, n);
			out += n;
		}
		p += n;
	}
	if (out == path)
		*out++ = '/';
	*out = 0;
}

static int add_mount(struct mount_list *list, struct container_mount m, struct err *e)
{
	char *target = arena_strdup(list->a, m.destination);

	if (!target)
		return err_set(e, ERR_UNAVAILABLE, "no memory");
	clean_path(target);
	if (!strcmp(target, "/"))
		return err_set(e, ERR_INVALID, "invalid specification: destination can't be '/'");
	for (size_t i = 0; i < list->n; i++)
		if (!strcmp(list->items[i].destination, target))
			return err_set(e, ERR_INVALID, "Duplicate mount point: %s", target);
	m.destination = target;
	list->items[list->n++] = m;
	return 0;
}

static int bind_error(const char *spec, struct err *e)
{
	return err_set(e, ERR_INVALID, "invalid volume specification: '%s'", spec);
}

/* [src:]dst[:mode] */
static int add_bind(struct mount_list *list, const char *spec, struct err *e)
{
	struct str parts[3], rest = str_from(spec);
	struct container_mount m = {
		.type = "bind", .rw = true, .mode = "", .propagation = "rprivate"};
	size_t n = 0;
	char *source;

	while (rest.p && n < 3) {
		bool more = str_find(rest, ':') >= 0;

		parts[n++] = str_cut(rest, ':', &rest);
		if (!more) {
			rest.p = NULL;
			break;
		}
	}
	if (rest.p || !n || !parts[0].n)
		return bind_error(spec, e);
	if (n == 2 && parts[1].n && parts[1].p[0] != '/' &&
	    parse_mode(parts[1], &m, list->a, e) < 0)
		return bind_error(spec, e);
	if (n == 1 || (n == 2 && parts[1].n && parts[1].p[0] != '/'))
		return err_set(e, ERR_NOT_IMPLEMENTED,
			       "anonymous volumes are not supported by this engine: %s", spec);
	if (!parts[0].n || !parts[1].n || parts[1].p[0] != '/')
		return bind_error(spec, e);
	if (parts[0].p[0] != '/')
		return err_set(e, ERR_NOT_IMPLEMENTED,
			       "named volumes are not supported by this engine: %s", spec);
	if (n == 3) {
		int r = parse_mode(parts[2], &m, list->a, e);

		if (r < 0)
			return r;
		m.mode = arena_strndup(list->a, parts[2].p, parts[2].n);
	}
	source = arena_strndup(list->a, parts[0].p, parts[0].n);
	m.destination = arena_strndup(list->a, parts[1].p, parts[1].n);
	if (!source || !m.destination || !m.mode)
		return err_set(e, ERR_UNAVAILABLE, "no memory");
	clean_path(source);
	m.source = source;
	return add_mount(list, m, e);
}

static int mount_error(const struct mount_config *in, const char *why, struct err *e)
{
	return err_set(e, ERR_INVALID, "invalid mount config for type \"%s\": %s", in->type, why);
}

static int add_bind_mount(struct mount_list *list, const struct mount_config *in, struct err *e)
{
	struct container_mount m = {
		.type = "bind", .rw = !in->read_only, .mode = "", .propagation = "rprivate"};
	struct stat st;

	if (in->volume_options)
		return mount_error(in, "VolumeOptions must not be specified", e);
	if (!in->source || !*in->source)
		return mount_error(in, "field Source must not be empty", e);
	if (*in->source != '/')
		return err_set(e, ERR_INVALID,
			       "invalid mount config for type \"bind\": invalid mount path: '%s' "
			       "mount path must be absolute",
			       in->source);
	if (in->bind_options && in->bind_options->propagation && *in->bind_options->propagation) {
		if (!among(str_from(in->bind_options->propagation), propagations,
			   ARRAY_LEN(propagations)))
			return err_set(e, ERR_INVALID,
				       "invalid mount config for type \"bind\": invalid "
				       "propagation mode: %s",
				       in->bind_options->propagation);
		m.propagation = in->bind_options->propagation;
	}
	if (stat(in->source, &st) < 0 && !(in->bind_options && in->bind_options->create_mountpoint))
		return err_set(e, ERR_INVALID,
			       "invalid mount config for type \"bind\": bind source path does not "
			       "exist: %s",
			       in->source);
	m.source = in->source;
	m.destination = in->target;
	return add_mount(list, m, e);
}

static int add_tmpfs_mount(struct mount_list *list, const struct mount_config *in, struct err *e)
{
	struct container_mount m = {
		.type = "tmpfs", .rw = !in->read_only, .mode = "", .propagation = "", .source = ""};
	const struct tmpfs_options *o = in->tmpfs_options;

	if (in->source && *in->source)
		return mount_error(in, "field Source must not be specified", e);
	m.mode = arena_printf(list->a, o && o->size_bytes > 0 ? "mode=%llo,size=%lld" : "mode=%llo",
			      (unsigned long long)(o && o->mode ? o->mode : 01777),
			      (long long)(o ? o->size_bytes : 0));
	if (!m.mode)
		return err_set(e, ERR_UNAVAILABLE, "no memory");
	m.destination = in->target;
	return add_mount(list, m, e);
}

static int add_config_mount(struct mount_list *list, const struct mount_config *in, struct err *e)
{
	if (!in->target || !*in->target)
		return err_set(
			e, ERR_INVALID,
			"invalid mount config for type \"%s\": field Target must not be empty",
			in->type ? in->type : "");
	if (*in->target != '/')
		return err_set(e, ERR_INVALID,
			       "invalid mount config for type \"%s\": invalid mount path: '%s' "
			       "mount path must be absolute",
			       in->type ? in->type : "", in->target);
	if (strz_eq(in->type, "bind"))
		return add_bind_mount(list, in, e);
	if (strz_eq(in->type, "tmpfs"))
		return add_tmpfs_mount(list, in, e);
	if (strz_eq(in->type, "volume") || strz_eq(in->type, "image"))
		return err_set(e, ERR_NOT_IMPLEMENTED,
			       "mounts of type \"%s\" are not supported by this engine", in->type);
	return err_set(e, ERR_INVALID, "mount type unknown: \"%s\"", in->type ? in->type : "");
}

int container_mounts(const struct engine *eng, const struct create_request *req, struct arena *a,
		     struct container_mount **ret, size_t *ret_n, struct err *e)
{
	const struct host_config *h = &req->host;
	const struct mount_config *mounts = h->mounts.items;
	struct mount_list list = {.a = a};

	(void)eng;
	if (req->config.volumes.n)
		return err_set(e, ERR_NOT_IMPLEMENTED,
			       "anonymous volumes are not supported by this engine: %s",
			       req->config.volumes.items[0]);
	list.items = arena_alloc_array(a, h->binds.n + h->mounts.n + 1, sizeof(*list.items));
	if (!list.items)
		return err_set(e, ERR_UNAVAILABLE, "no memory");
	for (size_t i = 0; i < h->binds.n; i++)
		if (add_bind(&list, h->binds.items[i], e) < 0)
			return err_code(e);
	for (size_t i = 0; i < h->mounts.n; i++)
		if (add_config_mount(&list, &mounts[i], e) < 0)
			return err_code(e);
	*ret = list.items;
	*ret_n = list.n;
	return 0;
}

int container_mount_sources(const struct container_mount *mounts, size_t n, struct err *e)
{
	for (size_t i = 0; i < n; i++) {
		struct stat st;

		if (strcmp(mounts[i].type, "bind"))
			continue;
		if (stat(mounts[i].source, &st) == 0)
			continue;
		if (errno != ENOENT)
			return err_sys(e, errno, "error while creating mount source path '%s'",
				       mounts[i].source);
		if (dir_make_all(mounts[i].source, 0755, e) < 0)
			return err_wrap(e, "error while creating mount source path '%s'",
					mounts[i].source);
	}
	return 0;
}

int container_ports(const struct container_config *config, const struct host_config *host,
		    struct port_request *ret, size_t max, size_t *ret_n, struct err *e)
{
	size_t n = 0;

	for (size_t i = 0; i < host->port_bindings.n; i++) {
		const struct shape_map_entry *entry = &host->port_bindings.items[i];
		const struct shape_array *list = entry->value;
		const struct port_binding *bindings = list ? list->items : NULL;
		struct port_request base = {0};

		if (port_parse(entry->key, &base.port, &base.proto, e) < 0)
			return err_code(e);
		for (size_t k = 0; list && k < list->n; k++) {
			struct port_request p = base;

			if (n == max)
				return err_set(e, ERR_TOO_LARGE, "more than %zu published ports",
					       max);
			if (port_parse_binding(bindings[k].host_ip, bindings[k].host_port, &p, e) <
			    0)
				return err_code(e);
			ret[n++] = p;
		}
	}
	for (size_t i = 0; host->publish_all_ports && i < config->exposed_ports.n; i++) {
		struct port_request p = {0};
		bool bound = false;

		if (port_parse(config->exposed_ports.items[i], &p.port, &p.proto, e) < 0)
			return err_code(e);
		for (size_t k = 0; k < n; k++)
			bound |= ret[k].port == p.port && ret[k].proto == p.proto;
		if (bound)
			continue;
		if (n == max)
			return err_set(e, ERR_TOO_LARGE, "more than %zu published ports", max);
		ret[n++] = p;
	}
	*ret_n = n;
	return 0;
}
