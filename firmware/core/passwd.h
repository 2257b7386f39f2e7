/* SPDX-License-Identifier: Apache-2.0 */
/*
 * passwd and group files, read as text: a static binary cannot use the C library's name service,
 * and a container's files are hostile anyway.
 *
 * Thread: any. Yields: no. Owns: nothing; works over text the caller has read (file.h).
 */
#ifndef FIRMWARE_CORE_PASSWD_H
#define FIRMWARE_CORE_PASSWD_H

#include <stdint.h>

#include "firmware/core/err.h"
#include "firmware/core/str.h"

#define PASSWD_GROUPS_MAX 64

struct passwd_user {
	uint32_t uid, gid;
	uint32_t groups[PASSWD_GROUPS_MAX]; /* supplementary, from memberships */
	size_t n_groups;
	char home[256]; /* "/" when unknown */
};

/*
 * Resolve Docker's User form "user[:group]" (names or numbers; "" is root) against the texts of
 * /etc/passwd and /etc/group (either may be empty). ERR_INVALID with the engine's message
 * ("unable to find user x: no matching entries in passwd file", likewise group).
 */
int passwd_resolve(struct str spec, struct str passwd, struct str group,
		   struct passwd_user *ret_user, struct err *e) WARN_UNUSED;
/* gid of a group name or number in a group file's text. */
int group_resolve(struct str name, struct str group, uint32_t *ret_gid, struct err *e) WARN_UNUSED;

#endif
