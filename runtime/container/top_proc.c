/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/container/top_proc.h"

#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "firmware/core/clock.h"
#include "firmware/core/file.h"

#define STAT_MAX 4096
#define STATUS_MAX (16u << 10)
#define STAT_FIELDS 39 /* from the state to the policy */
#define STAT_NEEDED 22
#define CMDLINE_MAX (64u << 10)
#define NAMES_MAX (1u << 20)

bool proc_stat_parse(struct str text, struct proc_stat *ret)
{
	/* The name may hold anything, blanks and parentheses included: begin behind its end. */
	ptrdiff_t end = str_rfind(text, ')');
	int64_t v[STAT_FIELDS] = {0};
	struct str rest;

	if (end < 0 || (size_t)end + 3 >= text.n)
		return false;
	ret->state = text.p[end + 2];
	rest = str_trim(str_span(text.p + end + 4, text.n - (size_t)end - 4));
	/* The later ones are addresses and limits too, which need not fit; some kernels have less.
	 */
	for (size_t i = 1; i < STAT_FIELDS; i++) {
		int r = str_to_i64(str_cut(rest, ' ', &rest), &v[i]);

		if (r < 0 && i < STAT_NEEDED)
			return false;
	}
	ret->ppid = v[1];
	ret->pgrp = v[2];
	ret->session = v[3];
	ret->tty = v[4];
	ret->foreground = v[5];
	ret->flags = (uint64_t)v[6];
	ret->minor_faults = (uint64_t)v[7];
	ret->major_faults = (uint64_t)v[9];
	ret->utime = (uint64_t)v[11];
	ret->stime = (uint64_t)v[12];
	ret->priority = v[15];
	ret->nice = v[16];
	ret->threads = v[17];
	ret->start = (uint64_t)v[19];
	ret->vsize = (uint64_t)v[20];
	ret->rss = (uint64_t)v[21];
	ret->processor = v[36];
	ret->rt_priority = v[37];
	ret->policy = v[38];
	return true;
}

bool proc_ids_parse(struct str text, const char *key, unsigned *ret)
{
	while (text.n) {
		struct str line = str_cut(text, '\n', &text);

		if (!str_starts(line, key))
			continue;
		line = str_trim(str_span(line.p + strlen(key), line.n - strlen(key)));
		for (size_t i = 0; i < TOP_IDS; i++) {
			uint64_t id;

			if (str_to_u64(str_cut(line, '\t', &line), &id) < 0 || id > UINT32_MAX)
				return false;
			ret[i] = (unsigned)id;
		}
		return true;
	}
	return false;
}

static int64_t boot_time(void)
{
	struct timespec up, now;

	if (clock_gettime(CLOCK_BOOTTIME, &up) < 0 || clock_gettime(CLOCK_REALTIME, &now) < 0)
		return 0;
	return now.tv_sec - up.tv_sec;
}

static bool read_of(pid_t pid, const char *file, size_t max, struct arena *a, struct str *ret)
{
	char path[48];

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	return file_read_at(AT_FDCWD, path, max, a, ret, NULL) == 0;
}

/* A copy without what would break a line. */
static const char *clean(struct str text, struct arena *a)
{
	char *copy = arena_strndup(a, text.p, text.n);

	for (size_t i = 0; copy && i < text.n; i++)
		if ((unsigned char)copy[i] < ' ')
			copy[i] = ' ';
	return copy;
}

/* Arguments joined by blanks, or the name in brackets. */
static const char *command_of(pid_t pid, const char *name, struct arena *a)
{
	struct str text;

	if (!read_of(pid, "cmdline", CMDLINE_MAX, a, &text) || !text.n)
		return arena_printf(a, "[%s]", name);
	while (text.n && !text.p[text.n - 1])
		text.n--;
	return clean(text, a);
}

static const char *wchan_of(pid_t pid, struct arena *a)
{
	struct str text;

	if (!read_of(pid, "wchan", STAT_MAX, a, &text) || !text.n || str_eqz(text, "0"))
		return "-";
	return clean(text, a);
}

/* False when it is gone. */
static bool read_process(pid_t pid, struct arena *a, struct top_process *ret)
{
	struct str text, status;
	ptrdiff_t open, close;

	if (!read_of(pid, "stat", STAT_MAX, a, &text) ||
	    !read_of(pid, "status", STATUS_MAX, a, &status) || !proc_stat_parse(text, &ret->stat) ||
	    !proc_ids_parse(status, "Uid:", ret->uid) || !proc_ids_parse(status, "Gid:", ret->gid))
		return false;
	open = str_find(text, '(');
	close = str_rfind(text, ')');
	if (open < 0 || close < open)
		return false;
	ret->pid = pid;
	ret->name = clean(str_span(text.p + open + 1, (size_t)(close - open - 1)), a);
	ret->command = ret->name ? command_of(pid, ret->name, a) : NULL;
	ret->wchan = wchan_of(pid, a);
	return ret->command && ret->wchan;
}

static int row_of(const struct top_format *f, const struct top_machine *m,
		  const struct top_process *p, struct arena *a, struct texts *ret)
{
	const char **row = arena_alloc_array(a, f->n, sizeof(*row));

	if (!row)
		return -ENOMEM;
	for (size_t i = 0; i < f->n; i++) {
		const struct top_column *column = f->fields[i].column;

		row[i] = column->tell(m, p, column->which, a);
		if (!row[i])
			return -ENOMEM;
	}
	*ret = (struct texts){row, f->n, true};
	return 0;
}

int top_from_proc(const struct top_format *f, const pid_t *pids, size_t n, struct arena *a,
		  struct top *ret, struct err *e)
{
	struct top_machine m = {.boot_s = boot_time(),
				.now_s = clock_wall() / NSEC_PER_SEC,
				.memory_pages = (uint64_t)sysconf(_SC_PHYS_PAGES),
				.page = (size_t)sysconf(_SC_PAGESIZE)};
	const char **titles = arena_alloc_array(a, f->n, sizeof(*titles));
	struct top out = {.titles = {titles, f->n, true}};

	if (file_read_at(AT_FDCWD, "/etc/passwd", NAMES_MAX, a, &m.passwd, NULL) < 0)
		m.passwd = STR("");
	if (file_read_at(AT_FDCWD, "/etc/group", NAMES_MAX, a, &m.group, NULL) < 0)
		m.group = STR("");
	out.rows = arena_alloc_array(a, n + 1, sizeof(*out.rows));
	if (!titles || !out.rows)
		return err_set(e, ERR_UNAVAILABLE, "no memory");
	for (size_t i = 0; i < f->n; i++)
		titles[i] = f->fields[i].title;
	for (size_t i = 0; i < n; i++) {
		struct top_process p = {0};

		if (!read_process(pids[i], a, &p))
			continue;
		if (row_of(f, &m, &p, a, &out.rows[out.n]) < 0)
			return err_set(e, ERR_UNAVAILABLE, "no memory");
		out.n++;
	}
	*ret = out;
	return 0;
}
