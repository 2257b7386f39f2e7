/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mounts of type "image": the files of an image, read-only. Each is a snapshot of its own, named
 * after the container, so that it holds its layers, is mounted like a root, and is swept when it
 * has no owner. The image cannot be removed while such a container exists, unless by force; then
 * the layers stay as long as the snapshot.
 */
#include <errno.h>

#include "firmware/core/log.h"
#include "runtime/container/private.h"

#define MARK "-image-"
#define NAME_ROOM (CONTAINER_ID_LEN + 32)

static bool is_image(const struct container_mount *m)
{
	return !strcmp(m->type, "image");
}

static void snapshot_name(const struct container *c, size_t i, char out[NAME_ROOM])
{
	text_format(out, NAME_ROOM, "%s" MARK "%zu", c->id, i);
}

bool container_image_snapshot_owner(const char *name, char id[CONTAINER_ID_LEN + 1])
{
	if (strlen(name) <= CONTAINER_ID_LEN || !strz_starts(name + CONTAINER_ID_LEN, MARK))
		return false;
	return str_copy(id, CONTAINER_ID_LEN + 1, str_span(name, CONTAINER_ID_LEN));
}

bool container_mounts_image(const struct container *c, const struct image *img)
{
	for (size_t i = 0; i < c->n_mounts; i++)
		if (is_image(&c->mounts[i]) && !strcmp(c->mounts[i].name, img->id.text))
			return true;
	return false;
}

static void count(struct container *c, struct container_mount *m, int by)
{
	CLEANUP(image_unrefp) struct image *img = NULL;

	if (image_lookup(c->eng->images, m->name, &img, NULL) < 0)
		return;
	if (by > 0)
		img->mounts++;
	else if (img->mounts)
		img->mounts--;
}

static int create_one(struct container *c, size_t i, struct err *e) FIBER_FN
{
	CLEANUP(image_unrefp) struct image *img = NULL;
	struct container_mount *m = &c->mounts[i];
	char name[NAME_ROOM];
	int r;

	if (image_lookup(c->eng->images, m->name, &img, e) < 0)
		return err_code(e);
	snapshot_name(c, i, name);
	r = snapshot_create(c->eng->images, name, img, e);
	if (r < 0)
		return r;
	m->source = arena_printf(&c->mem, "%s/snapshots/%s/merged", c->eng->opt->data_root, name);
	m->used = m->source != NULL;
	if (m->used)
		img->mounts++;
	return m->used ? 0 : err_set(e, ERR_UNAVAILABLE, "no memory for a mount");
}

int container_images_create(struct container *c, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < c->n_mounts; i++)
		if (is_image(&c->mounts[i]))
			r = create_one(c, i, e);
	return r;
}

void container_images_release(struct container *c)
{
	for (size_t i = 0; i < c->n_mounts; i++) {
		struct container_mount *m = &c->mounts[i];
		struct err e = ERR_INIT;
		char name[NAME_ROOM];

		if (!is_image(m))
			continue;
		if (m->used)
			count(c, m, -1);
		m->used = false;
		snapshot_name(c, i, name);
		if (snapshot_remove(c->eng->images, name, &e) < 0)
			log_warn("container %s: removing an image's mount: %s", c->id, e.msg);
	}
}

void container_images_restore(struct container *c)
{
	for (size_t i = 0; i < c->n_mounts; i++) {
		if (!is_image(&c->mounts[i]) || c->mounts[i].used)
			continue;
		c->mounts[i].used = true;
		count(c, &c->mounts[i], 1);
	}
}

int container_images_up(struct container *c, struct err *e)
{
	char path[CONTAINER_PATH_MAX * 2], name[NAME_ROOM];

	for (size_t i = 0; i < c->n_mounts; i++) {
		if (!is_image(&c->mounts[i]))
			continue;
		snapshot_name(c, i, name);
		if (snapshot_mount(c->eng->images, name, NULL, path, sizeof(path), e) < 0) {
			container_images_down(c);
			return err_code(e);
		}
	}
	return 0;
}

void container_images_down(struct container *c)
{
	for (size_t i = 0; i < c->n_mounts; i++) {
		struct err e = ERR_INIT;
		char name[NAME_ROOM];

		if (!is_image(&c->mounts[i]))
			continue;
		snapshot_name(c, i, name);
		if (snapshot_unmount(c->eng->images, name, &e) < 0)
			log_warn("container %s: unmounting an image: %s", c->id, e.msg);
	}
}
