/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a create request may not ask for, with the engine's messages. Its limits are checked by
 * limits.c, its mounts by mounts.c, and version.c knows what older
 * clients mean.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "runtime/container/health_state.h"
#include "runtime/container/private.h"
#include "runtime/container/restart_policy.h"
#include "runtime/spec/spec.h"

static bool is_empty(const char *s)
{
	return !s || !*s;
}

static int conflict(struct err *e, const char *what)
{
	return err_set(e, ERR_INVALID, "conflicting options: %s", what);
}

static bool is_text(const char *s, const char *what)
{
	return s && !strcmp(s, what);
}

/* What a container cannot have of its own when it uses another's network. */
static int check_shared_network(const struct create_request *req, struct err *e)
{
	const struct host_config *h = &req->host;
	const struct {
		bool asked;
		const char *what;
	} rules[] = {
		{!is_empty(req->config.hostname), "hostname and the network mode"},
		{h->links.n > 0, "container type network can't be used with links. This would "
				 "result in undefined behavior"},
		{h->dns.n > 0, "dns and the network mode"},
		{h->extra_hosts.n > 0, "custom host-to-IP mapping and the network mode"},
		{!is_empty(req->config.mac_address), "mac-address and the network mode"},
		{h->port_bindings.n > 0 || h->publish_all_ports,
		 "port publishing and the container type network mode"},
		{req->config.exposed_ports.n > 0,
		 "port exposing and the container type network mode"},
	};

	if (!h->network_mode[strlen("container:")])
		return err_set(
			e, ERR_INVALID,
			"Invalid network mode: invalid container format container:<name|id>");
	for (size_t i = 0; i < ARRAY_LEN(rules); i++)
		if (rules[i].asked)
			return conflict(e, rules[i].what);
	return 0;
}

static int check_network_mode(const struct create_request *req, struct err *e)
{
	const char *mode = req->host.network_mode ? req->host.network_mode : "";
	bool host = is_text(mode, "host");

	if (is_text(mode, "container"))
		return err_set(
			e, ERR_INVALID,
			"Invalid network mode: invalid container format container:<name|id>");
	if (strz_starts(mode, "container:") && check_shared_network(req, e) < 0)
		return err_code(e);
	if (host && !is_empty(req->config.mac_address))
		return conflict(e, "mac-address and the network mode");
	if (is_text(req->host.uts_mode, "host") && !is_empty(req->config.hostname))
		return conflict(e, "hostname and the UTS mode");
	if (host && req->host.links.n)
		return conflict(e, "host type networking can't be used with links. This would "
				   "result in undefined behavior");
	if (!is_empty(req->host.isolation) && strcasecmp(req->host.isolation, "default"))
		return err_set(e, ERR_INVALID, "invalid isolation '%s' on linux",
			       req->host.isolation);
	return 0;
}

static bool is_one_of(const char *s, const char *const *list)
{
	for (; *list; list++)
		if (!strcmp(s, *list))
			return true;
	return false;
}

static int check_namespaces(const struct host_config *h, struct err *e)
{
	static const char *const ipc[] = {"", "private", "host", "none", "shareable", NULL};
	static const char *const host[] = {"", "host", NULL};
	static const char *const cgroup[] = {"", "host", "private", NULL};
	const struct {
		const char *mode, *const *modes, *what;
		bool peers;
	} rules[] = {
		{h->ipc_mode, ipc, "IPC", true},
		{h->pid_mode, host, "PID", true},
		{h->uts_mode, host, "UTS", false},
		{h->userns_mode, host, "user namespace", false},
		{h->cgroupns_mode, cgroup, "cgroup namespace", false},
	};

	for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
		const char *mode = rules[i].mode ? rules[i].mode : "";

		if (!is_one_of(mode, rules[i].modes) &&
		    !(rules[i].peers && strz_starts(mode, "container:") && mode[10]))
			return err_set(e, ERR_INVALID, "invalid %s mode: %s", rules[i].what, mode);
	}
	return 0;
}

/* Six or eight bytes of two hex digits; colons or dashes between them. */
static bool mac_is_valid(const char *text)
{
	size_t n = strlen(text);

	if (n != 17 && n != 23)
		return false;
	for (size_t i = 0; i < n; i++)
		if (i % 3 == 2 ? text[i] != text[2] || !strchr(":-", text[i])
			       : !isxdigit((unsigned char)text[i]))
			return false;
	return true;
}

