/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bind whose mounts are to spread (shared, slave) needs a source on a mount that is shared on the
 * host; the kernel would take it silently and nothing would spread. Where spreading was not asked
 * for but is for the data root's sake (mount_plan.c), there is then none.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include "firmware/core/cleanup.h"
#include "firmware/core/file.h"
#include "runtime/container/private.h"

#define MOUNTINFO_MAX (4u << 20)

enum spread { SPREAD_NOT, SPREAD_SLAVE, SPREAD_SHARED };

static enum spread wanted(const struct container_mount *m)
{
	if (strcmp(m->type, "bind") != 0 || !m->propagation)
		return SPREAD_NOT;
	if (!strcmp(m->propagation, "shared") || !strcmp(m->propagation, "rshared"))
		return SPREAD_SHARED;
	if (!strcmp(m->propagation, "slave") || !strcmp(m->propagation, "rslave"))
		return SPREAD_SLAVE;
	return SPREAD_NOT;
}

static bool is_below(const char *path, struct str mount)
{
	size_t n = mount.n > 1 ? mount.n : 0; /* "/" is above all */

	return !strncmp(path, mount.p, n) && (!path[n] || path[n] == '/');
}

/* The mount a path is on: where, and how it spreads. Of several at one place the last is on top. */
static enum spread find(struct str info, const char *path, struct str *ret_mount)
{
	enum spread found = SPREAD_NOT;

	*ret_mount = STR("/");
	while (info.n) {
		struct str line = str_cut(info, '\n', &info), field[7];
		enum spread here = SPREAD_NOT;

		for (size_t i = 0; i < ARRAY_LEN(field) - 1; i++)
			field[i] = str_cut(line, ' ', &line);
		if (!is_below(path, field[4]) || field[4].n < ret_mount->n)
			continue;
		while (line.n && !str_starts(line, "- ")) {
			struct str option = str_cut(line, ' ', &line);

			if (str_starts(option, "shared:"))
				here = SPREAD_SHARED;
			else if (str_starts(option, "master:") && here == SPREAD_NOT)
				here = SPREAD_SLAVE;
		}
		*ret_mount = field[4];
		found = here;
	}
	return found;
}

static int check(struct container_mount *m, struct str info, struct arena *a, struct err *e)
{
	CLEANUP_FD int fd = open(m->source, O_PATH | O_CLOEXEC);
	char *path = arena_alloc(a, PATH_MAX), link[32];
	enum spread want = wanted(m), have;
	struct str mount;
	ssize_t n;

	text_format(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = fd >= 0 && path ? readlink(link, path, PATH_MAX - 1) : -1;
	if (n < 0)
		return err_sys(e, errno, "%s", m->source);
	path[n] = 0;
	have = find(info, path, &mount);
	m->alone = m->implied && have < want;
	if (have >= want || m->implied)
		return 0;
	return err_set(e, ERR_SYSTEM,
		       "path %s is mounted on " STR_FMT " but it is not a shared%s mount",
		       m->source, STR_ARG(mount), want == SPREAD_SLAVE ? " or slave" : "");
}

int container_check_propagation(struct container_mount *mounts, size_t n, struct err *e)
{
	CLEANUP_ARENA struct arena a = {0};
	struct str info = {NULL, 0};

	for (size_t i = 0; i < n; i++) {
		if (wanted(&mounts[i]) == SPREAD_NOT)
			continue;
		if (!info.p) {
			arena_open_heap(&a, MOUNTINFO_MAX + n * (PATH_MAX + 64) + 4096);
			if (file_read_at(AT_FDCWD, "/proc/self/mountinfo", MOUNTINFO_MAX, &a, &info,
					 e) < 0)
				return err_code(e);
		}
		if (check(&mounts[i], info, &a, e) < 0)
			return err_code(e);
	}
	return 0;
}
