/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The address of a syslog server, as syslog-address says it.
 *
 * Thread: any (a path is looked at). Yields: no. Owns: nothing.
 */
#ifndef RUNTIME_CONTAINER_LOG_ADDRESS_H
#define RUNTIME_CONTAINER_LOG_ADDRESS_H

#include <stdint.h>

#include "firmware/core/err.h"

enum log_scheme {
	LOG_SCHEME_LOCAL, /* no address: the socket of this host's own daemon */
	LOG_SCHEME_UNIX,
	LOG_SCHEME_UNIXGRAM,
	LOG_SCHEME_UDP,
	LOG_SCHEME_TCP,
	LOG_SCHEME_TLS
};

struct log_address {
	enum log_scheme scheme;
	char host[256]; /* or path; an IPv6 address has no brackets */
	uint16_t port;
};

/* text: NULL and "" are the local daemon. ERR_INVALID. */
int log_address_parse(const char *text, struct log_address *ret, struct err *e) WARN_UNUSED;

#endif
