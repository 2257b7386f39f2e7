/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GET /containers/json. The containers are referenced first, since others may go while the list is
 * sent.
 */
#include "api/containers/containers.h"

#include "api/containers/sizes.h"
#include "api/router/list_reply.h"
#include "api/router/reply.h"
#include "runtime/container/health_state.h"

struct list_query {
	struct filters filters;
	bool all, size;
	int64_t limit;
	struct container *before, *since; /* referenced */
};

static const char *const filter_keys[] = {
	"ancestor", "before", "exited",	 "expose",  "health", "id",	"isolation", "is-task",
	"label",    "name",   "network", "publish", "since",  "status", "volume",    NULL};

static int check_filters(struct call *call, struct list_query *q, struct err *e)
{
	const struct texts *values = filters_get(&q->filters, "status");
	enum container_status status;
	enum health_status health;

	for (size_t i = 0; i < values->n; i++)
		if (container_status_parse(str_from(values->items[i]), &status) < 0)
			return err_set(e, ERR_INVALID, "invalid filter 'status=%s'",
				       values->items[i]);
	q->all |= values->n > 0;
	values = filters_get(&q->filters, "health");
	for (size_t i = 0; i < values->n; i++)
		if (strcmp(values->items[i], "none") &&
		    health_status_parse(str_from(values->items[i]), &health) < 0)
			return err_set(e, ERR_INVALID, "unrecognized filter value for health: %s",
				       values->items[i]);
	values = filters_get(&q->filters, "exited");
	for (size_t i = 0; i < values->n; i++) {
		int64_t code;

		if (str_to_i64(str_from(values->items[i]), &code) < 0)
			return err_set(e, ERR_INVALID, "invalid filter 'exited=%s'",
				       values->items[i]);
		q->all = true;
	}
	values = filters_get(&q->filters, "before");
	if (values->n && container_lookup(call->eng, values->items[0], &q->before, e) < 0)
		return err_code(e);
	values = filters_get(&q->filters, "since");
	if (values->n && container_lookup(call->eng, values->items[0], &q->since, e) < 0)
		return err_code(e);
	return 0;
}

static bool image_matches(struct call *call, const struct container *c,
			  const struct texts *ancestors)
{
	for (size_t i = 0; i < ancestors->n; i++) {
		CLEANUP(image_unrefp) struct image *img = NULL;

		if (image_lookup(call->eng->images, ancestors->items[i], &img, NULL) < 0)
			continue;
		if (digest_eq(&img->id, &c->image_id))
			return true;
		/* A descendant: the ancestor's layers are the first of its own. */
		if (c->image && img->n_layers && img->n_layers <= c->image->n_layers &&
		    digest_eq(&img->chain_ids[img->n_layers - 1],
			      &c->image->chain_ids[img->n_layers - 1]))
			return true;
	}
	return !ancestors->n;
}

static bool name_matches(const struct filters *f, const struct container *c, struct arena *a)
{
	const char *slashed = arena_printf(a, "/%s", c->name);

	return filters_match(f, "name", c->name) || (slashed && filters_match(f, "name", slashed));
}

static bool network_matches(const struct filters *f, const struct container *c)
{
	const struct network_info *net = network_find(c->eng->network, c->host.network_mode);
	const struct texts *values = filters_get(f, "network");

	return !values->n ||
	       (net && (texts_contain(values, net->name) || texts_contain(values, net->id)));
}

/* publish and expose: "80", "80/tcp" or "8000-8010/tcp". */
static bool port_in(const char *want, uint16_t port, uint8_t proto)
{
	struct str proto_text, range = str_cut(str_from(want), '/', &proto_text), last,
			       first = str_cut(range, '-', &last);
	uint64_t lo, hi;

	if (str_to_u64(first, &lo) < 0)
		return false;
	if (!last.n || str_to_u64(last, &hi) < 0)
		hi = lo;
	return port >= lo && port <= hi && (proto == IPPROTO_UDP) == str_ieqz(proto_text, "udp");
}

