/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which proxy a request goes through: HTTP_PROXY, HTTPS_PROXY and NO_PROXY (or in lower case), as
 * Go programs read them. Only http:// proxies; addresses of this machine are never proxied.
 *
 * Thread: worker. Yields: no. Owns: nothing.
 */
#ifndef FIRMWARE_NET_HTTP_PROXY_H
#define FIRMWARE_NET_HTTP_PROXY_H

#include "firmware/net/http.h"

struct http_proxy {
	bool used;
	char host[254];
	uint16_t port;
	char authorization[384]; /* value of Proxy-Authorization, or "" */
};

int http_proxy_find(const struct http_url *url, struct http_proxy *ret, struct err *e) WARN_UNUSED;
/* Does a NO_PROXY list name this host and port? */
bool http_proxy_excluded(struct str list, struct str host, uint16_t port);

#endif
