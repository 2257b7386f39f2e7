/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a create request may not ask for, with the engine's messages. Fields that are spoken but not
 * carried out yet are refused here or by their SHAPE_REFUSED mark, never ignored.
 */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "runtime/container/health_state.h"
#include "runtime/container/private.h"
#include "runtime/container/restart_policy.h"
#include "runtime/spec/spec.h"

#define MEMORY_MIN (6LL << 20)

static bool is_empty(const char *s)
{
	return !s || !*s;
}

static bool is_one_of(const char *s, const char *const *list)
{
	for (; *list; list++)
		if (!strcmp(s, *list))
			return true;
	return false;
}

static int check_memory(const struct host_config *h, struct err *e)
{
	if (h->memory < 0 || (h->memory > 0 && h->memory < MEMORY_MIN))
		return err_set(e, ERR_INVALID, "Minimum memory limit allowed is 6MB");
	if (h->memory > 0 && h->memory_swap > 0 && h->memory_swap < h->memory)
		return err_set(
			e, ERR_INVALID,
			"Minimum memoryswap limit should be larger than memory limit, see usage");
	if (h->memory == 0 && h->memory_swap > 0)
		return err_set(e, ERR_INVALID,
			       "You should always set the Memory limit when using Memoryswap "
			       "limit, see usage");
	if (h->memory_reservation > 0 && h->memory_reservation < MEMORY_MIN)
		return err_set(e, ERR_INVALID, "Minimum memory reservation allowed is 6MB");
	if (h->memory > 0 && h->memory_reservation > h->memory)
		return err_set(e, ERR_INVALID,
			       "Minimum memory limit can not be less than memory reservation "
			       "limit, see usage");
	if (h->memory_swappiness.set &&
	    (h->memory_swappiness.v < -1 || h->memory_swappiness.v > 100))
		return err_set(e, ERR_INVALID,
			       "Invalid value: %lld, valid memory swappiness range is 0-100",
			       (long long)h->memory_swappiness.v);
	if (h->oom_score_adj < -1000 || h->oom_score_adj > 1000)
		return err_set(e, ERR_INVALID,
			       "Invalid value %lld, range for oom score adj is [-1000, 1000]",
			       (long long)h->oom_score_adj);
	if (h->shm_size < 0)
		return err_set(e, ERR_INVALID, "SHM size can not be less than 0");
	return 0;
}

static int check_cpu(const struct host_config *h, struct err *e)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	if (h->nano_cpus > 0 && h->cpu_period > 0)
		return err_set(e, ERR_INVALID,
			       "Conflicting options: Nano CPUs and CPU Period cannot both be set");
	if (h->nano_cpus > 0 && h->cpu_quota > 0)
		return err_set(e, ERR_INVALID,
			       "Conflicting options: Nano CPUs and CPU Quota cannot both be set");
	if (h->nano_cpus < 0 || h->nano_cpus > cpus * 1000000000LL ||
	    (h->nano_cpus > 0 && h->nano_cpus < 10000000))
		return err_set(e, ERR_INVALID,
			       "range of CPUs is from 0.01 to %ld.00, as there are only %ld CPUs "
			       "available",
			       cpus, cpus);
	if (h->cpu_period && (h->cpu_period < 1000 || h->cpu_period > 1000000))
		return err_set(e, ERR_INVALID,
			       "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than "
			       "1s (i.e. 1000000)");
	if (h->cpu_quota > 0 && h->cpu_quota < 1000)
		return err_set(e, ERR_INVALID,
			       "CPU cfs quota can not be less than 1ms (i.e. 1000)");
	if (h->cpu_shares < 0)
		return err_set(e, ERR_INVALID,
			       "invalid CPU shares (%lld): value must be a positive integer",
			       (long long)h->cpu_shares);
	return 0;
}

static int check_namespaces(const struct create_request *req, struct err *e)
{
	static const char *const ipc[] = {"private", "host", "none", "shareable", NULL};
	const struct host_config *h = &req->host;

	if (!is_empty(h->ipc_mode) && !is_one_of(h->ipc_mode, ipc))
		return err_set(e,
			       strz_starts(h->ipc_mode, "container:") ? ERR_NOT_IMPLEMENTED
								      : ERR_INVALID,
			       "invalid IPC mode: %s", h->ipc_mode);
	if (!is_empty(h->pid_mode) && strcmp(h->pid_mode, "host"))
		return err_set(e,
			       strz_starts(h->pid_mode, "container:") ? ERR_NOT_IMPLEMENTED
								      : ERR_INVALID,
			       "invalid PID mode: %s", h->pid_mode);
	if (!is_empty(h->uts_mode) && strcmp(h->uts_mode, "host"))
		return err_set(e, ERR_INVALID, "invalid UTS mode: %s", h->uts_mode);
	if (!is_empty(h->userns_mode) && strcmp(h->userns_mode, "host"))
		return err_set(e, ERR_INVALID, "invalid user namespace mode: %s", h->userns_mode);
	if (!is_empty(h->cgroupns_mode) && strcmp(h->cgroupns_mode, "host") &&
	    strcmp(h->cgroupns_mode, "private"))
		return err_set(e, ERR_INVALID, "invalid cgroup namespace mode: %s",
			       h->cgroupns_mode);
	if (!is_empty(h->isolation) && strcmp(h->isolation, "default"))
		return err_set(e, ERR_INVALID, "invalid isolation '%s' on linux", h->isolation);
	return 0;
}

