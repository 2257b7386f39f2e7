/* SPDX-License-Identifier: Apache-2.0 */
/* Where to connect to: a literal address stands for itself, a name is asked of c-ares. */
#include <arpa/inet.h>
#include <netinet/in.h>

#include "firmware/core/config.h"
#include "firmware/net/dial.h"

static bool is_literal(const char *host, uint16_t port, struct resolve_address *ret)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};

	if (inet_pton(AF_INET, host, &v4.sin_addr) == 1) {
		memcpy(&ret->addr, &v4, sizeof(v4));
		ret->n = sizeof(v4);
		return true;
	}
	if (inet_pton(AF_INET6, host, &v6.sin6_addr) == 1) {
		memcpy(&ret->addr, &v6, sizeof(v6));
		ret->n = sizeof(v6);
		return true;
	}
	return false;
}

int resolve_host(const struct dial_conn *c, const char *host, uint16_t port,
		 struct resolve_address ret[RESOLVE_MAX], size_t *ret_n, struct err *e)
{
	if (is_literal(host, port, &ret[0])) {
		*ret_n = 1;
		return 0;
	}
	if (!CONFIG(RESOLVER))
		return err_set(e, ERR_NOT_IMPLEMENTED,
			       "dial tcp: lookup %s: names are not resolved (CONFIG_RESOLVER)",
			       host);
	return resolve_dns(c, host, port, ret, ret_n, e);
}
