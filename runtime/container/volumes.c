/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A container and its volumes: made and filled when it is created, mounted while it runs, let go of
 * when it is removed. A volume knows its users; a container knows for each mount whether it is one.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "firmware/core/beneath.h"
#include "firmware/core/log.h"
#include "runtime/container/launch.h"

#define STAGE_PREFIX "volume-"

static bool is_volume(const struct container_mount *m)
{
	return !strcmp(m->type, "volume");
}

bool container_has_volumes(const struct container *c, bool anonymous)
{
	for (size_t i = 0; i < c->n_mounts; i++)
		if (is_volume(&c->mounts[i]) && (!anonymous || c->mounts[i].anonymous))
			return true;
	return false;
}

/* --- create --- */

static int take_volume(struct container *c, struct container_mount *m,
		       const struct planned_mount *p, struct volume **ret, bool *ret_new,
		       struct err *e) FIBER_FN
{
	struct volume_request req = {.name = m->name,
				     .driver = m->driver,
				     .anonymous = m->anonymous,
				     .labels = p->labels,
				     .options = p->options,
				     .user = c->id};
	int r;

	if (!p->from_other) {
		r = volume_create(c->eng->volumes, &req, ret, ret_new, e);
	} else {
		*ret_new = false;
		r = volume_lookup(c->eng->volumes, m->name, ret, e);
		if (r == 0 && volume_use(*ret, c->id) < 0) {
			volume_unref(TAKE_PTR(*ret));
			r = err_set(e, ERR_UNAVAILABLE, "no memory for a volume");
		}
		if (r == -ENOENT && e)
			e->kind = ERR_INVALID; /* not the image */
	}
	m->used = r == 0;
	return r;
}

static int fill_volume(struct volume *v, const char *root, const char *path, struct err *e) FIBER_FN
{
	bool mounted = volume_has_mount(v);
	int r = 0;

	if (mounted && !volume_content_at(root, path))
		return 0; /* then what it names may be missing still */
	if (mounted)
		r = volume_mount(v, e);
	if (r < 0)
		return r;
	r = volume_populate(v, root, path, e);
	if (mounted)
		volume_unmount(v);
	return r;
}

int container_volumes_create(struct container *c, const struct planned_mount *planned,
			     struct image *img, struct err *e)
{
	char root[CONTAINER_PATH_MAX] = "";
	struct err ignored = ERR_INIT;
	int r = 0;

	for (size_t i = 0; r == 0 && i < c->n_mounts; i++) {
		CLEANUP(volume_unrefp) struct volume *v = NULL;
		struct container_mount *m = &c->mounts[i];
		bool is_new = false;

		if (!is_volume(m))
			continue;
		r = take_volume(c, m, &planned[i], &v, &is_new, e);
		if (r < 0 || !planned[i].copy || (!is_new && !volume_is_empty(v)))
			continue;
		if (!root[0])
			r = snapshot_mount(c->eng->images, c->id, img, root, sizeof(root), e);
		if (r == 0)
			r = fill_volume(v, root, m->destination, e);
	}
	if (root[0] && snapshot_unmount(c->eng->images, c->id, &ignored) < 0)
		log_warn("container %s: unmounting its root: %s", c->id, ignored.msg);
	return r;
}

/* --- remove --- */

static void remove_anonymous(struct container *c, struct volume *v) FIBER_FN
{
	struct err e = ERR_INIT;

	/* Another container may have it too. */
	if (volume_remove(v, &e) < 0 && e.kind != ERR_CONFLICT && e.kind != ERR_NOT_FOUND)
		log_warn("container %s: removing its volume %s: %s", c->id, v->name, e.msg);
}

void container_volumes_release(struct container *c, bool anonymous)
{
	for (size_t i = 0; i < c->n_mounts; i++) {
		CLEANUP(volume_unrefp) struct volume *v = NULL;
		struct container_mount *m = &c->mounts[i];

		if (!m->used || !is_volume(m))
			continue;
		m->used = false;
		if (volume_lookup(c->eng->volumes, m->name, &v, NULL) < 0)
			continue;
		volume_release(v, c->id);
		if (anonymous && m->anonymous)
			remove_anonymous(c, v);
	}
}

/* --- restore --- */

void container_volumes_restore(struct container *c)
{
	container_images_restore(c);
	for (size_t i = 0; i < c->n_mounts; i++) {
		CLEANUP(volume_unrefp) struct volume *v = NULL;
		struct container_mount *m = &c->mounts[i];

		if (!is_volume(m))
			continue;
		if (volume_lookup(c->eng->volumes, m->name, &v, NULL) < 0)
			log_warn("container %s: its volume %s is missing", c->id, m->name);
		else
			m->used = volume_use(v, c->id) == 0;
	}
}

void container_volumes_adopt(struct container *c)
{
	for (size_t i = 0; i < c->n_mounts; i++) {
		CLEANUP(volume_unrefp) struct volume *v = NULL;
		struct container_mount *m = &c->mounts[i];

		if (!m->used || !is_volume(m) || m->up ||
		    volume_lookup(c->eng->volumes, m->name, &v, NULL) < 0)
			continue;
		volume_adopt_mount(v);
		m->up = true;
	}
}

