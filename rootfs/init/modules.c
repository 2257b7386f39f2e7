/* SPDX-License-Identifier: Apache-2.0 */
#include "rootfs/init/modules.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/module.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "firmware/core/cleanup.h"
#include "firmware/core/file.h"
#include "rootfs/init/note.h"
#include "rootfs/init/tool.h"

#define INDEX_MAX (8 << 20)
#define NAME_BYTES 64
#define DEPTH_MAX 16
#define ROUNDS_MAX 5

#ifndef MODULE_INIT_COMPRESSED_FILE
#define MODULE_INIT_COMPRESSED_FILE 4
#endif

int modules_open(struct modules *m, const char *dir)
{
	int r;

	memset(m, 0, sizeof(*m));
	arena_open_heap(&m->mem, 3 * INDEX_MAX);
	m->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (m->dir < 0)
		return -errno;
	r = file_read_at(m->dir, "modules.dep", INDEX_MAX, &m->mem, &m->dep, NULL);
	if (r == 0)
		r = file_read_at(m->dir, "modules.alias", INDEX_MAX, &m->mem, &m->alias, NULL);
	return r;
}

void modules_done(struct modules *m)
{
	if (m->dir >= 0)
		close(TAKE_FD(m->dir));
	arena_done(&m->mem);
}

/* ---- names ---- */

static char fold(char c)
{
	return c == '-' ? '_' : c;
}

/* "kernel/net/a-b.ko.xz" → "a-b" */
static struct str base_name(struct str path)
{
	ptrdiff_t slash = str_rfind(path, '/');
	ptrdiff_t dot;

	if (slash >= 0)
		path = str_span(path.p + slash + 1, path.n - (size_t)slash - 1);
	dot = str_find(path, '.');
	return dot < 0 ? path : str_span(path.p, (size_t)dot);
}

static bool same_name(struct str a, struct str b)
{
	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++) {
		if (fold(a.p[i]) != fold(b.p[i]))
			return false;
	}
	return true;
}

bool modules_find(struct str dep, struct str name, struct str *ret_path, struct str *ret_needs)
{
	while (dep.n > 0) {
		struct str needs, line = str_cut(dep, '\n', &dep);
		struct str path = str_cut(line, ':', &needs);

		if (same_name(base_name(path), name)) {
			*ret_path = path;
			*ret_needs = str_trim(needs);
			return true;
		}
	}
	return false;
}

/* One character of the pattern against c; the pattern moves on. */
static bool match_one(struct str *p, char c)
{
	char first = p->p[0];
	bool hit = false;
	size_t i = 1;

	if (first == '[') {
		for (; i < p->n && p->p[i] != ']'; i++) {
			if (i + 2 < p->n && p->p[i + 1] == '-' && p->p[i + 2] != ']') {
				hit = hit || (c >= p->p[i] && c <= p->p[i + 2]);
				i += 2;
			} else {
				hit = hit || c == p->p[i];
			}
		}
		i = MIN(i + 1, p->n);
	} else {
		hit = first == '?' || fold(first) == fold(c);
	}
	*p = str_span(p->p + i, p->n - i);
	return hit;
}

/* Only the last star is ever gone back to: time is bounded by pattern times text. */
bool modules_match(struct str pattern, struct str text)
{
	struct str star = {NULL, 0}, resume = {NULL, 0};
	bool have_star = false;

	while (text.n > 0) {
		if (pattern.n > 0 && pattern.p[0] == '*') {
			pattern = star = str_span(pattern.p + 1, pattern.n - 1);
			resume = text;
			have_star = true;
			continue;
		}
		if (pattern.n > 0 && match_one(&pattern, text.p[0])) {
			text = str_span(text.p + 1, text.n - 1);
			continue;
		}
		if (!have_star)
			return false;
		resume = text = str_span(resume.p + 1, resume.n - 1);
		pattern = star;
	}
	while (pattern.n > 0 && pattern.p[0] == '*')
		pattern = str_span(pattern.p + 1, pattern.n - 1);
	return pattern.n == 0;
}

/* ---- loading ---- */

static bool is_live(struct str name)
{
	char path[NAME_BYTES + 32];

	if (name.n >= NAME_BYTES)
		return false;
	snprintf(path, sizeof(path), "/sys/module/" STR_FMT "/initstate", STR_ARG(name));
	for (char *p = path + 12; *p; p++)
		*p = fold(*p);
	return access(path, F_OK) == 0;
}

