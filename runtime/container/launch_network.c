/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The step of a launch that gives a container its network: one of its own (bridge, none), the
 * host's, or that of another container.
 */
#include "runtime/container/launch.h"

#include "firmware/core/mem.h"

#define NETWORK_CHAIN_MAX 64

#define PEER "container:"

/* Of a row of containers in one network: whose it is, with its files. */
static int find_owner(struct container **peer, struct err *e)
{
	for (int depth = 0; depth < NETWORK_CHAIN_MAX; depth++) {
		const char *mode = (*peer)->host.network_mode;
		struct container *next = NULL;

		if (!mode || !strz_starts(mode, PEER))
			return 0;
		if (container_lookup((*peer)->eng, mode + strlen(PEER), &next, e) < 0)
			return err_wrap(e, "joining network namespace of container");
		container_unref(*peer);
		*peer = next;
	}
	return err_set(e, ERR_INVALID, "joining network namespace of container: too many in a row");
}

static int join_peer(struct launch *l, struct err *e)
{
	struct container *c = l->c;
	CLEANUP(container_unrefp) struct container *peer = NULL;

	if (container_lookup(c->eng, c->host.network_mode + strlen(PEER), &peer, e) < 0)
		return err_wrap(e, "joining network namespace of container");
	if (peer == c)
		return err_set(e, ERR_INVALID, "cannot join own network");
	if (!container_is_running(peer))
		return err_set(e, ERR_CONFLICT,
			       "cannot join network of a non running container: %s", peer->id);
	if (peer->status == CONTAINER_RESTARTING || peer->pid <= 0)
		return err_set(e, ERR_CONFLICT,
			       "Container %s is restarting, wait until the container is running",
			       peer->id);
	text_format(c->netns_path, sizeof(c->netns_path), "/proc/%d/ns/net", (int)peer->pid);
	if (find_owner(&peer, e) < 0)
		return err_code(e);
	container_state_path(peer, l->hosts);
	text_format(l->resolv, sizeof(l->resolv), "%s/resolv.conf", l->hosts);
	text_format(l->hostname, sizeof(l->hostname), "%s/hostname", l->hosts);
	strcat(l->hosts, "/hosts");
	l->spec.hostname = peer->config.hostname;
	return 0;
}

/* "net.ipv4.conf.IFNAME.log_martians=1,…": settings of the one interface there is. */
static int endpoint_sysctls(struct launch *l, const char *text, struct err *e)
{
	struct str rest = str_from(text);
	size_t n = 1;

	for (const char *p = text; *p; p++)
		n += *p == ',';
	l->sysctls.items = arena_alloc_array(l->a, n, sizeof(*l->sysctls.items));
	while (l->sysctls.items && rest.n) {
		struct str value, key = str_cut(str_cut(rest, ',', &rest), '=', &value);
		const char *at = memmem(key.p, key.n, ".IFNAME.", 8);
		size_t before = at ? (size_t)(at - key.p) : 0;
		struct text_pair *pair = &l->sysctls.items[l->sysctls.n];

		if (!at || !value.n || !str_starts(key, "net."))
			return err_set(e, ERR_INVALID,
				       "unable to apply network sysctl '" STR_FMT "'",
				       STR_ARG(key));
		pair->key = arena_printf(l->a, "%.*s.eth0." STR_FMT, (int)before, key.p,
					 (int)(key.n - before - 8), at + 8);
		pair->value = arena_strndup(l->a, value.p, value.n);
		if (!pair->key || !pair->value)
			break;
		l->sysctls.n++;
	}
	if (!l->sysctls.items || l->sysctls.n > n)
		return err_set(e, ERR_UNAVAILABLE, "no memory");
	l->spec.endpoint_sysctls = &l->sysctls;
	return 0;
}

