/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>

#include "api/shape/container.h"

static const char *addr_text(struct in_addr addr, char out[INET_ADDRSTRLEN])
{
	return inet_ntop(AF_INET, &addr, out, INET_ADDRSTRLEN) ? out : "";
}

static const char *proto_text(uint8_t proto)
{
	return proto == IPPROTO_UDP ? "udp" : "tcp";
}

static bool is_published(const struct endpoint *ep, uint16_t port, uint8_t proto)
{
	for (size_t i = 0; ep && i < ep->n_ports; i++)
		if (ep->ports[i].port == port && ep->ports[i].proto == proto)
			return true;
	return false;
}

void shape_container_ports(const struct container *c, struct json_writer *w)
{
	const struct endpoint *ep = c->endpoint;
	char ip[INET_ADDRSTRLEN];

	json_array_open(w);
	for (size_t i = 0; ep && i < ep->n_ports; i++) {
		json_object_open(w);
		json_kv_text(w, "IP", addr_text(ep->ports[i].host_ip, ip));
		json_kv_i64(w, "PrivatePort", ep->ports[i].port);
		json_kv_i64(w, "PublicPort", ep->ports[i].host_port);
		json_kv_text(w, "Type", proto_text(ep->ports[i].proto));
		json_object_close(w);
	}
	for (size_t i = 0; ep && i < c->config.exposed_ports.n; i++) {
		uint16_t port;
		uint8_t proto;

		if (port_parse(c->config.exposed_ports.items[i], &port, &proto, NULL) < 0 ||
		    is_published(ep, port, proto))
			continue;
		json_object_open(w);
		json_kv_i64(w, "PrivatePort", port);
		json_kv_text(w, "Type", proto_text(proto));
		json_object_close(w);
	}
	json_array_close(w);
}

/* {"80/tcp":[{HostIp,HostPort}…] or null} */
static void put_port_map(const struct container *c, struct json_writer *w)
{
	const struct endpoint *ep = c->endpoint;
	char ip[INET_ADDRSTRLEN], text[16];

	json_object_open(w);
	for (size_t i = 0; ep && i < c->config.exposed_ports.n; i++) {
		uint16_t port;
		uint8_t proto;

		if (port_parse(c->config.exposed_ports.items[i], &port, &proto, NULL) < 0)
			continue;
		json_key(w, c->config.exposed_ports.items[i]);
		if (!is_published(ep, port, proto)) {
			json_put_null(w);
			continue;
		}
		json_array_open(w);
		for (size_t k = 0; k < ep->n_ports; k++) {
			if (ep->ports[k].port != port || ep->ports[k].proto != proto)
				continue;
			snprintf(text, sizeof(text), "%u", ep->ports[k].host_port);
			json_object_open(w);
			json_kv_text(w, "HostIp", addr_text(ep->ports[k].host_ip, ip));
			json_kv_text(w, "HostPort", text);
			json_object_close(w);
		}
		json_array_close(w);
	}
	json_object_close(w);
}

static void mac_text(const struct endpoint *ep, char out[18])
{
	out[0] = 0;
	if (ep)
		snprintf(out, 18, "%02x:%02x:%02x:%02x:%02x:%02x", ep->mac[0], ep->mac[1],
			 ep->mac[2], ep->mac[3], ep->mac[4], ep->mac[5]);
}

static void put_names(struct json_writer *w, const char *key, const struct texts *list)
{
	json_key(w, key);
	if (!list || !list->n) {
		json_put_null(w);
		return;
	}
	json_array_open(w);
	for (size_t i = 0; i < list->n; i++)
		json_put_text(w, list->items[i]);
	json_array_close(w);
}

static void put_options(struct json_writer *w, const char *key, const struct text_map *map)
{
	json_key(w, key);
	if (!map || !map->n) {
		json_put_null(w);
		return;
	}
	json_object_open(w);
	for (size_t i = 0; i < map->n; i++)
		json_kv_text(w, map->items[i].key, map->items[i].value);
	json_object_close(w);
}

static const struct endpoint_config *asked(const struct container *c, const char *network)
{
	const struct shape_map *eps = &c->networking.endpoints;

	for (size_t i = 0; i < eps->n; i++)
		if (!strcmp(eps->items[i].key, network) || !strcmp(eps->items[i].key, "default"))
			return eps->items[i].value;
	return NULL;
}

const char *shape_endpoint_id(const struct container *c, const char *network_id,
			      char out[DIGEST_HEX + 1])
{
	struct sha256 hash;
	struct digest digest;

	if (c->endpoint)
		return c->endpoint->id;
	if (!container_is_running(c))
		return "";
	sha256_init(&hash);
	sha256_update(&hash, c->id, strlen(c->id));
	sha256_update(&hash, network_id, strlen(network_id));
	sha256_update(&hash, &c->started_ns, sizeof(c->started_ns));
	digest_from_sha256(&hash, &digest);
	memcpy(out, digest_hex(&digest), DIGEST_HEX + 1);
	return out;
}

