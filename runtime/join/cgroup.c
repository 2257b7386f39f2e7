/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process joins the container's group in every hierarchy that the container's process 1 is in
 * one: of version 1 by writing 0 to `tasks` (a thread that moves itself alone waits for nobody,
 * while `cgroup.procs` waits for a grace period of the whole machine), of version 2 by being born
 * there. What is opened here is opened by the host's root, and it is that which the kernel checks
 * when it is written to, even after other namespaces were entered.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "firmware/core/mem.h"
#include "runtime/join/private.h"

#define TEXT_MAX 65536

/* "id:controllers:path" */
struct line {
	struct str id, controllers, path;
};

static bool next_line(struct str *rest, struct line *ret)
{
	struct str s;

	if (!rest->n)
		return false;
	s = str_cut(*rest, '\n', rest);
	ret->id = str_cut(s, ':', &s);
	ret->controllers = str_cut(s, ':', &ret->path);
	return true;
}

/* Where we are in the same hierarchy; empty when it is not there. */
static struct str own_path(struct str own, const struct line *of)
{
	struct line l;

	while (next_line(&own, &l)) {
		if (str_eq(l.id, of->id) && str_eq(l.controllers, of->controllers))
			return l.path;
	}
	return STR("");
}

static bool has_item(struct str list, struct str item)
{
	while (list.n) {
		if (str_eq(str_cut(list, ',', &list), item))
			return true;
	}
	return false;
}

static struct str field(struct str line, int n)
{
	struct str s = {NULL, 0};

	for (int i = 0; i <= n; i++)
		s = str_cut(line, ' ', &line);
	return s;
}

/* The mount of a hierarchy: the directory it is at, and which of its groups stands there. */
static bool find_mount(struct str mounts, const struct line *of, struct str *ret_at,
		       struct str *ret_root)
{
	struct str none, first = str_cut(of->controllers, ',', &none);

	while (mounts.n) {
		struct str line = str_cut(mounts, '\n', &mounts), tail = {NULL, 0};

		for (size_t i = 0; i + 3 <= line.n && !tail.n; i++) {
			if (!memcmp(line.p + i, " - ", 3))
				tail = str_span(line.p + i + 3, line.n - i - 3);
		}
		if (!str_eqz(field(tail, 0), first.n ? "cgroup" : "cgroup2"))
			continue;
		if (first.n && !has_item(field(tail, 2), first))
			continue;
		*ret_root = field(line, 3);
		*ret_at = field(line, 4);
		return true;
	}
	return false;
}

/* Is path that of dir, or below it? */
static bool is_below(struct str path, struct str dir)
{
	return path.n >= dir.n && !memcmp(path.p, dir.p, dir.n) &&
	       (path.n == dir.n || path.p[dir.n] == '/');
}

static bool is_plain(struct str path)
{
	for (size_t i = 0; i < path.n; i++) {
		if (path.p[i] == '\\' ||
		    (path.p[i] == '.' && i + 1 < path.n && path.p[i + 1] == '.'))
			return false;
	}
	return true;
}

int cgroup_next(struct cgroup_texts *texts, struct cgroup_target *ret)
{
	struct str container = str_from(texts->container), at, root, path;
	struct line l;

	while (next_line(&texts->init, &l)) {
		bool mounted = find_mount(texts->mountinfo, &l, &at, &root);

		path = l.path;
		if (!path.n || path.p[0] != '/')
			return -ENOTSUP;
		if (mounted && root.n > 1) {
			if (!is_below(path, root))
				return -ENOTSUP;
			path = str_span(path.p + root.n, path.n - root.n);
		}
		if (!is_below(path, container)) {
			if (str_eq(l.path, own_path(texts->own, &l)))
				continue; /* not a hierarchy that groups the container */
			return -ENOTSUP;
		}
		if (!mounted || !is_plain(at) || !is_plain(path))
			return -ENOTSUP;
		ret->v2 = !l.controllers.n;
		ret->init_path[0] = 0;
		if (!text_format(ret->path, sizeof(ret->path), STR_FMT "%s", STR_ARG(at),
				 texts->container))
			return -ENOTSUP;
		if (ret->v2 && path.n > container.n &&
		    !text_format(ret->init_path, sizeof(ret->init_path), STR_FMT STR_FMT,
				 STR_ARG(at), STR_ARG(path)))
			return -ENOTSUP;
		return 1;
	}
	return 0;
}

static struct str read_proc(struct join_task *t, const char *path, char *out)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t n = 0;
	ssize_t got = 0;

	while (fd >= 0 && n < TEXT_MAX && (got = read(fd, out + n, TEXT_MAX - n)) > 0)
		n += (size_t)got;
	if (fd < 0 || got < 0)
		task_fail(t, "cannot exec in a stopped container");
	close(fd);
	if (n == TEXT_MAX)
		task_unsupported(t, "too many control groups or mounts");
	return str_span(out, n);
}

static int open_in(struct join_task *t, const char *dir, const char *name, int flags)
{
	static char path[sizeof(((struct cgroup_target *)0)->path) + 32];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, flags | O_CLOEXEC);
	if (fd < 0)
		task_fail_errno(t, errno, "opening the container's cgroup");
	return fd;
}

void cgroups_open(struct join_task *t)
{
	static char init[TEXT_MAX], own[TEXT_MAX], mounts[TEXT_MAX];
	static struct cgroup_target target;
	struct cgroup_texts texts = {.container = t->doc.cgroups_path};
	struct join_cgroups *c = &t->cgroups;
	char path[32];
	int r;

	c->v2 = c->v2_procs = c->init_procs = -1;
	snprintf(path, sizeof(path), "/proc/%d/cgroup", (int)t->req->init);
	texts.init = read_proc(t, path, init);
	texts.own = read_proc(t, "/proc/self/cgroup", own);
	texts.mountinfo = read_proc(t, "/proc/self/mountinfo", mounts);
	while ((r = cgroup_next(&texts, &target)) > 0) {
		if (target.v2) {
			c->v2 = open_in(t, target.path, "", O_PATH | O_DIRECTORY);
			c->v2_procs = open_in(t, target.path, "cgroup.procs", O_WRONLY);
			if (target.init_path[0])
				c->init_procs =
					open_in(t, target.init_path, "cgroup.procs", O_WRONLY);
		} else if (c->n_v1 == JOIN_CGROUPS_MAX) {
			task_unsupported(t, "too many control groups");
		} else {
			c->v1[c->n_v1++] = open_in(t, target.path, "tasks", O_WRONLY);
		}
	}
	if (r < 0 || (c->v2 < 0 && !c->n_v1))
		task_unsupported(t, "control groups laid out otherwise");
}

void cgroups_join(struct join_task *t)
{
	struct join_cgroups *c = &t->cgroups;

	for (size_t i = 0; i < c->n_v1; i++) {
		if (write(c->v1[i], "0", 1) < 0)
			task_fail_errno(t, errno, "joining the container's cgroup");
		close(c->v1[i]);
	}
	if (c->v2_procs >= 0 && !t->born_inside && write(c->v2_procs, "0", 1) < 0) {
		/* A group that has groups with controllers below it holds no processes. */
		if (errno != EBUSY || c->init_procs < 0 || write(c->init_procs, "0", 1) < 0)
			task_fail_errno(t, errno, "joining the container's cgroup");
	}
	if (c->v2 >= 0)
		close(c->v2);
	if (c->v2_procs >= 0)
		close(c->v2_procs);
	if (c->init_procs >= 0)
		close(c->init_procs);
}
