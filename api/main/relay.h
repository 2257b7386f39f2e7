/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Joining two byte streams outside the daemon (dial-stdio, vsock-proxy): a thread a direction with
 * blocking calls, so that neither direction ever waits for the other. The end of one direction is
 * passed on as a half-close.
 *
 * Thread: any of a program that is not the daemon. Yields: no. Owns: nothing, the descriptors stay
 * the caller's.
 */
#ifndef API_MAIN_RELAY_H
#define API_MAIN_RELAY_H

#include <stddef.h>

#include "firmware/core/err.h"

#define RELAY_STACK (128u << 10) /* the least that aarch64 takes */

/* Copy until the end of from. 0, or the negative errno of what failed. */
int relay_copy(int from, int to);
/* Both directions between two sockets until both have ended. A direction that fails ends both. */
void relay_join(int a, int b);
/* Connect to a Unix socket: a descriptor, or negative. */
int relay_dial_unix(const char *path, struct err *e) WARN_UNUSED;

#endif
