/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Links between containers: what is asked for, which names they make, and what becomes of them.
 * link_env.c knows their texts.
 */
#include "runtime/container/links.h"

#include <arpa/inet.h>
#include <errno.h>

#include "firmware/core/log.h"

/* The container a link means: who uses another's network is that other. */
static int find_child(struct engine *eng, const char *name, struct container **ret, struct err *e)
{
	CLEANUP(container_unrefp) struct container *child = NULL;

	for (int depth = 0; depth < CONTAINER_LINKS_MAX; depth++) {
		struct container *next = NULL;

		if (container_lookup(eng, name, &next, e) < 0) {
			e->kind =
				ERR_INVALID; /* "not found" would make clients look for the image */
			return err_wrap(e, "could not get container for %s", name);
		}
		container_unref(child);
		child = next;
		if (!strz_starts(child->host.network_mode, "container:"))
			break;
		name = child->host.network_mode + strlen("container:");
	}
	if (strz_eq(child->host.network_mode, "host"))
		return err_set(e, ERR_INVALID,
			       "conflicting options: host type networking can't be used with "
			       "links. This would result in undefined behavior");
	*ret = TAKE_PTR(child);
	return 0;
}

int links_plan(struct engine *eng, const struct host_config *h, struct arena *a,
	       struct container_link **ret, size_t *ret_n, struct err *e)
{
	struct container_link *links = arena_alloc_array(a, h->links.n, sizeof(*links));
	size_t n = 0;

	if (!links)
		return err_set(e, ERR_UNAVAILABLE, "no memory for links");
	if (h->links.n > CONTAINER_LINKS_MAX)
		return err_set(e, ERR_TOO_LARGE, "more than %d links", CONTAINER_LINKS_MAX);
	for (size_t i = 0; i < h->links.n; i++) {
		CLEANUP(container_unrefp) struct container *child = NULL;
		const char *name, *alias;
		bool taken = false;

		if (link_parse(h->links.items[i], a, &name, &alias, e) < 0 ||
		    find_child(eng, name, &child, e) < 0)
			return err_code(e);
		for (size_t k = 0; k < n; k++)
			taken |= !strcmp(links[k].alias, alias);
		if (taken)
			continue;
		links[n].child = arena_strdup(a, child->id);
		links[n].alias = alias;
		if (!links[n++].child)
			return err_set(e, ERR_UNAVAILABLE, "no memory for links");
	}
	*ret = links;
	*ret_n = n;
	return 0;
}

static struct container *by_id(const struct engine *eng, const char *id)
{
	struct map_node *n = map_find(&eng->containers_by_id, str_from(id));

	return n ? map_entry(n, struct container, id_node) : NULL;
}

struct container *container_linked(const struct engine *eng, struct str path)
{
	struct str alias, parent = str_cut(path, '/', &alias);
	struct map_node *n = map_find(&eng->containers_by_name, parent);
	const struct container *c = n ? map_entry(n, struct container, name_node) : NULL;

	for (size_t i = 0; c && i < c->n_links; i++)
		if (str_eqz(alias, c->links[i].alias))
			return by_id(eng, c->links[i].child);
	return NULL;
}

int container_link_names(const struct container *c, struct arena *a, struct texts *ret)
{
	const struct container *parent;
	const char **items = NULL;
	size_t n = 0, room = 0;

	*ret = (struct texts){0};
	if (!c->eng->links)
		return 0;
	list_for_each (parent, &c->eng->containers, link) {
		for (size_t i = 0; i < parent->n_links; i++) {
			if (strcmp(parent->links[i].child, c->id) != 0)
				continue;
			if (n == room) {
				size_t more = room ? room * 2 : 4;

				items = arena_grow(a, items, room * sizeof(*items),
						   more * sizeof(*items));
				if (!items)
					return -ENOMEM;
				room = more;
			}
			items[n] = arena_printf(a, "/%s/%s", parent->name, parent->links[i].alias);
			if (!items[n++])
				return -ENOMEM;
		}
	}
	*ret = (struct texts){items, n, true};
	return 0;
}

int container_link_list(const struct container *c, struct arena *a, struct texts *ret)
{
	const char **items = arena_alloc_array(a, c->n_links + 1, sizeof(*items));
	size_t n = 0;

	*ret = (struct texts){0};
	if (!items)
		return -ENOMEM;
	for (size_t i = 0; i < c->n_links; i++) {
		const struct container *child = by_id(c->eng, c->links[i].child);

		if (!child)
			continue;
		items[n] = arena_printf(a, "/%s:/%s/%s", child->name, c->name, c->links[i].alias);
		if (!items[n++])
			return -ENOMEM;
	}
	if (n)
		*ret = (struct texts){items, n, true};
	return 0;
}

/* --- end of a link --- */

static void drop(struct container *parent, size_t i)
{
	memmove(&parent->links[i], &parent->links[i + 1],
		(parent->n_links - i - 1) * sizeof(*parent->links));
	parent->n_links--;
	parent->eng->links--;
}

int container_unlink(struct engine *eng, const char *name, struct err *e)
{
	struct str alias, path = str_from(*name == '/' ? name + 1 : name);
	struct str parent_name = str_cut(path, '/', &alias);
	CLEANUP(container_unrefp) struct container *parent = NULL;
	struct map_node *n = map_find(&eng->containers_by_name, parent_name);
	int r;

	if (!alias.n)
		return err_set(e, ERR_CONFLICT,
			       "Conflict, cannot remove the default link name of the container");
	if (!n)
		return err_set(e, ERR_SYSTEM,
			       "Cannot get parent /" STR_FMT " for link name /" STR_FMT,
			       STR_ARG(parent_name), STR_ARG(path));
	parent = map_entry(n, struct container, name_node);
	container_ref(parent);
	fiber_shield();
	r = fiber_lock_take(&parent->lock, DEADLINE_NEVER);
	if (r == 0) {
		for (size_t i = 0; i < parent->n_links; i++) {
			if (!str_eqz(alias, parent->links[i].alias))
				continue;
			drop(parent, i);
			break;
		}
		r = container_persist(parent, PERSIST_SYNC, e);
		fiber_lock_release(&parent->lock);
	}
	fiber_unshield();
	return r;
}

