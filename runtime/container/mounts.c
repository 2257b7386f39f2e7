/* SPDX-License-Identifier: Apache-2.0 */
/*
 * VolumesFrom, Binds, Mounts and Volumes: their syntax, and the list of mount points a container
 * gets from them. Later ones take the place of what came from other containers, and must not meet
 * each other. Nothing is made here; volumes.c does that with what is planned.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "firmware/core/file.h"
#include "runtime/container/mount_mode.h"
#include "runtime/container/private.h"

#define SUBPATH_SINCE 45
#define IMAGE_SINCE 48
#define STRICT_SINCE 42
#define RECURSIVE_SINCE 44 /* read-only is so with all that is mounted below */

struct mount_list {
	struct planned_mount *items;
	size_t n, room;
	const struct engine *eng;
	const struct host_config *host;
	unsigned api_minor;
	struct arena *a;
};

static bool is_empty(const char *s)
{
	return !s || !*s;
}

static int no_memory(struct err *e)
{
	return err_set(e, ERR_UNAVAILABLE, "no memory for the container's mounts");
}

/* --- the list --- */

/* Lexical cleaning of an absolute path (of no other: it would need room), as Go's path.Clean does;
 * in place. */
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

static const char *cleaned(struct arena *a, const char *path)
{
	char *copy = arena_strdup(a, path);

	if (copy)
		clean_path(copy);
	return copy;
}

static struct planned_mount *find_mount(const struct mount_list *list, const char *target)
{
	for (size_t i = 0; i < list->n; i++)
		if (!strcmp(list->items[i].m.destination, target))
			return &list->items[i];
	return NULL;
}

static int is_tmpfs_target(const struct mount_list *list, const char *target)
{
	for (size_t i = 0; i < list->host->tmpfs.n; i++) {
		const char *path = cleaned(list->a, list->host->tmpfs.items[i].key);

		if (!path)
			return -ENOMEM;
		if (!strcmp(path, target))
			return 1;
	}
	return 0;
}

static int append(struct mount_list *list, const struct planned_mount *p, struct err *e)
{
	if (list->n == list->room) {
		size_t room = list->room ? list->room * 2 : 8;
		void *items = arena_grow(list->a, list->items, list->room * sizeof(*p),
					 room * sizeof(*p));

		if (!items)
			return no_memory(e);
		list->items = items;
		list->room = room;
	}
	list->items[list->n++] = *p;
	return 0;
}

/* The destination is cleaned already. */
static int add_mount(struct mount_list *list, struct planned_mount *p, struct err *e)
{
	struct planned_mount *there = find_mount(list, p->m.destination);
	int taken = is_tmpfs_target(list, p->m.destination);

	if (taken < 0)
		return no_memory(e);
	if (taken || (there && !there->from_other))
		return err_set(e, ERR_INVALID, "Duplicate mount point: %s", p->m.destination);
	if (!there)
		return append(list, p, e);
	*there = *p;
	return 0;
}

/* A volume gets its name and place; who names none gets one of its own. */
static int name_volume(struct mount_list *list, struct planned_mount *p, const char *driver,
		       struct err *e)
{
	struct volume_request req = {.name = p->m.name, .driver = driver};
	char name[65];

	p->m.anonymous = is_empty(p->m.name);
	if (p->m.anonymous) {
		volume_make_name(name);
		p->m.name = req.name = arena_strdup(list->a, name);
		if (!p->m.name)
			return no_memory(e);
	}
	if (volume_check(&req, e) < 0) {
		/* "Not found" would make clients look for the image. */
		e->kind = ERR_INVALID;
		return err_code(e);
	}
	p->m.source = volume_path(list->eng->volumes, p->m.name, list->a);
	p->m.driver = VOLUME_DRIVER;
	return p->m.source ? 0 : no_memory(e);
}

/* --- Mounts, and Binds once they are taken apart --- */

static int wrong(const struct mount_config *in, struct err *e, const char *what, const char *arg)
{
	return err_set(e, ERR_INVALID, "invalid mount config for type \"%s\": %s%s", in->type, what,
		       arg ? arg : "");
}

static int extra_field(const struct mount_config *in, const char *field, struct err *e)
{
	return err_set(e, ERR_INVALID,
		       "invalid mount config for type \"%s\": field %s must not be specified",
		       in->type, field);
}

static int relative_path(const struct mount_config *in, const char *path, struct err *e)
{
	return err_set(e, ERR_INVALID,
		       "invalid mount config for type \"%s\": invalid mount path: '%s' mount path "
		       "must be absolute",
		       in->type, path);
}

static int plan_bind(struct mount_list *list, const struct mount_config *in, bool make_source,
		     struct planned_mount *p, struct err *e)
{
	const struct bind_options *o = in->bind_options;
	struct stat st;

