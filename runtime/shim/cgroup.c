/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "runtime/shim/private.h"

#define KILL_TRIES 16

/* A small file of the kernel's, terminated; its length or 0. */
static size_t read_small(const char *path, char *out, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return 0;
	n = read(fd, out, size - 1);
	close(fd);
	if (n < 0)
		n = 0;
	out[n] = 0;
	return (size_t)n;
}

static bool names_controller(struct str list, const char *name)
{
	while (list.n) {
		if (str_eqz(str_cut(list, ',', &list), name))
			return true;
	}
	return false;
}

bool cgroup_oom_path(pid_t pid, char *out, size_t size)
{
	static char text[2048];
	char name[32];
	struct str rest, v2 = {NULL, 0};
	int n;

	snprintf(name, sizeof(name), "/proc/%d/cgroup", (int)pid);
	rest = str_span(text, read_small(name, text, sizeof(text)));
	while (rest.n) {
		struct str line = str_cut(rest, '\n', &rest), path;

		str_cut(line, ':', &line);
		if (line.n && line.p[0] == ':') {
			v2 = str_span(line.p + 1, line.n - 1);
			continue;
		}
		if (!names_controller(str_cut(line, ':', &path), "memory") || path.n < 2)
			continue;
		n = snprintf(out, size, "/sys/fs/cgroup/memory" STR_FMT "/memory.oom_control",
			     STR_ARG(path));
		return n > 0 && (size_t)n < size;
	}
	if (v2.n < 2)
		return false;
	n = snprintf(out, size, "/sys/fs/cgroup" STR_FMT "/memory.events", STR_ARG(v2));
	return n > 0 && (size_t)n < size;
}

uint64_t cgroup_oom_kills(const char *path)
{
	char text[512];
	struct str rest = str_span(text, read_small(path, text, sizeof(text)));

	while (rest.n) {
		struct str line = str_cut(rest, '\n', &rest), value;
		uint64_t count;

		if (str_eqz(str_cut(line, ' ', &value), "oom_kill") &&
		    str_to_u64(value, &count) == 0)
			return count;
	}
	return 0;
}

void cgroup_kill_rest(const char *oom_path)
{
	static char path[512], text[2048];
	const char *slash = strrchr(oom_path, '/');
	int n = snprintf(path, sizeof(path), "%.*s/cgroup.procs",
			 slash ? (int)(slash - oom_path) : 0, oom_path);

	if (!slash || n < 0 || (size_t)n >= sizeof(path))
		return;
	/* Again for those that were begotten meanwhile, and those that did not fit the text. */
	for (int tries = 0; tries < KILL_TRIES; tries++) {
		struct str rest = str_span(text, read_small(path, text, sizeof(text)));

		if (!rest.n)
			return;
		while (rest.n) {
			uint64_t pid;
			bool whole = str_find(rest, '\n') >= 0;

			if (str_to_u64(str_cut(rest, '\n', &rest), &pid) == 0 && whole && pid > 1 &&
			    pid <= INT32_MAX && (pid_t)pid != getpid())
				(void)kill((pid_t)pid, SIGKILL);
		}
	}
}
