/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Facts about the machine for /version and /info.
 *
 * Thread: loop (a few reads of /proc and /etc). Yields: no. Owns: texts are the arena's.
 */
#ifndef API_SYSTEM_HOST_H
#define API_SYSTEM_HOST_H

#include <stdint.h>
#include <sys/utsname.h>

#include "firmware/core/arena.h"

/* GOARCH of this machine: "amd64", "arm64", … */
const char *host_arch(void);
/* PRETTY_NAME of os-release, "Linux" when there is none; and VERSION_ID. */
const char *host_os_name(struct arena *a);
const char *host_os_version(struct arena *a);
uint64_t host_memory(void); /* bytes */
long host_cpus(void);
/* Is this option of a kernel feature there: a file below /proc/sys or /sys/fs/cgroup. */
bool host_has(const char *path);
/* Does a switch below /proc/sys stand on something other than 0; false when it is not there. */
bool host_is_on(const char *path);

#endif