	if (in->volume_options)
		return extra_field(in, "VolumeOptions", e);
	if (is_empty(in->source))
		return wrong(in, e, "field Source must not be empty", NULL);
	if (*in->source != '/')
		return relative_path(in, in->source, e);
	p->m.propagation = o && !is_empty(o->propagation) ? o->propagation : "rprivate";
	if (!mount_mode_is_propagation(p->m.propagation))
		return wrong(in, e, "invalid propagation mode: ", p->m.propagation);
	if (o && o->read_only_non_recursive && o->read_only_force_recursive)
		return wrong(in, e,
			     "mount options conflict: ReadOnlyNonRecursive && "
			     "ReadOnlyForceRecursive",
			     NULL);
	p->m.top_only = o && o->non_recursive;
	p->m.ro_all = o && o->read_only_force_recursive;
	if (o && o->read_only_non_recursive)
		p->m.ro_top_only = true;
	make_source |= o && o->create_mountpoint && list->api_minor >= STRICT_SINCE;
	if (!make_source && stat(in->source, &st) < 0)
		return wrong(in, e, "bind source path does not exist: ", in->source);
	p->m.source = cleaned(list->a, in->source);
	return p->m.source ? 0 : no_memory(e);
}

/* A relative path that, read as text, does not leave where it begins. */
static bool is_local(const char *path)
{
	struct str rest = str_from(path);
	int depth = 0;

	if (*path == '/')
		return false;
	while (rest.n && depth >= 0) {
		struct str part = str_cut(rest, '/', &rest);

		if (str_eqz(part, ".."))
			depth--;
		else if (part.n && !str_eqz(part, "."))
			depth++;
	}
	return depth >= 0;
}

static int plan_volume(struct mount_list *list, const struct mount_config *in,
		       struct planned_mount *p, struct err *e)
{
	const struct volume_options *o = in->volume_options;
	const struct volume_driver_config *driver = o ? o->driver_config : NULL;

	if (in->bind_options)
		return extra_field(in, "BindOptions", e);
	if (is_empty(in->source) && in->read_only)
		return wrong(in, e, "must not set ReadOnly mode when using anonymous volumes",
			     NULL);
	if (o && !is_empty(o->subpath)) {
		if (is_empty(in->source))
			return wrong(in, e, "must not set Subpath when using anonymous volumes",
				     NULL);
		if (!is_local(o->subpath))
			return wrong(in, e, "subpath must be a relative path within the volume",
				     NULL);
		p->m.subpath = o->subpath;
	}
	p->m.name = in->source;
	p->m.mode = "z"; /* what the engine says of a volume that was given no mode */
	p->copy = !o || !o->no_copy;
	p->labels = o ? &o->labels : NULL;
	p->options = driver ? &driver->options : NULL;
	return name_volume(list, p, driver ? driver->name : NULL, e);
}

static int plan_tmpfs(struct mount_list *list, const struct mount_config *in,
		      struct planned_mount *p, struct err *e)
{
	const struct tmpfs_options *o = in->tmpfs_options;

	if (!is_empty(in->source))
		return wrong(in, e, "field Source must not be specified", NULL);
	if (in->bind_options)
		return extra_field(in, "BindOptions", e);
	if (in->volume_options)
		return extra_field(in, "VolumeOptions", e);
	if (container_tmpfs_options(o, list->a, &p->m.mode, e) < 0)
		return err_wrap(e, "invalid mount config for type \"%s\"", in->type);
	return 0;
}

/* Read-only always; the place is made with the container. */
static int plan_image(struct mount_list *list, const struct mount_config *in,
		      struct planned_mount *p, struct err *e)
{
	const struct image_options *o = in->image_options;
	CLEANUP(image_unrefp) struct image *img = NULL;

	if (in->bind_options)
		return extra_field(in, "BindOptions", e);
	if (in->volume_options)
		return extra_field(in, "VolumeOptions", e);
	if (in->tmpfs_options)
		return extra_field(in, "TmpfsOptions", e);
	if (is_empty(in->source))
		return wrong(in, e, "field Source must not be empty", NULL);
	if (o && !is_empty(o->subpath)) {
		if (!is_local(o->subpath))
			return wrong(in, e, "subpath must be a relative path within the volume",
				     NULL);
		p->m.subpath = o->subpath;
	}
	if (image_lookup(list->eng->images, in->source, &img, e) < 0)
		return err_code(e);
	p->m.name = arena_strdup(list->a, img->id.text);
	p->m.rw = false;
	return p->m.name ? 0 : no_memory(e);
}