/* A network need not be there yet; the start will miss it. */
static int check_endpoints(const struct create_request *req, struct err *e)
{
	const struct shape_map *eps = &req->networking.endpoints;

	for (size_t i = 0; i < eps->n; i++) {
		const struct endpoint_config *ep = eps->items[i].value;
		const char *name = eps->items[i].key;

		if (!ep)
			return err_set(e, ERR_INVALID, "no EndpointSettings for %s", name);
		if (ep->ipam_config && (!is_empty(ep->ipam_config->ipv4_address) ||
					!is_empty(ep->ipam_config->ipv6_address)))
			return err_set(e, ERR_INVALID,
				       "invalid config for network %s: invalid endpoint settings:\n"
				       "user specified IP address is supported on user defined "
				       "networks only",
				       strcmp(name, "default") ? name : "bridge");
		if (ep->ipam_config && ep->ipam_config->link_local_ips.n)
			return err_set(
				e, ERR_NOT_IMPLEMENTED,
				"link-local addresses of endpoints are not supported by this "
				"engine");
		if (ep->aliases.n)
			return err_set(e, ERR_INVALID,
				       "invalid config for network %s: invalid endpoint settings:\n"
				       "network-scoped alias is supported only for containers in "
				       "user defined networks",
				       strcmp(name, "default") ? name : "bridge");
		if (!is_empty(ep->mac_address) && !mac_is_valid(ep->mac_address))
			return err_set(e, ERR_INVALID,
				       "invalid config for network %s: invalid endpoint settings:\n"
				       "invalid MAC address %s",
				       strcmp(name, "default") ? name : "bridge", ep->mac_address);
	}
	return 0;
}

static int check_config(const struct container_config *c, struct err *e)
{
	int signo;

	for (size_t i = 0; i < c->env.n; i++)
		if (!*c->env.items[i] || *c->env.items[i] == '=')
			return err_set(e, ERR_INVALID, "invalid environment variable: %s",
				       c->env.items[i]);
	if (!is_empty(c->working_dir) && *c->working_dir != '/')
		return err_set(
			e, ERR_INVALID,
			"the working directory '%s' is invalid, it needs to be an absolute path",
			c->working_dir);
	if (!is_empty(c->stop_signal) && signal_parse(c->stop_signal, &signo, e) < 0)
		return err_code(e);
	if (!is_empty(c->hostname) && strlen(c->hostname) > 64)
		return err_set(e, ERR_INVALID, "invalid hostname: %s", c->hostname);
	return health_config_check(c->healthcheck, e);
}

static int check_annotations(const struct host_config *h, struct err *e)
{
	for (size_t i = 0; i < h->annotations.n; i++)
		if (is_empty(h->annotations.items[i].key))
			return err_set(e, ERR_INVALID,
				       "invalid Annotations: the empty string is not permitted "
				       "as an annotation key");
	return 0;
}

static int check_host(const struct engine *eng, const struct create_request *req, struct err *e)
{
	const struct host_config *h = &req->host;
	struct port_request ports[NETWORK_PORTS_MAX];
	size_t n_ports;

	for (size_t i = 0; i < h->extra_hosts.n; i++)
		if (network_check_extra_host(h->extra_hosts.items[i], e) < 0)
			return err_code(e);
	if (container_ports(&req->config, h, ports, ARRAY_LEN(ports), &n_ports, e) < 0 ||
	    restart_policy_check(&h->restart_policy, h->auto_remove, e) < 0 ||
	    spec_check(h, e) < 0 || check_annotations(h, e) < 0)
		return err_code(e);
	for (size_t i = 0; i < h->tmpfs.n; i++)
		if (container_check_tmpfs_target(h->tmpfs.items[i].key, e) < 0)
			return err_code(e);
	if (h->shm_size < 0)
		return err_set(e, ERR_INVALID, "SHM size can not be less than 0");
	if (h->oom_score_adj < -1000 || h->oom_score_adj > 1000)
		return err_set(e, ERR_INVALID,
			       "Invalid value %lld, range for oom score adj is [-1000, 1000]",
			       (long long)h->oom_score_adj);
	if (!is_empty(h->runtime) && !engine_runtime_path(eng, h->runtime))
		return err_set(e, ERR_INVALID, "unknown or invalid runtime name: %s", h->runtime);
	return 0;
}

static void warn(const struct engine *eng, const struct host_config *h, struct warnings *w)
{
	if (is_text(h->network_mode, "host") && h->port_bindings.n)
		warnings_add(w, "Published ports are discarded when using host network mode");
	if (is_text(h->cgroupns_mode, "private") && !eng->limits.namespaces)
		warnings_add(w, "Your kernel does not support cgroup namespaces.  Cgroup "
				"namespace setting discarded.");
}

int container_validate(const struct engine *eng, struct create_request *req, unsigned api_minor,
		       struct warnings *w, struct err *e)
{
	if (check_network_mode(req, e) < 0 || container_apply_version(req, api_minor, w, e) < 0 ||
	    check_config(&req->config, e) < 0 || check_host(eng, req, e) < 0 ||
	    container_check_limits(&req->host, &eng->limits, false, w, e) < 0 ||
	    check_namespaces(&req->host, e) < 0 || check_endpoints(req, e) < 0)
		return err_code(e);
	warn(eng, &req->host, w);
	return 0;
}