static int connect_bridge(struct launch *l, struct err *e) FIBER_FN
{
	struct container *c = l->c;
	struct connect_request req = {
		.container_id = c->id, .container_name = c->name, .ports = l->ports};
	int r = container_ports(&c->config, &c->host, l->ports, ARRAY_LEN(l->ports), &req.n_ports,
				e);

	if (r == 0)
		r = links_describe(c, l->a, &l->links, e);
	if (r < 0)
		return r;
	for (size_t i = 0; i < c->networking.endpoints.n; i++) {
		const struct endpoint_config *ep = c->networking.endpoints.items[i].value;

		const char *sysctls = ep ? text_map_get(&ep->driver_opts, SYSCTLS_OPTION) : NULL;

		if (ep && !is_empty(ep->mac_address))
			req.mac = ep->mac_address;
		if (sysctls && endpoint_sysctls(l, sysctls, e) < 0)
			return err_code(e);
	}
	if (!is_empty(c->config.mac_address))
		req.mac = c->config.mac_address;
	c->endpoint = mem_alloc(sizeof(*c->endpoint));
	if (!c->endpoint)
		return err_set(e, ERR_UNAVAILABLE, "no memory for an endpoint");
	r = network_connect(c->eng->network, &req, c->endpoint, c->netns_path,
			    sizeof(c->netns_path), e);
	if (r < 0) {
		mem_free(TAKE_PTR(c->endpoint));
		return err_wrap(e, "failed to set up container networking");
	}
	inet_ntop(AF_INET, &c->endpoint->ip, l->ip, sizeof(l->ip));
	inet_ntop(AF_INET, &c->endpoint->gateway, l->gateway, sizeof(l->gateway));
	links_tell_address(c);
	l->spec.own_netns = true;
	return 0;
}

/* What was asked for at the create must be there now. */
static int check_networks(const struct container *c, struct err *e)
{
	const struct shape_map *eps = &c->networking.endpoints;
	const char *missing = NULL;

	if (!network_find(c->eng->network, c->host.network_mode))
		missing = c->host.network_mode;
	for (size_t i = 0; i < eps->n && !missing; i++)
		if (!is_text(eps->items[i].key, "default") &&
		    !network_find(c->eng->network, eps->items[i].key))
			missing = eps->items[i].key;
	return missing ? err_set(e, ERR_NOT_FOUND,
				 "failed to set up container networking: network %s not found",
				 missing)
		       : 0;
}

int launch_network(struct launch *l, struct err *e)
{
	struct container *c = l->c;
	const char *mode = c->host.network_mode;
	bool host = is_text(mode, "host") && !c->config.network_disabled;
	int r = 0;

	c->netns_path[0] = 0;
	l->spec.hostname = c->config.hostname;
	if (strz_starts(mode, "container:"))
		return join_peer(l, e);
	if (!c->config.network_disabled && check_networks(c, e) < 0)
		return err_code(e);
	if (is_text(mode, "none") || c->config.network_disabled) {
		r = netns_create(c->eng->network, c->id, c->netns_path, sizeof(c->netns_path), e);
		l->spec.own_netns = true;
	} else if (!host) {
		r = connect_bridge(l, e);
	}
	if (r < 0)
		return r;
	l->files = (struct hosts_request){
		.dir = l->state_dir,
		.hostname = c->config.hostname,
		.domainname = c->config.domainname,
		.ip = l->ip[0] ? l->ip : NULL,
		.extra_hosts = &c->host.extra_hosts,
		.linked = &l->links.hosts,
		.host_gateway = l->gateway[0] ? l->gateway : NULL,
		.host_network = host,
		.dns = &c->host.dns,
		.dns_search = &c->host.dns_search,
		.dns_options = &c->host.dns_options,
	};
	text_format(l->hosts, sizeof(l->hosts), "%s/hosts", l->state_dir);
	text_format(l->hostname, sizeof(l->hostname), "%s/hostname", l->state_dir);
	text_format(l->resolv, sizeof(l->resolv), "%s/resolv.conf", l->state_dir);
	return network_write_files(c->eng->network, &l->files, e);
}
