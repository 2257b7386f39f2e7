/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commit. The container stays locked while its files are read, so that nothing starts or removes it
 * meanwhile, and frozen if it runs and that is wanted; the image is made of what was read when the
 * container is free again.
 *
 * Under overlay the upper directory is the layer already, but for how "deleted" is written. Under
 * vfs it is what the container's tree has changed against its image's.
 */
#include <errno.h>
#include <fcntl.h>

#include "firmware/core/mem.h"
#include "runtime/build/config.h"
#include "runtime/container/look.h"
#include "runtime/container/private.h"
#include "runtime/image/pack.h"

struct layer_source {
	struct image_layer_source source;
	char tree[CONTAINER_PATH_MAX];
	bool overlay;
	struct pack_change *changes;
	size_t n_changes;
};

static int write_layer(struct image_layer_source *source, const struct job *job,
		       struct writer *sink, uint64_t *ret_entries, struct err *e)
{
	struct layer_source *s = container_of(source, struct layer_source, source);
	struct pack_options opt = {.base = ".", .name = "", .job = job, .layer = true};
	CLEANUP_FD int fd = open(s->tree, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return err_sys(e, errno, "open %s", s->tree);
	opt.dir_fd = fd;
	if (!s->overlay) {
		opt.changes = s->changes;
		opt.n_changes = s->n_changes;
	}
	return pack_tree(sink, &opt, ret_entries, e);
}

static int find_changes(struct container *c, struct layer_source *s, struct arena *a, struct err *e)
	FIBER_FN
{
	static struct pack_change none;
	struct change *list;
	size_t n;

	if (container_changes(c, a, &list, &n, e) < 0)
		return err_code(e);
	s->changes = n ? arena_alloc_array(a, n, sizeof(*s->changes)) : &none;
	if (!s->changes)
		return err_set(e, ERR_TOO_LARGE, "too many changes to commit");
	for (size_t i = 0; i < n; i++)
		s->changes[i] =
			(struct pack_change){list[i].path + 1, list[i].kind == CHANGE_DELETED};
	s->n_changes = n;
	return 0;
}

static int prepare(struct container *c, struct layer_source *s, struct arena *a, struct err *e)
	FIBER_FN
{
	struct snapshot_places places;

	s->source.write = write_layer;
	if (snapshot_places(c->eng->images, c->id, a, &places) < 0)
		return err_set(e, ERR_UNAVAILABLE, "no memory");
	s->overlay = !places.plain;
	if (!str_copy(s->tree, sizeof(s->tree), str_from(places.tree)))
		return err_set(e, ERR_TOO_LARGE, "the data root's path is too long");
	return s->overlay ? 0 : find_changes(c, s, a, e);
}

static int check_state(const struct container *c, struct err *e)
{
	if (c->removed)
		return err_set(e, ERR_NOT_FOUND, "No such container: %s", c->id);
	if (c->status == CONTAINER_DEAD)
		return err_set(e, ERR_CONFLICT, "You cannot commit container %s which is Dead",
			       c->id);
	if (c->status == CONTAINER_REMOVING)
		return err_set(e, ERR_CONFLICT,
			       "You cannot commit container %s which is being removed", c->id);
	if (!c->image || c->image->gone)
		return err_set(e, ERR_NOT_FOUND, "No such image: %s", c->image_id.text);
	return 0;
}

/* c is locked. */
static int read_files(struct container *c, bool pause, struct image_draft **ret, struct err *e)
	FIBER_FN
{
	CLEANUP_ARENA struct arena a = {0};
	struct layer_source s = {0};
	int frozen = 0, r = check_state(c, e);

	arena_open_heap(&a, 256u << 20);
	if (r == 0 && pause) {
		fiber_shield();
		frozen = container_hold_still(c, e);
		fiber_unshield();
	}
	if (r == 0)
		r = frozen < 0 ? frozen : prepare(c, &s, &a, e);
	if (r == 0)
		r = image_draft_write(c->eng->images, &s.source, ret, e);
	if (frozen > 0) {
		fiber_shield();
		container_go_on(c);
		fiber_unshield();
	}
	return r;
}

static int read_locked(struct container *c, bool pause, struct image_draft **ret, struct err *e)
	FIBER_FN
{
	int r;

	if (fiber_lock_take(&c->lock, DEADLINE_NEVER) < 0)
		return err_set(e, ERR_CANCELLED, "cancelled");
	r = read_files(c, pause, ret, e);
	fiber_lock_release(&c->lock);
	return r;
}

/* The engine's order: the body's Config or the container's, the changes, then what both leave open
 * from the container's. */
static int make_config(const struct container *c, const struct container_commit *in,
		       struct container_config *ret, struct err *e)
{
	*ret = in->config ? *in->config : c->config;
	if (build_config_changes(ret, &in->changes, in->a, e) < 0)
		return err_code(e);
	if (container_merge_config(ret, &c->config, in->a) < 0)
		return err_set(e, ERR_UNAVAILABLE, "no memory for the image's configuration");
	return 0;
}

static const char *command_text(const struct container_config *config, struct arena *a)
{
	struct buf b;

	buf_init(&b, a, 1u << 20);
	for (size_t i = 0; i < config->cmd.n; i++)
		buf_printf(&b, "%s%s", i ? " " : "", config->cmd.items[i]);
	return b.failed ? NULL : buf_text(&b);
}

int container_commit(struct container *c, const struct container_commit *in, struct image **ret,
		     struct err *e)
{
	CLEANUP(image_unrefp) struct image *parent = NULL;
	struct container_config config;
	struct image_draft *draft = NULL;
	struct image_commit what = {.config = &config,
				    .container_config = &c->config,
				    .container = c->id,
				    .author = in->author,
				    .comment = in->comment,
				    .name = in->name};
	int r = make_config(c, in, &config, e);

	if (r < 0)
		return r;
	what.created_by = command_text(&c->config, in->a);
	if (!what.created_by)
		return err_set(e, ERR_UNAVAILABLE, "no memory for the image's configuration");
	if (c->image) {
		parent = c->image;
		image_ref(parent);
	}
	r = read_locked(c, in->pause, &draft, e);
	what.parent = parent;
	if (r == 0)
		r = image_draft_commit(c->eng->images, draft, &what, ret, e);
	image_draft_free(c->eng->images, draft);
	if (r == 0)
		container_event_commit(c, in->comment ? in->comment : "", (*ret)->id.text,
				       in->name ? in->name : "");
	return r;
}
