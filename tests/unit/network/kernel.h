/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel has in the network namespace of the test. */
#ifndef TESTS_UNIT_NETWORK_KERNEL_H
#define TESTS_UNIT_NETWORK_KERNEL_H

#include <stdbool.h>

/* Number of links, loopback included; -1 when it cannot be told. */
int kernel_links(void);
/* Waits up to two seconds for that number: the kernel deletes namespaces in its own time. */
bool kernel_links_become(int want);
bool kernel_has_table(const char *name);
bool kernel_loopback_up(void);

#endif
