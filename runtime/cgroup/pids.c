/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processes of a group. A container may make groups of its own below (systemd in a privileged one
 * does), so the directories are walked; what vanishes on the way is no longer there.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "firmware/core/cleanup.h"
#include "firmware/core/file.h"
#include "firmware/core/mem.h"
#include "runtime/cgroup/cgroup.h"

#define DEPTH_MAX 32
#define PROCS_MAX (1u << 20)

struct pids {
	struct arena *a;
	pid_t *items;
	size_t n, cap;
};

static int add(struct pids *p, pid_t pid)
{
	if (p->n == CGROUP_PIDS_MAX)
		return -E2BIG;
	if (p->n == p->cap) {
		size_t cap = p->cap ? p->cap * 2 : 64;

		p->items = arena_grow(p->a, p->items, p->cap * sizeof(*p->items),
				      cap * sizeof(*p->items));
		if (!p->items)
			return -ENOMEM;
		p->cap = cap;
	}
	p->items[p->n++] = pid;
	return 0;
}

static int read_procs(struct pids *p, int dir)
{
	CLEANUP_ARENA struct arena mem = {0};
	struct str text;
	int r;

	arena_open_heap(&mem, 2 * PROCS_MAX);
	r = file_read_at(dir, "cgroup.procs", PROCS_MAX, &mem, &text, NULL);
	if (r < 0) /* gone, or of a kind that has none (threaded) */
		return r == -ENOMEM || r == -E2BIG ? r : 0;
	while (text.n) {
		struct str line = str_cut(text, '\n', &text);
		uint64_t pid;

		if (str_to_u64(line, &pid) < 0 || pid == 0 || pid > INT32_MAX)
			continue;
		r = add(p, (pid_t)pid);
		if (r < 0)
			return r;
	}
	return 0;
}

/* fd is taken. */
static int walk(struct pids *p, int fd, unsigned depth)
{
	DIR *dir = fdopendir(fd);
	const struct dirent *ent;
	int r;

	if (!dir) {
		close(fd);
		return -ENOMEM;
	}
	r = read_procs(p, fd);
	while (r == 0 && depth < DEPTH_MAX && (ent = readdir(dir))) {
		int below;

		if (ent->d_type != DT_DIR || ent->d_name[0] == '.')
			continue;
		below = openat(fd, ent->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (below >= 0)
			r = walk(p, below, depth + 1);
	}
	closedir(dir);
	return r;
}

static int compare(const void *a, const void *b)
{
	pid_t x = *(const pid_t *)a, y = *(const pid_t *)b;

	return x < y ? -1 : x > y;
}

int cgroup_pids(const struct cgroup *cg, struct arena *a, pid_t **ret, size_t *ret_n, struct err *e)
{
	struct pids p = {.a = a};
	int fd = cgroup_open(cg, "devices"), r;

	if (fd == -ENOENT)
		fd = cgroup_open(cg, "memory");
	r = fd < 0 ? fd : walk(&p, fd, 0);
	if (r < 0)
		return err_sys(e, -r, "reading the processes of %s", cg->path);
	if (p.n)
		qsort(p.items, p.n, sizeof(*p.items), compare);
	*ret = p.items;
	*ret_n = p.n;
	return 0;
}
