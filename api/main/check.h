/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The checks behind `serind check`. Each fills in what it saw and says how that is; what changes
 * anything (namespaces, mounts, a container) happens in a child with a deadline.
 *
 * Thread: main, no loop. Yields: no. Owns: nothing.
 */
#ifndef API_MAIN_CHECK_H
#define API_MAIN_CHECK_H

#include <stdbool.h>
#include <stddef.h>

#include "firmware/core/attr.h"

#define CHECK_DETAIL_MAX 200

enum check_state {
	CHECK_OK,
	CHECK_BAD,     /* not there or not usable */
	CHECK_UNKNOWN, /* cannot be seen by this user */
};

/* What the checks are made against, and where a check says what it saw. */
struct check_env {
	const char *data_root, *group;
	char detail[CHECK_DETAIL_MAX];
};

typedef enum check_state check_fn(struct check_env *env);

check_fn check_root, check_kernel, check_ns_mnt, check_ns_pid, check_ns_net, check_ns_ipc,
	check_ns_uts, check_ns_cgroup, check_ns_user, check_seccomp, check_cgroups,
	check_cgroup_memory, check_cgroup_pids, check_cgroup_cpu, check_cgroup_cpuset,
	check_cgroup_io, check_cgroup_devices, check_cgroup_freezer; /* check_kernel.c */
check_fn check_overlay, check_disk, check_inodes, check_memory, check_files, check_entropy,
	check_time, check_group; /* check_machine.c */
check_fn check_bridge, check_nftables, check_forward, check_vsock, check_ports; /* check_net.c */
check_fn check_runc, check_crun, check_runtime; /* check_runtime.c */

/* --- for the files above --- */

/* Say what was seen; returns state. */
enum check_state check_say(struct check_env *env, enum check_state state, const char *fmt, ...)
	PRINTF_LIKE(3, 4);
/*
 * Run probe in a child that is killed after five seconds of silence; true when it returns 0. What
 * it writes to the descriptor given becomes the detail.
 */
bool check_in_child(struct check_env *env, int (*probe)(const void *arg, int out), const void *arg);
/* The next number in a text, which is moved behind it; 0 when there is none. */
unsigned long long check_number(const char **text);
/* The first line of a small file; false when there is none. */
bool check_line(const char *path, char *line, size_t size);

#endif