static bool ports_match(const struct filters *f, const struct container *c)
{
	const struct texts *publish = filters_get(f, "publish"), *expose = filters_get(f, "expose");
	bool hit = !publish->n, shown = !expose->n;

	for (size_t i = 0; i < publish->n && c->endpoint; i++)
		for (size_t k = 0; k < c->endpoint->n_ports; k++)
			hit |= port_in(publish->items[i], c->endpoint->ports[k].host_port,
				       c->endpoint->ports[k].proto) ||
			       port_in(publish->items[i], c->endpoint->ports[k].port,
				       c->endpoint->ports[k].proto);
	for (size_t i = 0; i < expose->n; i++)
		for (size_t k = 0; k < c->config.exposed_ports.n; k++) {
			uint16_t port;
			uint8_t proto;

			shown |= port_parse(c->config.exposed_ports.items[k], &port, &proto,
					    NULL) == 0 &&
				 port_in(expose->items[i], port, proto);
		}
	return hit && shown;
}

static bool exited_matches(const struct filters *f, const struct container *c)
{
	const struct texts *values = filters_get(f, "exited");

	for (size_t i = 0; i < values->n; i++) {
		int64_t code = -1;

		if (str_to_i64(str_from(values->items[i]), &code) == 0 && code == c->exit_code &&
		    c->status == CONTAINER_EXITED)
			return true;
	}
	return !values->n;
}

static bool volume_matches(const struct filters *f, const struct container *c)
{
	const struct texts *values = filters_get(f, "volume");

	/* By name; what has none, by where it is. */
	for (size_t i = 0; i < c->n_mounts; i++) {
		const struct container_mount *m = &c->mounts[i];
		const char *name = m->name && *m->name ? m->name : m->source;

		if ((name && texts_contain(values, name)) || texts_contain(values, m->destination))
			return true;
	}
	return !values->n;
}

static const char *health_name(const struct container *c)
{
	return c->health.state ? health_status_name(c->health.state->status) : "none";
}

static bool wanted(struct call *call, struct list_query *q, const struct container *c)
{
	const struct filters *f = &q->filters;

	if (c->removed || (!q->all && q->limit <= 0 && !container_is_running(c)))
		return false;
	if ((q->before && c->created_ns >= q->before->created_ns) ||
	    (q->since && c->created_ns <= q->since->created_ns))
		return false;
	return filters_match(f, "id", c->id) && name_matches(f, c, call->a) &&
	       filters_exact(f, "status", container_status_name(c->status)) &&
	       filters_labels(f, "label", &c->config.labels) &&
	       image_matches(call, c, filters_get(f, "ancestor")) && exited_matches(f, c) &&
	       network_matches(f, c) && ports_match(f, c) && volume_matches(f, c) &&
	       filters_exact(f, "health", health_name(c)) && filters_exact(f, "is-task", "false");
}

static int put_all(struct call *call, struct list_query *q, struct container **all, size_t n,
		   struct err *e) FIBER_FN
{
	struct list_reply list;
	struct container_sizes sizes;
	int64_t shown = 0;
	int r = list_reply_begin(&list, call, "[");

	for (size_t i = 0; r == 0 && i < n; i++) {
		struct container *c = all[i];

		if (!wanted(call, q, c))
			continue;
		if (q->limit > 0 && shown++ == q->limit)
			break;
		sizes = (struct container_sizes){0};
		if (q->size && container_measure(c, &sizes, e) < 0)
			err_clear(e); /* removed meanwhile: shown without sizes */
		shape_container_summary(c, list_reply_item(&list), call->a, call->api_minor,
					&sizes);
		r = list_reply_send(&list);
	}
	return list_reply_end(&list, r, "]\n", e);
}

int api_containers_list(struct call *call, struct err *e)
{
	struct list_query *q = arena_alloc(call->a, sizeof(*q));
	struct container **all;
	size_t n = 0;
	int r;

	if (!q)
		return err_set(e, ERR_UNAVAILABLE, "no memory");
	q->all = query_bool(call, "all", false);
	q->size = query_bool(call, "size", false);
	if (query_i64(call, "limit", 0, &q->limit, e) < 0 ||
	    filters_read(call, filter_keys, &q->filters, e) < 0)
		return err_code(e);
	r = check_filters(call, q, e);
	if (r == 0 && container_list(call->eng, call->a, &all, &n) < 0)
		r = err_set(e, ERR_UNAVAILABLE, "no memory for the list");
	if (r == 0) {
		r = put_all(call, q, all, n, e);
		for (size_t i = 0; i < n; i++)
			container_unref(all[i]);
	}
	container_unref(q->before);
	container_unref(q->since);
	return r;
}