/* Of Binds too: make_source is their privilege. */
static int plan_mount(struct mount_list *list, const struct mount_config *in, bool make_source,
		      struct planned_mount *p, struct err *e)
{
	*p = (struct planned_mount){.m = {.type = in->type,
					  .source = "",
					  .mode = "",
					  .propagation = "",
					  .rw = !in->read_only,
					  .ro_top_only = list->api_minor < RECURSIVE_SINCE}};
	if (is_empty(in->target))
		return wrong(in, e, "field Target must not be empty", NULL);
	if (*in->target != '/')
		return relative_path(in, in->target, e);
	p->m.destination = cleaned(list->a, in->target);
	if (!p->m.destination)
		return no_memory(e);
	if (!strcmp(p->m.destination, "/"))
		return wrong(in, e, "invalid specification: destination can't be '/'", NULL);
	if (!strcmp(in->type, "bind"))
		return plan_bind(list, in, make_source, p, e);
	if (!strcmp(in->type, "volume"))
		return plan_volume(list, in, p, e);
	if (!strcmp(in->type, "image"))
		return plan_image(list, in, p, e);
	return plan_tmpfs(list, in, p, e);
}

/* What only newer clients may say, and what they may not. */
static int check_version(const struct mount_list *list, const struct mount_config *in,
			 struct err *e)
{
	const struct {
		const char *type, *field;
		bool given;
	} options[] = {{"bind", "BindOptions", in->bind_options},
		       {"volume", "VolumeOptions", in->volume_options},
		       {"tmpfs", "TmpfsOptions", in->tmpfs_options},
		       {"image", "ImageOptions", in->image_options}};

	for (size_t i = 0; list->api_minor >= STRICT_SINCE && i < ARRAY_LEN(options); i++)
		if (options[i].given && strcmp(in->type, options[i].type))
			return err_set(e, ERR_INVALID,
				       "%s must not be specified on mount type \"%s\"",
				       options[i].field, in->type);
	if (in->volume_options && !is_empty(in->volume_options->subpath) &&
	    list->api_minor < SUBPATH_SINCE)
		return err_set(e, ERR_INVALID, "VolumeOptions.Subpath needs API v1.45 or newer");
	if (!strcmp(in->type, "image") && list->api_minor < IMAGE_SINCE)
		return err_set(e, ERR_INVALID, "Mount type \"Image\" needs API v1.48 or newer");
	return 0;
}

static int add_config_mount(struct mount_list *list, const struct mount_config *in, struct err *e)
{
	struct planned_mount p;
	int r;

	if (is_empty(in->target) && !is_empty(in->type))
		return wrong(in, e, "field Target must not be empty", NULL);
	if (is_empty(in->type) || (strcmp(in->type, "bind") && strcmp(in->type, "volume") &&
				   strcmp(in->type, "tmpfs") && strcmp(in->type, "image")))
		return err_set(e, ERR_INVALID,
			       "invalid mount config for type \"%s\": mount type unknown",
			       in->type ? in->type : "");
	r = check_version(list, in, e);
	if (r < 0)
		return r;
	r = plan_mount(list, in, false, &p, e);
	return r < 0 ? r : add_mount(list, &p, e);
}

/* --- Binds: [src:]dst[:mode] --- */

static int bind_error(const char *spec, struct err *e)
{
	return err_set(e, ERR_INVALID, "invalid volume specification: '%s'", spec);
}

/* The parts between colons; -EINVAL when there are none or more than three. */
static int split_bind(struct str spec, struct str parts[3], size_t *ret_n)
{
	size_t n = 0;

	for (bool more = true; more;) {
		if (n == 3)
			return -EINVAL;
		more = str_find(spec, ':') >= 0;
		parts[n++] = str_cut(spec, ':', &spec);
	}
	*ret_n = n;
	return parts[0].n ? 0 : -EINVAL;
}

static int add_bind(struct mount_list *list, const char *spec, struct err *e)
{
	struct mount_config in = {.type = "volume"};
	struct volume_options vo = {.no_copy = true};
	struct volume_driver_config driver = {.name = list->host->volume_driver};
	struct bind_options bo = {0};
	struct planned_mount p;
	struct str parts[3] = {{0}};
	struct mount_mode mode;
	size_t n;

	if (split_bind(str_from(spec), parts, &n) < 0 ||
	    (n == 2 && mount_mode_parse(parts[1], &mode)))
		return bind_error(spec, e);
	if (!mount_mode_parse(parts[2], &mode))
		return err_set(e, ERR_INVALID, "invalid mode: " STR_FMT, STR_ARG(parts[2]));
	in.source = n > 1 ? arena_strndup(list->a, parts[0].p, parts[0].n) : "";
	in.target = arena_strndup(list->a, parts[n > 1].p, parts[n > 1].n);
	if (!in.source || !in.target)
		return no_memory(e);
	if (*in.source == '/')
		in.type = "bind";
	else if (!is_empty(driver.name))
		vo = (struct volume_options){.driver_config = &driver,
					     .no_copy = mode.words[MODE_COPY]};
	if (mode.words[MODE_COPY] || (vo.driver_config && *in.source != '/'))
		in.volume_options = &vo;
	bo.propagation = mode.words[MODE_PROPAGATION];
	if (bo.propagation)
		in.bind_options = &bo;
	in.read_only = !mount_mode_is_rw(&mode);
	if (plan_mount(list, &in, true, &p, e) < 0)
		return strz_starts(e->msg, "invalid mount config")
			       ? err_wrap(e, "invalid volume specification: '%s'", spec)
			       : err_code(e);
	if (parts[2].n)
		p.m.mode = arena_strndup(list->a, parts[2].p, parts[2].n);
	if (!p.m.mode)
		return no_memory(e);
	p.labels = NULL;
	p.options = NULL; /* in this frame */
	return add_mount(list, &p, e);
}