static int check_network(const struct engine *eng, const struct create_request *req, struct err *e)
{
	const char *mode = req->host.network_mode;
	bool shares;

	if (is_empty(mode) || !strcmp(mode, "default") || !strcmp(mode, "none"))
		return 0;
	shares = strz_starts(mode, "container:");
	if ((shares || (!is_empty(req->host.uts_mode) && !strcmp(req->host.uts_mode, "host"))) &&
	    !is_empty(req->config.hostname))
		return err_set(e, ERR_INVALID,
			       "conflicting options: hostname and the network mode");
	if (shares && !mode[10])
		return err_set(
			e, ERR_INVALID,
			"Invalid network mode: invalid container format container:<name|id>");
	if (shares && (req->host.dns.n || req->host.extra_hosts.n))
		return err_set(e, ERR_INVALID, "conflicting options: %s and the network mode",
			       req->host.dns.n ? "dns" : "custom host-to-IP mapping");
	if (shares && (req->host.port_bindings.n || req->host.publish_all_ports))
		return err_set(
			e, ERR_INVALID,
			"conflicting options: port publishing and the container type network mode");
	if (!shares && !network_find(eng->network, mode))
		return err_set(e, ERR_NOT_FOUND, "network %s not found", mode);
	return 0;
}

static int check_endpoints(const struct engine *eng, const struct create_request *req,
			   unsigned api_minor, struct err *e)
{
	const struct shape_map *eps = &req->networking.endpoints;

	if (eps->n > 1 && api_minor < 44)
		return err_set(
			e, ERR_INVALID,
			"Container cannot be created with multiple network endpoints: %s, %s",
			eps->items[0].key, eps->items[1].key);
	for (size_t i = 0; i < eps->n; i++) {
		const struct endpoint_config *ep = eps->items[i].value;
		const char *name = eps->items[i].key;

		if (strcmp(name, "default") && !network_find(eng->network, name))
			return err_set(e, ERR_NOT_FOUND, "network %s not found", name);
		if (!ep)
			continue;
		if (ep->ipam_config && (!is_empty(ep->ipam_config->ipv4_address) ||
					!is_empty(ep->ipam_config->ipv6_address)))
			return err_set(e, ERR_INVALID,
				       "user specified IP address is supported on user defined "
				       "networks only");
		if (ep->aliases.n)
			return err_set(e, ERR_INVALID,
				       "network-scoped alias is supported only for containers in "
				       "user defined networks");
		if (ep->links.n)
			return err_set(e, ERR_NOT_IMPLEMENTED,
				       "EndpointSettings.Links is not supported by this engine");
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
	if (!is_empty(c->hostname) && strlen(c->hostname) > 63)
		return err_set(e, ERR_INVALID, "invalid hostname: %s", c->hostname);
	return health_config_check(c->healthcheck, e);
}

int container_check_resources(const struct host_config *h, struct err *e)
{
	return check_memory(h, e) < 0 || check_cpu(h, e) < 0 ? err_code(e) : 0;
}

int container_validate(const struct engine *eng, struct create_request *req, unsigned api_minor,
		       struct err *e)
{
	const struct host_config *h = &req->host;
	struct port_request ports[NETWORK_PORTS_MAX];
	size_t n_ports;

	if (api_minor < 25)
		req->host.auto_remove = false;
	if (api_minor < 44 && req->config.healthcheck)
		req->config.healthcheck->start_interval = 0;
	if (check_config(&req->config, e) < 0 || check_memory(h, e) < 0 || check_cpu(h, e) < 0 ||
	    restart_policy_check(&h->restart_policy, h->auto_remove, e) < 0 ||
	    check_namespaces(req, e) < 0 || check_network(eng, req, e) < 0 ||
	    check_endpoints(eng, req, api_minor, e) < 0 || spec_check(h, e) < 0)
		return err_code(e);
	for (size_t i = 0; i < h->extra_hosts.n; i++)
		if (network_check_extra_host(h->extra_hosts.items[i], e) < 0)
			return err_code(e);
	if (container_ports(&req->config, h, ports, ARRAY_LEN(ports), &n_ports, e) < 0)
		return err_code(e);
	if (!is_empty(h->runtime) && !engine_runtime_path(eng, h->runtime))
		return err_set(e, ERR_INVALID, "unknown or invalid runtime name: %s", h->runtime);
	return shape_check_refused(&shape_create_request, req, e);
}
