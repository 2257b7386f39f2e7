/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the command is: the rules and the words are those of Go's os/exec, because they are what
 * clients read. That a file may be executed by us is seen by access, as the one who will do it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/join/private.h"

/* 0 when this is a program; *ret_stat: it was not even found. */
static int check_program(const char *path, bool *ret_stat)
{
	struct stat st;

	*ret_stat = stat(path, &st) < 0;
	if (*ret_stat)
		return errno;
	if (S_ISDIR(st.st_mode))
		return EISDIR;
	/* Who may read and write anything may still not execute what nobody may. */
	if (faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) < 0 && errno != ENOSYS && errno != EPERM)
		return errno;
	return st.st_mode & 0111 ? 0 : EACCES;
}

static const char *search_path(char *const *env)
{
	const char *path = "";

	for (; *env; env++) {
		if (strz_starts(*env, "PATH="))
			path = *env + 5;
	}
	return path;
}

int command_find(const char *name, char *const *env, char *out, size_t size, struct err *e)
{
	const char *at = search_path(env);
	bool absent;
	int error;

	if (strchr(name, '/')) {
		error = check_program(name, &absent);
		if (error && absent)
			return err_set(e, ERR_NOT_FOUND, "exec: \"%s\": stat %s: %s", name, name,
				       task_reason(error));
		if (error)
			return err_set(e, ERR_FORBIDDEN, "exec: \"%s\": %s", name,
				       task_reason(error));
		if (!str_copy(out, size, str_from(name)))
			return err_set(e, ERR_INVALID, "exec: \"%s\": %s", name,
				       task_reason(ENAMETOOLONG));
		return 0;
	}
	for (; *at && name[0]; at += strcspn(at, ":"), at += *at == ':') {
		size_t n = strcspn(at, ":");
		struct str dir = n ? str_span(at, n) : STR(".");

		if (!text_format(out, size, STR_FMT "/%s", STR_ARG(dir), name))
			continue;
		if (check_program(out, &absent) != 0)
			continue;
		if (out[0] != '/')
			return err_set(e, ERR_FORBIDDEN,
				       "exec: \"%s\": cannot run executable found relative to "
				       "current directory",
				       name);
		return 0;
	}
	return err_set(e, ERR_NOT_FOUND, "exec: \"%s\": executable file not found in $PATH", name);
}