/* --- VolumesFrom: container[:mode] --- */

static int add_from(struct mount_list *list, const char *spec, struct err *e)
{
	CLEANUP(container_unrefp) struct container *peer = NULL;
	struct str mode_text, name = str_cut(str_from(spec), ':', &mode_text);
	struct mount_mode mode;
	char *copy;

	if (!*spec)
		return err_set(e, ERR_INVALID,
			       "volumes-from specification cannot be an empty string");
	if (!name.n)
		return err_set(e, ERR_INVALID, "malformed volumes-from specification: %s", spec);
	if (!mount_mode_parse(mode_text, &mode) || mode.words[MODE_PROPAGATION] ||
	    mode.words[MODE_COPY])
		return err_set(e, ERR_INVALID, "invalid mode: " STR_FMT, STR_ARG(mode_text));
	copy = arena_strndup(list->a, name.p, name.n);
	if (!copy)
		return no_memory(e);
	if (container_lookup((struct engine *)(uintptr_t)list->eng, copy, &peer, e) < 0) {
		/* "Not found" would make clients look for the image. */
		e->kind = ERR_INVALID;
		return err_code(e);
	}
	for (size_t i = 0; i < peer->n_mounts; i++) {
		struct planned_mount p = {.m = peer->mounts[i], .from_other = true};
		struct planned_mount *there = find_mount(list, p.m.destination);

		p.m.used = p.m.up = false;
		p.m.rw = p.m.rw && mount_mode_is_rw(&mode);
		if (strcmp(p.m.type, "tmpfs"))
			p.m.mode = "";
		if (there)
			*there = p;
		else if (append(list, &p, e) < 0)
			return err_code(e);
	}
	return 0;
}

/* --- Volumes, of the container and of its image --- */

static int add_volume(struct mount_list *list, const char *path, struct err *e)
{
	struct planned_mount p = {
		.m = {.type = "volume", .mode = "", .propagation = "", .rw = true}, .copy = true};
	int taken;

	if (*path != '/')
		return err_set(e, ERR_INVALID,
			       "invalid volume specification: '%s': invalid mount path: '%s' mount "
			       "path must be absolute",
			       path, path);
	p.m.destination = cleaned(list->a, path);
	if (!p.m.destination)
		return no_memory(e);
	if (!strcmp(p.m.destination, "/"))
		return err_set(e, ERR_INVALID, "invalid specification: destination can't be '/'");
	taken = is_tmpfs_target(list, p.m.destination);
	if (taken < 0)
		return no_memory(e);
	if (taken || find_mount(list, p.m.destination))
		return 0;
	if (name_volume(list, &p, list->host->volume_driver, e) < 0)
		return err_code(e);
	return append(list, &p, e);
}

int container_mounts(const struct engine *eng, const struct create_request *req, unsigned api_minor,
		     struct arena *a, struct planned_mount **ret, size_t *ret_n, struct err *e)
{
	const struct host_config *h = &req->host;
	const struct mount_config *mounts = h->mounts.items;
	struct mount_list list = {.eng = eng, .host = h, .api_minor = api_minor, .a = a};

	if (!is_empty(h->volume_driver) && strcmp(h->volume_driver, VOLUME_DRIVER))
		return err_set(e, ERR_INVALID,
			       "HostConfig.VolumeDriver: error looking up volume plugin %s: plugin "
			       "\"%s\" not found",
			       h->volume_driver, h->volume_driver);
	for (size_t i = 0; i < h->volumes_from.n; i++)
		if (add_from(&list, h->volumes_from.items[i], e) < 0)
			return err_code(e);
	for (size_t i = 0; i < h->binds.n; i++)
		if (add_bind(&list, h->binds.items[i], e) < 0)
			return err_code(e);
	for (size_t i = 0; i < h->mounts.n; i++)
		if (add_config_mount(&list, &mounts[i], e) < 0)
			return err_code(e);
	for (size_t i = 0; i < req->config.volumes.n; i++)
		if (add_volume(&list, req->config.volumes.items[i], e) < 0)
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
	return container_check_propagation(mounts, n, e);
}