/* --- start and end --- */

static void tell_mount(const struct container *c, const struct container_mount *m,
		       const struct volume *v)
{
	struct text_pair extra[] = {{"container", c->id},
				    {"destination", m->destination},
				    {"read/write", m->rw ? "true" : "false"},
				    {"propagation", m->propagation}};

	volume_event(v, "mount", extra, ARRAY_LEN(extra));
}

int container_volumes_up(struct container *c, struct err *e)
{
	if (container_images_up(c, e) < 0)
		return err_code(e);
	for (size_t i = 0; i < c->n_mounts; i++) {
		CLEANUP(volume_unrefp) struct volume *v = NULL;
		struct container_mount *m = &c->mounts[i];

		if (!is_volume(m) || m->up)
			continue;
		if (volume_lookup(c->eng->volumes, m->name, &v, e) < 0 || volume_mount(v, e) < 0) {
			container_volumes_down(c);
			return err_code(e);
		}
		m->up = true;
		tell_mount(c, m, v);
	}
	return 0;
}

void container_volumes_down(struct container *c)
{
	container_images_down(c);
	for (size_t i = 0; i < c->n_mounts; i++) {
		CLEANUP(volume_unrefp) struct volume *v = NULL;
		struct container_mount *m = &c->mounts[i];
		struct text_pair who = {"container", c->id};

		if (!m->up)
			continue;
		m->up = false;
		if (volume_lookup(c->eng->volumes, m->name, &v, NULL) < 0)
			continue;
		volume_unmount(v);
		volume_event(v, "unmount", &who, 1);
	}
}

/* --- parts of volumes --- */

int container_mount_open(const struct container_mount *m)
{
	struct open_how how = {.flags = O_PATH | O_CLOEXEC,
			       .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
	CLEANUP_FD int top = open(m->source, O_PATH | O_CLOEXEC);
	int fd;

	if (top < 0)
		return -errno;
	if (!m->subpath)
		return TAKE_FD(top);
	fd = open_beneath_how(top, m->subpath, &how);
	return fd < 0 ? -errno : fd;
}

const char *launch_stage_path(const struct launch *l, size_t i)
{
	return arena_printf(l->a, "%s/" STAGE_PREFIX "%zu", l->run_dir, i);
}

/* What a part is now is bound into the bundle: the runtime takes a path, and the volume's content,
 * its links too, may be another container's to change. */
static int stage_one(const struct launch *l, size_t i, struct err *e)
{
	const struct container_mount *m = &l->c->mounts[i];
	CLEANUP_FD int fd = container_mount_open(m), made = -1;
	char from[32], to[CONTAINER_PATH_MAX + 32];
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(e, fd < 0 ? -fd : errno, "cannot access path %s/%s", m->source,
			       m->subpath);
	text_format(to, sizeof(to), "%s/" STAGE_PREFIX "%zu", l->run_dir, i);
	text_format(from, sizeof(from), "/proc/self/fd/%d", fd);
	if (S_ISDIR(st.st_mode)) {
		if (mkdir(to, 0700) < 0)
			return err_sys(e, errno, "making %s", to);
	} else {
		made = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		if (made < 0)
			return err_sys(e, errno, "making %s", to);
	}
	if (mount(from, to, NULL, MS_BIND, NULL) < 0)
		return err_sys(e, errno, "mounting %s/%s", m->source, m->subpath);
	return 0;
}

int launch_stage_volumes(const struct launch *l, struct err *e)
{
	for (size_t i = 0; i < l->c->n_mounts; i++)
		if (l->c->mounts[i].subpath && stage_one(l, i, e) < 0)
			return err_code(e);
	return 0;
}

int launch_stage_shm(const struct launch *l, struct err *e)
{
	char options[64];

	if (!l->own_shm)
		return 0;
	text_format(options, sizeof(options), "mode=1777,size=%lld",
		    (long long)l->c->host.shm_size);
	if ((mkdir(l->shm, 0700) < 0 && errno != EEXIST) ||
	    mount("shm", l->shm, "tmpfs", MS_NOEXEC | MS_NOSUID | MS_NODEV, options) < 0)
		return err_sys(e, errno, "mounting shared memory at %s", l->shm);
	return 0;
}

void container_unstage_volumes(const char *run_dir)
{
	DIR *dir = opendir(run_dir);
	struct dirent *ent;

	while (dir && (ent = readdir(dir)) != NULL) {
		char path[CONTAINER_PATH_MAX + 300];

		if (!strz_starts(ent->d_name, STAGE_PREFIX) && strcmp(ent->d_name, LAUNCH_SHM))
			continue;
		text_format(path, sizeof(path), "%s/%s", run_dir, ent->d_name);
		if (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) < 0 && errno != EINVAL)
			log_warn("unmounting %s: %s", path, strerror(errno));
	}
	if (dir)
		closedir(dir);
}
