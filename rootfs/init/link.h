/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Network cards by rtnetlink: up, address, route.
 *
 * Thread: the only one. Yields: no (the kernel answers at once). Owns: nothing.
 */
#ifndef ROOTFS_INIT_LINK_H
#define ROOTFS_INIT_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "firmware/core/attr.h"

/* IPv4 addresses are in host byte order. All return 0 or -errno. */
int link_up(int index, unsigned mtu) WARN_UNUSED; /* mtu 0: as it is */
int link_address(int index, uint32_t address, unsigned prefix, bool add) WARN_UNUSED;
/* The default route by gateway, or, with gateway 0, to whatever is on this wire. */
int link_default_route(int index, uint32_t gateway) WARN_UNUSED;

#endif
