/* SPDX-License-Identifier: Apache-2.0 */
#include "api/networks/networks.h"

#include <arpa/inet.h>

#include "api/router/prune.h"
#include "api/router/reply.h"
#include "api/shape/container.h"
#include "api/shape/text.h"
#include "runtime/container/container.h"

static const char *const filter_keys[] = {"dangling", "driver", "id",	"label",
					  "name",     "scope",	"type", NULL};

static void put_ipam(const struct network_info *net, struct json_writer *w)
{
	json_key(w, "IPAM");
	json_object_open(w);
	json_kv_text(w, "Driver", "default");
	json_kv_null(w, "Options");
	json_key(w, "Config");
	json_array_open(w);
	if (net->subnet[0]) {
		json_object_open(w);
		json_kv_text(w, "Subnet", net->subnet);
		json_kv_text(w, "Gateway", net->gateway);
		json_object_close(w);
	}
	json_array_close(w);
	json_object_close(w);
}

static void put_options(const struct network_info *net, struct json_writer *w)
{
	json_key(w, "Options");
	json_object_open(w);
	if (!strcmp(net->driver, "bridge")) {
		json_kv_text(w, "com.docker.network.bridge.default_bridge", "true");
		json_kv_text(w, "com.docker.network.bridge.enable_icc", "true");
		json_kv_text(w, "com.docker.network.bridge.enable_ip_masquerade", "true");
		json_kv_text(w, "com.docker.network.bridge.host_binding_ipv4", "0.0.0.0");
		json_kv_text(w, "com.docker.network.bridge.name", net->bridge);
		json_kv_text(w, "com.docker.network.driver.mtu", "1500");
	}
	json_object_close(w);
}

/* Running containers on the network, by id. */
static void put_containers(struct engine *eng, const struct network_info *net,
			   struct json_writer *w, struct arena *a)
{
	const struct container *c;
	char ip[INET_ADDRSTRLEN], id[DIGEST_HEX + 1];

	json_key(w, "Containers");
	json_object_open(w);
	list_for_each (c, &eng->containers, link) {
		const struct endpoint *ep = c->endpoint;

		if (!container_is_running(c) ||
		    network_find(eng->network, c->host.network_mode) != net)
			continue;
		json_key(w, c->id);
		json_object_open(w);
		json_kv_text(w, "Name", c->name);
		json_kv_text(w, "EndpointID", shape_endpoint_id(c, net->id, id));
		json_kv_text(w, "MacAddress",
			     ep ? arena_printf(a, "%02x:%02x:%02x:%02x:%02x:%02x", ep->mac[0],
					       ep->mac[1], ep->mac[2], ep->mac[3], ep->mac[4],
					       ep->mac[5])
				: "");
		json_kv_text(w, "IPv4Address",
			     ep ? arena_printf(a, "%s/%u",
					       inet_ntop(AF_INET, &ep->ip, ip, sizeof(ip)),
					       ep->prefix_len)
				: "");
		json_kv_text(w, "IPv6Address", "");
		json_object_close(w);
	}
	json_object_close(w);
}

static void put_network(struct call *call, const struct network_info *net, bool full,
			struct json_writer *w)
{
	json_object_open(w);
	json_kv_text(w, "Name", net->name);
	json_kv_text(w, "Id", net->id);
	text_kv_time(w, "Created", net->created_ns);
	json_kv_text(w, "Scope", "local");
	json_kv_text(w, "Driver", net->driver);
	if (call->api_minor >= 48)
		json_kv_bool(w, "EnableIPv4", true);
	json_kv_bool(w, "EnableIPv6", false);
	put_ipam(net, w);
	json_kv_bool(w, "Internal", false);
	json_kv_bool(w, "Attachable", false);
	json_kv_bool(w, "Ingress", false);
	json_key(w, "ConfigFrom");
	json_object_open(w);
	json_kv_text(w, "Network", "");
	json_object_close(w);
	json_kv_bool(w, "ConfigOnly", false);
	if (full) {
		put_containers(call->eng, net, w, call->a);
	} else {
		json_key(w, "Containers");
		json_put_raw(w, STR("{}"));
	}
	put_options(net, w);
	json_key(w, "Labels");
	json_put_raw(w, STR("{}"));
	json_object_close(w);
}