/* Which network it is on is known since its first start, even if that failed, and stays so. */
static bool was_connected(const struct container *c)
{
	return c->endpoint || container_is_running(c) || c->has_been_started || c->error[0];
}

static void put_endpoint(const struct container *c, const char *network, const char *network_id,
			 struct json_writer *w, unsigned api_minor)
{
	const struct endpoint *ep = c->endpoint;
	const struct endpoint_config *cfg = asked(c, network);
	char ip[INET_ADDRSTRLEN], mac[18], id[DIGEST_HEX + 1];

	mac_text(ep, mac);
	if (!ep && cfg && cfg->mac_address)
		str_copy(mac, sizeof(mac), str_from(cfg->mac_address));
	json_object_open(w);
	json_kv_null(w, "IPAMConfig");
	put_names(w, "Links", cfg ? &cfg->links : NULL);
	put_names(w, "Aliases", cfg ? &cfg->aliases : NULL);
	json_kv_text(w, "MacAddress", mac);
	put_options(w, "DriverOpts", cfg ? &cfg->driver_opts : NULL);
	if (api_minor >= 48)
		json_kv_i64(w, "GwPriority", cfg ? cfg->gw_priority : 0);
	json_kv_text(w, "NetworkID", was_connected(c) ? network_id : "");
	json_kv_text(w, "EndpointID", shape_endpoint_id(c, network_id, id));
	json_kv_text(w, "Gateway", ep ? addr_text(ep->gateway, ip) : "");
	json_kv_text(w, "IPAddress", ep ? addr_text(ep->ip, ip) : "");
	json_kv_i64(w, "IPPrefixLen", ep ? ep->prefix_len : 0);
	json_kv_text(w, "IPv6Gateway", "");
	json_kv_text(w, "GlobalIPv6Address", "");
	json_kv_i64(w, "GlobalIPv6PrefixLen", 0);
	if (api_minor >= 44)
		put_names(w, "DNSNames", NULL);
	json_object_close(w);
}

void shape_networks(const struct container *c, struct json_writer *w, struct arena *a,
		    unsigned api_minor)
{
	const char *mode = c->host.network_mode ? c->host.network_mode : "bridge";
	bool joined = !strncmp(mode, "container:", 10);
	const struct network_info *net = joined ? NULL : network_find(c->eng->network, mode);

	(void)a;
	json_object_open(w);
	/* One that is not there is missed at the start alone, and shown by the name it was asked
	 * by. */
	if (!joined && !c->config.network_disabled) {
		const char *name = net ? net->name : mode;

		json_key(w, name);
		put_endpoint(c, name, net ? net->id : "", w, api_minor);
	}
	json_object_close(w);
}

void shape_network_settings(const struct container *c, struct json_writer *w, struct arena *a,
			    unsigned api_minor)
{
	const struct endpoint *ep = c->endpoint;
	char ip[INET_ADDRSTRLEN], mac[18];
	/* That of another container's is the other's. */
	bool own = c->netns_path[0] == '/' && strncmp(c->netns_path, "/proc/", 6) != 0;
	bool host = c->host.network_mode && !strcmp(c->host.network_mode, "host") &&
		    container_is_running(c);

	mac_text(ep, mac);
	json_object_open(w);
	json_kv_text(w, "Bridge", "");
	json_kv_text(w, "SandboxID", own || host ? c->id : "");
	json_kv_text(w, "SandboxKey", own ? c->netns_path : "");
	json_key(w, "Ports");
	put_port_map(c, w);
	json_kv_bool(w, "HairpinMode", false);
	json_kv_text(w, "LinkLocalIPv6Address", "");
	json_kv_i64(w, "LinkLocalIPv6PrefixLen", 0);
	json_kv_null(w, "SecondaryIPAddresses");
	json_kv_null(w, "SecondaryIPv6Addresses");
	json_kv_text(w, "EndpointID", ep ? ep->id : "");
	json_kv_text(w, "Gateway", ep ? addr_text(ep->gateway, ip) : "");
	json_kv_text(w, "GlobalIPv6Address", "");
	json_kv_i64(w, "GlobalIPv6PrefixLen", 0);
	json_kv_text(w, "IPAddress", ep ? addr_text(ep->ip, ip) : "");
	json_kv_i64(w, "IPPrefixLen", ep ? ep->prefix_len : 0);
	json_kv_text(w, "IPv6Gateway", "");
	json_kv_text(w, "MacAddress", mac);
	json_key(w, "Networks");
	shape_networks(c, w, a, api_minor);
	json_object_close(w);
}
