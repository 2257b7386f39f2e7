/* SPDX-License-Identifier: Apache-2.0 */
/* One mount by its description (HostConfig.Mounts, and Binds once they are taken apart). */
#include "runtime/container/mount_plan.h"

#include <sys/stat.h>

#include "runtime/container/mount_mode.h"

#define SUBPATH_SINCE 45
#define IMAGE_SINCE 48
#define STRICT_SINCE 42
#define RECURSIVE_SINCE 44 /* read-only is so with all that is mounted below */

int mount_no_memory(struct err *e)
{
	return err_set(e, ERR_UNAVAILABLE, "no memory for the container's mounts");
}

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

const char *mount_path_clean(struct arena *a, const char *path)
{
	char *copy = arena_strdup(a, path);

	if (copy)
		clean_path(copy);
	return copy;
}

/* A volume gets its name and place; who names none gets one of its own. */
int mount_name_volume(struct mount_list *list, struct planned_mount *p, const char *driver,
		      struct err *e)
{
	struct volume_request req = {.name = p->m.name, .driver = driver};
	char name[65];

	p->m.anonymous = text_is_empty(p->m.name);
	if (p->m.anonymous) {
		volume_make_name(name);
		p->m.name = req.name = arena_strdup(list->a, name);
		if (!p->m.name)
			return mount_no_memory(e);
	}
	if (volume_check(&req, e) < 0) {
		/* "Not found" would make clients look for the image. */
		e->kind = ERR_INVALID;
		return err_code(e);
	}
	p->m.source = volume_path(list->eng->volumes, p->m.name, list->a);
	p->m.driver = VOLUME_DRIVER;
	return p->m.source ? 0 : mount_no_memory(e);
}

static const char *mount_type(const struct mount_config *in)
{
	return in->type ? in->type : "";
}

