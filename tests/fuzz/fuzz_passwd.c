/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A container's user and group files, and the User field: three texts parted by zero bytes. What
 * is resolved is within its limits, and a refusal leaves the result untouched.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "firmware/core/passwd.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str rest = str_span((const char *)data, size);
	struct str spec = str_cut(rest, '\0', &rest);
	struct str passwd = str_cut(rest, '\0', &rest);
	struct passwd_user user = {.uid = 0xdeadbeef};
	struct err e = ERR_INIT;
	uint32_t gid;

	if (passwd_resolve(spec, passwd, rest, &user, &e) == 0) {
		if (user.n_groups > PASSWD_GROUPS_MAX || user.home[0] == '\0' ||
		    strnlen(user.home, sizeof(user.home)) == sizeof(user.home))
			__builtin_trap();
	} else if (user.uid != 0xdeadbeef || e.kind != ERR_INVALID) {
		__builtin_trap();
	}
	if (group_resolve(spec, rest, &gid, &e) == 0 && spec.n == 0)
		__builtin_trap();
	return 0;
}