static bool wanted(const struct filters *f, const struct network_info *net)
{
	static const struct text_map no_labels;
	const struct texts *dangling = filters_get(f, "dangling");

	/* The built-in ones are never dangling. */
	if (dangling->n && !texts_contain(dangling, "false") && !texts_contain(dangling, "0"))
		return false;
	return net->enabled && filters_exact(f, "driver", net->driver) &&
	       filters_match(f, "id", net->id) && filters_match(f, "name", net->name) &&
	       filters_exact(f, "scope", "local") && filters_exact(f, "type", "builtin") &&
	       filters_labels(f, "label", &no_labels);
}

static int check_dangling(const struct filters *f, struct err *e)
{
	const struct texts *values = filters_get(f, "dangling");

	if (values->n > 1)
		return err_set(e, ERR_INVALID,
			       "got more than one value for filter key \"dangling\"");
	if (values->n && strcmp(values->items[0], "true") && strcmp(values->items[0], "1") &&
	    strcmp(values->items[0], "false") && strcmp(values->items[0], "0"))
		return err_set(e, ERR_INVALID,
			       "invalid value for filter 'dangling', must be \"true\" (or \"1\"), "
			       "or \"false\" (or \"0\")");
	return 0;
}

/* GET /networks */
int api_networks_list(struct call *call, struct err *e)
{
	struct filters *f = arena_alloc(call->a, sizeof(*f));
	const struct network_info *nets;
	struct json_writer w;
	struct buf out;
	size_t n;

	if (!f)
		return err_set(e, ERR_UNAVAILABLE, "no memory");
	if (filters_read(call, filter_keys, f, e) < 0 || check_dangling(f, e) < 0)
		return err_code(e);
	n = network_list(call->eng->network, &nets);
	reply_begin(call, &out, &w);
	json_array_open(&w);
	for (size_t i = 0; i < n; i++)
		if (wanted(f, &nets[i]))
			put_network(call, &nets[i], false, &w);
	json_array_close(&w);
	return reply_json(call, 200, &out, e);
}

static int find(struct call *call, const struct network_info **ret, struct err *e)
{
	*ret = network_find(call->eng->network, call->params[0]);
	return *ret ? 0 : err_set(e, ERR_NOT_FOUND, "network %s not found", call->params[0]);
}

/* GET /networks/{id} */
int api_networks_inspect(struct call *call, struct err *e)
{
	const struct network_info *net;
	struct json_writer w;
	struct buf out;

	if (find(call, &net, e) < 0)
		return err_code(e);
	reply_begin(call, &out, &w);
	put_network(call, net, true, &w);
	return reply_json(call, 200, &out, e);
}

/* DELETE /networks/{id}: the built-in ones stay. */
int api_networks_remove(struct call *call, struct err *e)
{
	const struct network_info *net;

	if (find(call, &net, e) < 0)
		return err_code(e);
	return err_set(e, ERR_FORBIDDEN, "%s is a pre-defined network and cannot be removed",
		       net->name);
}

/*
 * POST /networks/prune: of the networks that clients make, those without containers. None can be
 * made so far, and the built-in ones always stay.
 */
int api_networks_prune(struct call *call, struct err *e)
{
	static const char *const keys[] = {"until", "label", "label!", NULL};
	struct prune_filter *f = arena_alloc(call->a, sizeof(*f));

	if (!f)
		return err_set(e, ERR_UNAVAILABLE, "no memory");
	if (prune_filter_read(call, keys, f, e) < 0 ||
	    engine_prune_begin(&call->eng->pruning, e) < 0)
		return err_code(e);
	call->eng->pruning = false;
	event_publish_one(call->eng->events, EVENT_NETWORK, "prune", "", "reclaimed", "0");
	return http_reply(call->http, 200, "application/json", STR("{\"NetworksDeleted\":null}\n"));
}