int mount_refuse(const struct mount_config *in, struct err *e, const char *what, const char *arg)
{
	return err_set(e, ERR_INVALID, "invalid mount config for type \"%s\": %s%s", mount_type(in),
		       what, arg ? arg : "");
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

/* Is b the directory a, or below it? Clean paths. */
static bool holds(const char *a, const char *b)
{
	size_t n = a[1] ? strlen(a) : 0;

	return !strncmp(a, b, n) && (!b[n] || b[n] == '/');
}

/*
 * A private copy of what is mounted in the data root would keep the roots of other containers busy
 * after they ended: a bind of it, of a part or of a directory above is a slave of the host's.
 */
static int mind_data_root(struct mount_list *list, const struct bind_options *o,
			  struct planned_mount *p, struct err *e)
{
	const char *root = mount_path_clean(list->a, list->eng->opt->data_root);

	if (!root)
		return mount_no_memory(e);
	if (!holds(root, p->m.source) && !holds(p->m.source, root))
		return 0;
	if (!o || text_is_empty(o->propagation)) {
		p->m.propagation = "rslave";
		p->m.implied = true;
		return 0;
	}
	if (!strcmp(o->propagation, "rslave") || !strcmp(o->propagation, "rshared"))
		return 0;
	return err_set(
		e, ERR_INVALID,
		"invalid mount config: must use either propagation mode \"rslave\" or "
		"\"rshared\" when mount source is within the daemon root, daemon root: \"%s\", "
		"bind mount source: \"%s\", propagation: \"%s\"",
		root, p->m.source, o->propagation);
}

static int plan_bind(struct mount_list *list, const struct mount_config *in, bool make_source,
		     struct planned_mount *p, struct err *e)
{
	const struct bind_options *o = in->bind_options;
	struct stat st;

	if (in->volume_options)
		return extra_field(in, "VolumeOptions", e);
	if (text_is_empty(in->source))
		return mount_refuse(in, e, "field Source must not be empty", NULL);
	if (*in->source != '/')
		return relative_path(in, in->source, e);
	p->m.propagation = o && !text_is_empty(o->propagation) ? o->propagation : "rprivate";
	if (!mount_mode_is_propagation(p->m.propagation))
		return mount_refuse(in, e, "invalid propagation mode: ", p->m.propagation);
	if (o && o->read_only_non_recursive && o->read_only_force_recursive)
		return mount_refuse(in, e,
				    "mount options conflict: ReadOnlyNonRecursive && "
				    "ReadOnlyForceRecursive",
				    NULL);
	p->m.top_only = o && o->non_recursive;
	p->m.ro_all = o && o->read_only_force_recursive;
	if (o && o->read_only_non_recursive)
		p->m.ro_top_only = true;
	make_source |= o && o->create_mountpoint && list->api_minor >= STRICT_SINCE;
	if (!make_source && stat(in->source, &st) < 0)
		return mount_refuse(in, e, "bind source path does not exist: ", in->source);
	p->m.source = mount_path_clean(list->a, in->source);
	return p->m.source ? mind_data_root(list, o, p, e) : mount_no_memory(e);
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
	if (text_is_empty(in->source) && in->read_only)
		return mount_refuse(
			in, e, "must not set ReadOnly mode when using anonymous volumes", NULL);
	if (o && !text_is_empty(o->subpath)) {
		if (text_is_empty(in->source))
			return mount_refuse(
				in, e, "must not set Subpath when using anonymous volumes", NULL);
		if (!is_local(o->subpath))
			return mount_refuse(
				in, e, "subpath must be a relative path within the volume", NULL);
		p->m.subpath = o->subpath;
	}
	p->m.name = in->source;
	p->m.mode = "z"; /* what the engine says of a volume that was given no mode */
	p->copy = !o || !o->no_copy;
	p->labels = o ? &o->labels : NULL;
	p->options = driver ? &driver->options : NULL;
	return mount_name_volume(list, p, driver ? driver->name : NULL, e);
}

static int plan_tmpfs(struct mount_list *list, const struct mount_config *in,
		      struct planned_mount *p, struct err *e)
{
	const struct tmpfs_options *o = in->tmpfs_options;

	if (!text_is_empty(in->source))
		return mount_refuse(in, e, "field Source must not be specified", NULL);
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
	if (text_is_empty(in->source))
		return mount_refuse(in, e, "field Source must not be empty", NULL);
	if (o && !text_is_empty(o->subpath)) {
		if (!is_local(o->subpath))
			return mount_refuse(
				in, e, "subpath must be a relative path within the volume", NULL);
		p->m.subpath = o->subpath;
	}
	if (image_lookup(list->eng->images, in->source, &img, e) < 0)
		return err_code(e);
	p->m.name = arena_strdup(list->a, img->id.text);
	p->m.rw = false;
	return p->m.name ? 0 : mount_no_memory(e);
}

/* Of Binds too: make_source is their privilege. */
int mount_plan(struct mount_list *list, const struct mount_config *in, bool make_source,
	       struct planned_mount *p, struct err *e)
{
	*p = (struct planned_mount){.m = {.type = in->type,
					  .source = "",
					  .mode = "",
					  .propagation = "",
					  .rw = !in->read_only,
					  .ro_top_only = list->api_minor < RECURSIVE_SINCE}};
	if (text_is_empty(in->target))
		return mount_refuse(in, e, "field Target must not be empty", NULL);
	if (*in->target != '/')
		return relative_path(in, in->target, e);
	p->m.destination = mount_path_clean(list->a, in->target);
	if (!p->m.destination)
		return mount_no_memory(e);
	if (!strcmp(p->m.destination, "/"))
		return mount_refuse(in, e, "invalid specification: destination can't be '/'", NULL);
	if (!strcmp(in->type, "bind"))
		return plan_bind(list, in, make_source, p, e);
	if (!strcmp(in->type, "volume"))
		return plan_volume(list, in, p, e);
	if (!strcmp(in->type, "image"))
		return plan_image(list, in, p, e);
	return plan_tmpfs(list, in, p, e);
}

/* What only newer clients may say, and what they may not. */
int mount_check_version(const struct mount_list *list, const struct mount_config *in, struct err *e)
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
	if (in->volume_options && !text_is_empty(in->volume_options->subpath) &&
	    list->api_minor < SUBPATH_SINCE)
		return err_set(e, ERR_INVALID, "VolumeOptions.Subpath needs API v1.45 or newer");
	if (!strcmp(in->type, "image") && list->api_minor < IMAGE_SINCE)
		return err_set(e, ERR_INVALID, "Mount type \"Image\" needs API v1.48 or newer");
	return 0;
}
