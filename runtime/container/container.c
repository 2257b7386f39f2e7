/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The set of containers: references, the maps by id and name, lookup.
 */
#include "runtime/container/container.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "firmware/core/mem.h"
#include "runtime/container/links.h"

struct container *container_new(struct engine *eng)
{
	struct container *c = mem_alloc(sizeof(*c));

	if (!c)
		return NULL;
	c->eng = eng;
	c->refs = 1;
	arena_open_heap(&c->mem, CONTAINER_MEM_MAX);
	list_init(&c->link);
	list_init(&c->attaching);
	list_init(&c->execs);
	fiber_lock_init(&c->lock);
	fiber_lock_init(&c->saving);
	waitq_init(&c->changed);
	restart_init(c);
	c->events = container_shim_events;
	c->events.arg = c;
	return c;
}

void container_ref(struct container *c)
{
	c->refs++;
}

void container_unref(struct container *c)
{
	if (!c || --c->refs)
		return;
	restart_done(c);
	health_done(c);
	if (c->shim)
		shim_free(c->shim);
	if (c->image)
		image_unref(c->image);
	mem_free(c->endpoint);
	arena_done(&c->mem);
	mem_free(c);
}

void container_state_path(const struct container *c, char out[CONTAINER_PATH_MAX])
{
	text_format(out, CONTAINER_PATH_MAX, "%s/containers/%s", c->eng->opt->data_root, c->id);
}

void container_run_path(const struct container *c, char out[CONTAINER_PATH_MAX])
{
	text_format(out, CONTAINER_PATH_MAX, "%s/containers/%s", c->eng->opt->exec_root, c->id);
}

const char *container_dir(const struct container *c, struct arena *a)
{
	return arena_printf(a, "%s/containers/%s", c->eng->opt->data_root, c->id);
}

void container_bind_image(struct container *c, struct image *img)
{
	image_ref(img);
	c->image = img;
	img->containers++;
	if (container_is_running(c))
		img->running++;
}

void container_set_status(struct container *c, enum container_status status)
{
	bool before = container_is_running(c);

	c->status = status;
	health_follow(c);
	if (c->image && before != container_is_running(c))
		c->image->running += before ? -1u : 1u;
	waitq_wake_all(&c->changed);
}

int container_name_conflict(const struct container *holder, const char *name, struct err *e)
{
	return err_set(
		e, ERR_CONFLICT,
		"Conflict. The container name \"/%s\" is already in use by container \"%s\". "
		"You have to remove (or rename) that container to be able to reuse that name.",
		name, holder->id);
}

int container_enter(struct container *c, struct err *e)
{
	struct engine *eng = c->eng;
	struct map_node *taken = map_find(&eng->containers_by_name, str_from(c->name));
	struct list *at;

	if (taken)
		return container_name_conflict(map_entry(taken, struct container, name_node),
					       c->name, e);
	if (eng->containers_by_id.count >= CONFIG_CONTAINERS_MAX)
		return err_set(e, ERR_UNAVAILABLE,
			       "there are %d containers already (CONFIG_CONTAINERS_MAX)",
			       CONFIG_CONTAINERS_MAX);
	if (map_insert(&eng->containers_by_id, &c->id_node, str_from(c->id)) < 0)
		return err_set(e, ERR_CONFLICT, "container %s exists already", c->id);
	if (map_insert(&eng->containers_by_name, &c->name_node, str_from(c->name)) < 0) {
		map_remove(&eng->containers_by_id, &c->id_node);
		return err_set(e, ERR_UNAVAILABLE, "no memory");
	}
	/* The list is newest first; only a restore inserts elsewhere than in front. */
	for (at = eng->containers.next; at != &eng->containers; at = at->next)
		if (container_from_link(at)->created_ns <= c->created_ns)
			break;
	list_push_back(at, &c->link);
	eng->links += c->n_links;
	container_ref(c);
	return 0;
}

void container_leave(struct container *c)
{
	map_remove(&c->eng->containers_by_id, &c->id_node);
	map_remove(&c->eng->containers_by_name, &c->name_node);
	list_remove(&c->link);
	links_forget(c);
	if (c->image) {
		c->image->containers--;
		if (container_is_running(c))
			c->image->running--;
		image_unref(TAKE_PTR(c->image));
	}
	c->removed = true;
	waitq_wake_all(&c->changed);
	container_unref(c);
}

static int lookup_prefix(struct engine *eng, struct str prefix, struct container **ret,
			 struct err *e)
{
	struct container *found = NULL, *c;

	list_for_each (c, &eng->containers, link) {
		if (strncmp(c->id, prefix.p, prefix.n))
			continue;
		if (found)
			return err_set(e, ERR_INVALID,
				       "multiple IDs found with provided prefix: " STR_FMT,
				       STR_ARG(prefix));
		found = c;
	}
	*ret = found;
	return 0;
}

int container_lookup(struct engine *eng, const char *name, struct container **ret, struct err *e)
{
	struct str key = str_from(name);
	struct container *c = NULL;
	struct map_node *n;

	if (!key.n)
		return err_set(e, ERR_INVALID, "invalid name or ID supplied: \"\"");
	n = map_find(&eng->containers_by_id, key);
	if (n)
		c = map_entry(n, struct container, id_node);
	if (!c) {
		struct str plain = key.p[0] == '/' ? str_span(key.p + 1, key.n - 1) : key;

		n = map_find(&eng->containers_by_name, plain);
		if (n)
			c = map_entry(n, struct container, name_node);
		else if (str_find(plain, '/') > 0)
			c = container_linked(eng, plain);
	}
	if (!c && str_is_hex(key)) {
		int r = lookup_prefix(eng, key, &c, e);

		if (r < 0)
			return r;
	}
	if (!c)
		return err_set(e, ERR_NOT_FOUND, "No such container: %s", name);
	container_ref(c);
	*ret = c;
	return 0;
}

struct container_counts container_count(const struct engine *eng)
{
	struct container_counts n = {0};
	const struct container *c;

	list_for_each (c, &eng->containers, link) {
		if (c->status == CONTAINER_PAUSED)
			n.paused++;
		else if (container_is_running(c))
			n.running++;
		else
			n.stopped++;
	}
	return n;
}

int container_list(struct engine *eng, struct arena *a, struct container ***ret, size_t *ret_n)
{
	size_t n = 0;
	struct container *c;
	struct container **all =
		arena_alloc_array(a, eng->containers_by_id.count + 1, sizeof(*all));

	if (!all)
		return -ENOMEM;
	list_for_each (c, &eng->containers, link) {
		container_ref(c);
		all[n++] = c;
	}
	*ret = all;
	*ret_n = n;
	return 0;
}
