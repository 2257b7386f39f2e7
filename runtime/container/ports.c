/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PortBindings and PublishAllPorts as requests to the network.
 */
#include "runtime/container/private.h"

int container_ports(const struct container_config *config, const struct host_config *host,
		    struct port_request *ret, size_t max, size_t *ret_n, struct err *e)
{
	size_t n = 0;

	for (size_t i = 0; i < host->port_bindings.n; i++) {
		const struct shape_map_entry *entry = &host->port_bindings.items[i];
		const struct shape_array *list = entry->value;
		const struct port_binding *bindings = list ? list->items : NULL;
		struct port_request base = {0};

		if (port_parse(entry->key, &base.port, &base.proto, e) < 0)
			return err_code(e);
		for (size_t k = 0; list && k < list->n; k++) {
			struct port_request p = base;

			if (n == max)
				return err_set(e, ERR_TOO_LARGE, "more than %zu published ports",
					       max);
			if (port_parse_binding(bindings[k].host_ip, bindings[k].host_port, &p, e) <
			    0)
				return err_code(e);
			ret[n++] = p;
		}
	}
	for (size_t i = 0; host->publish_all_ports && i < config->exposed_ports.n; i++) {
		struct port_request p = {0};
		bool bound = false;

		if (port_parse(config->exposed_ports.items[i], &p.port, &p.proto, e) < 0)
			return err_code(e);
		for (size_t k = 0; k < n; k++)
			bound |= ret[k].port == p.port && ret[k].proto == p.proto;
		if (bound)
			continue;
		if (n == max)
			return err_set(e, ERR_TOO_LARGE, "more than %zu published ports", max);
		ret[n++] = p;
	}
	*ret_n = n;
	return 0;
}
