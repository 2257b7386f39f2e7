/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "api/finch/credentials.h"
#include "firmware/core/file.h"

/* "pid (name) state ppid …": the name may hold blanks and parentheses, so count from the last. */
pid_t finch_parse_parent(struct str text)
{
	ptrdiff_t end = str_rfind(text, ')');
	struct str rest, state;
	uint64_t parent;

	if (end < 0 || (size_t)end + 2 >= text.n || text.p[end + 1] != ' ')
		return -1;
	rest = str_span(text.p + end + 2, text.n - (size_t)end - 2);
	state = str_cut(rest, ' ', &rest);
	if (state.n != 1 || str_to_u64(str_cut(rest, ' ', &rest), &parent) < 0 ||
	    parent > INT32_MAX)
		return -1;
	return (pid_t)parent;
}

static pid_t parent_of(pid_t pid, struct arena *a)
{
	char path[32];
	struct err e = ERR_INIT;
	struct str text;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	if (pid < 1 || file_read_at(AT_FDCWD, path, 4096, a, &text, &e) < 0)
		return -1;
	return finch_parse_parent(text);
}

int finch_check_grandchild(pid_t pid, pid_t parent, struct arena *a, struct err *e)
{
	if (parent < 1 || parent_of(parent_of(pid, a), a) != parent)
		return err_set(e, ERR_FORBIDDEN, "process %d is no grandchild", (int)pid);
	return 0;
}