/* References to those linked to c, in the arena. */
static size_t parents_of(const struct container *c, struct arena *a, struct container ***ret)
{
	struct container *parent, **all = arena_alloc_array(a, c->eng->links, sizeof(*all));
	size_t n = 0;

	if (!all)
		return 0;
	list_for_each (parent, &c->eng->containers, link) {
		bool is = false;

		for (size_t i = 0; i < parent->n_links; i++)
			is |= !strcmp(parent->links[i].child, c->id);
		if (is) {
			container_ref(parent);
			all[n++] = parent;
		}
	}
	*ret = all;
	return n;
}

void links_forget(struct container *c)
{
	struct container *parent;

	c->eng->links -= c->n_links;
	c->n_links = 0;
	if (!c->eng->links)
		return;
	/* On disk they stay, and lead nowhere. */
	list_for_each (parent, &c->eng->containers, link)
		for (size_t i = parent->n_links; i-- > 0;)
			if (!strcmp(parent->links[i].child, c->id))
				drop(parent, i);
}

/* --- start --- */

bool links_await(const struct container *c)
{
	for (size_t i = 0; i < c->n_links; i++) {
		const struct container *child = by_id(c->eng, c->links[i].child);

		if (child && child != c && child->status == CONTAINER_RESTARTING)
			return true;
	}
	return false;
}

/* What the child is called: by its link, its host name, its own name. */
static const char *host_names(const struct container *child, const char *alias, struct arena *a)
{
	const char *hostname = child->config.hostname ? child->config.hostname : "";

	if (!strcmp(alias, child->name))
		return arena_printf(a, "%s %s", alias, hostname);
	return arena_printf(a, "%s %s %s", alias, hostname, child->name);
}

static int describe(const struct container *c, const struct container_link *link, struct arena *a,
		    struct link_texts *t, size_t max_env, struct err *e)
{
	const struct container *child = by_id(c->eng, link->child);
	char address[INET_ADDRSTRLEN];
	const char *ip, *names;

	if (!child)
		return 0;
	if (!container_is_running(child))
		return err_set(e, ERR_SYSTEM,
			       "Cannot link to a non running container: /%s AS /%s/%s", child->name,
			       c->name, link->alias);
	if (!child->endpoint || !inet_ntop(AF_INET, &child->endpoint->ip, address, sizeof(address)))
		return err_set(e, ERR_SYSTEM,
			       "Cannot link to /%s, as it does not belong to the default network",
			       child->name);
	ip = arena_strdup(a, address);
	names = host_names(child, link->alias, a);
	if (!ip || !names ||
	    link_environment(c->name, link->alias, ip, &child->config.exposed_ports,
			     &child->config.env, a, &t->env, max_env) < 0)
		return err_set(e, ERR_UNAVAILABLE, "no memory for links");
	t->hosts.items[t->hosts.n++] = (struct text_pair){names, ip};
	return 0;
}

/* At most: six for a port, five more for a row of them, name, first port and all of the child's. */
static size_t env_room(const struct container *c)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n_links; i++) {
		const struct container *child = by_id(c->eng, c->links[i].child);

		if (child)
			n += 11 * child->config.exposed_ports.n + child->config.env.n + 2;
	}
	return n;
}

int links_describe(const struct container *c, struct arena *a, struct link_texts *ret,
		   struct err *e)
{
	struct link_texts t = {0};
	size_t max_env = env_room(c);

	t.env.items = arena_alloc_array(a, max_env + 1, sizeof(*t.env.items));
	t.hosts.items = arena_alloc_array(a, c->n_links + 1, sizeof(*t.hosts.items));
	if (!t.env.items || !t.hosts.items)
		return err_set(e, ERR_UNAVAILABLE, "no memory for links");
	for (size_t i = 0; i < c->n_links; i++)
		if (describe(c, &c->links[i], a, &t, max_env, e) < 0)
			return err_code(e);
	*ret = t;
	return 0;
}

static void tell(const struct container *parent, const struct container *child, const char *address)
	FIBER_FN
{
	char dir[CONTAINER_PATH_MAX];
	struct err e = ERR_INIT;

	container_state_path(parent, dir);
	for (size_t i = 0; i < parent->n_links; i++)
		if (!strcmp(parent->links[i].child, child->id) &&
		    network_update_hosts(dir, parent->links[i].alias, address, &e) < 0)
			log_warn("container %s: the address of %s: %s", parent->id, child->id,
				 e.msg);
}

void links_tell_address(struct container *c)
{
	CLEANUP_ARENA struct arena a = {0};
	struct container **parents = NULL;
	char address[INET_ADDRSTRLEN];
	size_t n;

	if (!c->eng->links || !c->endpoint || arena_open(&a, POOL_NORMAL) < 0 ||
	    !inet_ntop(AF_INET, &c->endpoint->ip, address, sizeof(address)))
		return;
	n = parents_of(c, &a, &parents);
	for (size_t i = 0; i < n; i++) {
		if (container_is_running(parents[i]) && parents[i]->endpoint)
			tell(parents[i], c, address);
		container_unref(parents[i]);
	}
}
