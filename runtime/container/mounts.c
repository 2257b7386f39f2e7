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
#include "runtime/container/mount_plan.h"

/* --- the list --- */

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
		const char *path = mount_path_clean(list->a, list->host->tmpfs.items[i].key);

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
			return mount_no_memory(e);
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
		return mount_no_memory(e);
	if (taken || (there && !there->from_other))
		return err_set(e, ERR_INVALID, "Duplicate mount point: %s", p->m.destination);
	if (!there)
		return append(list, p, e);
	*there = *p;
	return 0;
}

/* --- Mounts --- */

static int add_config_mount(struct mount_list *list, const struct mount_config *in, struct err *e)
{
	struct planned_mount p;
	int r;

	if (text_is_empty(in->target))
		return mount_refuse(in, e, "field Target must not be empty", NULL);
	if (text_is_empty(in->type) || (strcmp(in->type, "bind") && strcmp(in->type, "volume") &&
					strcmp(in->type, "tmpfs") && strcmp(in->type, "image")))
		return err_set(e, ERR_INVALID,
			       "invalid mount config for type \"%s\": mount type unknown",
			       in->type ? in->type : "");
	r = mount_check_version(list, in, e);
	if (r < 0)
		return r;
	r = mount_plan(list, in, false, &p, e);
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
		return mount_no_memory(e);
	if (*in.source == '/')
		in.type = "bind";
	else if (!text_is_empty(driver.name))
		vo = (struct volume_options){.driver_config = &driver,
					     .no_copy = mode.words[MODE_COPY]};
	if (mode.words[MODE_COPY] || (vo.driver_config && *in.source != '/'))
		in.volume_options = &vo;
	bo.propagation = mode.words[MODE_PROPAGATION];
	if (bo.propagation)
		in.bind_options = &bo;
	in.read_only = !mount_mode_is_rw(&mode);
	if (mount_plan(list, &in, true, &p, e) < 0)
		return strz_starts(e->msg, "invalid mount config for")
			       ? err_wrap(e, "invalid volume specification: '%s'", spec)
			       : err_code(e);
	if (parts[2].n)
		p.m.mode = arena_strndup(list->a, parts[2].p, parts[2].n);
	if (!p.m.mode)
		return mount_no_memory(e);
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
		return mount_no_memory(e);
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
	p.m.destination = mount_path_clean(list->a, path);
	if (!p.m.destination)
		return mount_no_memory(e);
	if (!strcmp(p.m.destination, "/"))
		return err_set(e, ERR_INVALID, "invalid specification: destination can't be '/'");
	taken = is_tmpfs_target(list, p.m.destination);
	if (taken < 0)
		return mount_no_memory(e);
	if (taken || find_mount(list, p.m.destination))
		return 0;
	if (mount_name_volume(list, &p, list->host->volume_driver, e) < 0)
		return err_code(e);
	return append(list, &p, e);
}

int container_mounts(const struct engine *eng, const struct create_request *req, unsigned api_minor,
		     struct arena *a, struct planned_mount **ret, size_t *ret_n, struct err *e)
{
	const struct host_config *h = &req->host;
	const struct mount_config *mounts = h->mounts.items;
	struct mount_list list = {.eng = eng, .host = h, .api_minor = api_minor, .a = a};

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

int container_mount_sources(struct container_mount *mounts, size_t n, struct err *e)
{
	for (size_t i = 0; i < n; i++) {
		struct stat st;

		if (strcmp(mounts[i].type, "bind"))
			continue;
		mounts[i].is_file = false;
		if (stat(mounts[i].source, &st) == 0) {
			mounts[i].is_file = !S_ISDIR(st.st_mode);
			continue;
		}
		if (errno != ENOENT)
			return err_sys(e, errno, "error while creating mount source path '%s'",
				       mounts[i].source);
		if (dir_make_all(mounts[i].source, 0755, e) < 0)
			return err_wrap(e, "error while creating mount source path '%s'",
					mounts[i].source);
	}
	return container_check_propagation(mounts, n, e);
}
