/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A syslog server behind TLS. The TLS library blocks and takes memory, so a process forked off for
 * it keeps the connection: it takes messages from the shim over a socket that keeps them apart, one
 * by one, and connects again where the connection breaks. It ends when the shim does.
 *
 * Thread: the shim's. Yields: no. Owns: the process ends with the socket. Limits: CONFIG_TLS.
 */
#ifndef RUNTIME_SHIM_LOG_TLS_H
#define RUNTIME_SHIM_LOG_TLS_H

#include <stdbool.h>
#include <stdint.h>

#include "firmware/core/str.h"

struct log_tls {
	char host[256];
	char ca[256], cert[256], key[256];
	uint16_t port;
	bool skip_verify;
	bool opened; /* the first connection was made */
	char error[256];
};

/* Does the plan ask for it? Then it is all set. */
bool log_tls_prepare(struct log_tls *t, struct str plan);
/*
 * The shim's end of the socket, or -errno. The first time the connection is waited for, and what
 * went wrong is in error.
 */
int log_tls_dial(void *arg);

#endif