static int load_file(struct modules *m, struct str path)
{
	char file[FILE_PATH_MAX];
	int flags = str_ends(path, ".ko") ? 0 : MODULE_INIT_COMPRESSED_FILE;
	int fd CLEANUP_FD = -1;

	if (!str_copy(file, sizeof(file), path))
		return -ENAMETOOLONG;
	fd = openat(m->dir, file, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (syscall(SYS_finit_module, fd, "", flags) < 0)
		return errno == EEXIST ? 0 : -errno;
	m->loaded++;
	return 0;
}

/* depmod lists all that is needed, the most basic last. */
static int load_found(struct modules *m, struct str path, struct str needs)
{
	if (is_live(base_name(path)))
		return 0;
	while (needs.n > 0) {
		ptrdiff_t blank = str_rfind(needs, ' ');
		struct str one = str_span(needs.p + blank + 1, needs.n - (size_t)(blank + 1));
		int r = one.n == 0 || is_live(base_name(one)) ? 0 : load_file(m, one);

		if (r < 0)
			return r;
		needs.n = blank < 0 ? 0 : (size_t)blank;
	}
	return load_file(m, path);
}

static bool is_listed(struct str list, struct str name)
{
	while (list.n > 0) {
		if (same_name(str_trim(str_cut(list, '\n', &list)), name))
			return true;
	}
	return false;
}

static int load_alias(struct modules *m, struct str name)
{
	struct str left = m->alias;
	int result = -ENOENT;

	while (left.n > 0) {
		struct str rest, path, needs, line = str_cut(left, '\n', &left);

		if (!str_eqz(str_cut(line, ' ', &rest), "alias"))
			continue;
		if (!modules_match(str_cut(rest, ' ', &rest), name) || is_listed(m->late, rest) ||
		    !modules_find(m->dep, rest, &path, &needs))
			continue;
		if (load_found(m, path, needs) == 0)
			result = 0;
		else if (result < 0)
			result = -ENODEV;
	}
	return result;
}

int modules_load(struct modules *m, const char *name)
{
	struct str path, needs;

	if (modules_find(m->dep, str_from(name), &path, &needs))
		return load_found(m, path, needs);
	return load_alias(m, str_from(name));
}

void modules_load_list(struct modules *m, const char *file)
{
	struct str text;

	if (file_read_at(AT_FDCWD, file, 64 << 10, &m->mem, &text, NULL) < 0)
		return;
	while (text.n > 0) {
		struct str line = str_trim(str_cut(text, '\n', &text));
		char name[NAME_BYTES];
		int r;

		if (line.n == 0 || line.p[0] == '#' || !str_copy(name, sizeof(name), line))
			continue;
		r = modules_load(m, name);
		/* What is not in this kernel, and what this machine has not. */
		if (r < 0 && r != -ENOENT && r != -ENODEV && r != -EOPNOTSUPP)
			note(NOTE_WARN, "module %s: %s", name, strerror(-r));
	}
}

/* ---- what is there ---- */

static void load_modalias(struct modules *m, int dir, const char *name)
{
	int fd CLEANUP_FD = openat(dir, name, O_RDONLY | O_CLOEXEC);
	char text[512];
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text));

	if (n > 1)
		(void)load_alias(m, str_span(text, (size_t)n - (text[n - 1] == '\n')));
}

static void walk(struct modules *m, int parent, const char *name, int depth)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct dirent *ent;
	DIR *dir;

	if (fd < 0)
		return;
	dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return;
	}
	/* A device that a driver has taken needs no other; those below it may. */
	if (faccessat(fd, "driver", F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		load_modalias(m, fd, "modalias");
	while (depth < DEPTH_MAX && (ent = readdir(dir))) {
		if (ent->d_type == DT_DIR && ent->d_name[0] != '.')
			walk(m, fd, ent->d_name, depth + 1);
	}
	closedir(dir);
}

void modules_load_devices(struct modules *m, const char *sysfs, const char *late)
{
	unsigned before;

	if (!late || file_read_at(AT_FDCWD, late, 64 << 10, &m->mem, &m->late, NULL) < 0)
		m->late = (struct str){NULL, 0};
	/* A bus that was loaded shows devices that were not there. */
	for (int round = 0; round < ROUNDS_MAX; round++) {
		before = m->loaded;
		walk(m, AT_FDCWD, sysfs, 0);
		if (m->loaded == before)
			break;
	}
	m->late = (struct str){NULL, 0};
}
