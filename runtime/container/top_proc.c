/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/container/top_proc.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>

#include "firmware/core/clock.h"
#include "firmware/core/file.h"

#define TICKS 100
#define COLUMNS_MAX 11
#define STAT_MAX 4096
#define STAT_FIELDS 22 /* from the state on */
#define CMDLINE_MAX (64u << 10)
#define PASSWD_MAX (1u << 20)
#define DAY_S (24 * 60 * 60)

struct machine {
	struct str passwd;
	int64_t boot_s, now_s;
	uint64_t memory_pages;
	size_t page;
};

struct process {
	pid_t pid;
	uid_t uid;
	struct proc_stat stat;
	const char *command, *user;
};

static const char *const titles_ef[] = {"UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"};
static const char *const titles_aux[] = {"USER", "PID",	 "%CPU",  "%MEM", "VSZ",    "RSS",
					 "TTY",	 "STAT", "START", "TIME", "COMMAND"};

static bool is_ef(const char *args)
{
	return !*args || !strcmp(args, "-ef") || !strcmp(args, "-fe");
}

bool top_proc_knows(const char *args)
{
	return is_ef(args) || !strcmp(args, "aux") || !strcmp(args, "-aux");
}

bool proc_stat_parse(struct str text, struct proc_stat *ret)
{
	/* The name may hold anything, blanks and parentheses included: begin behind its end. */
	ptrdiff_t end = str_rfind(text, ')');
	int64_t v[STAT_FIELDS] = {0};
	struct str rest;

	if (end < 0 || (size_t)end + 3 >= text.n)
		return false;
	ret->state = text.p[end + 2];
	rest = str_span(text.p + end + 4, text.n - (size_t)end - 4);
	for (size_t i = 1; i < STAT_FIELDS; i++)
		if (str_to_i64(str_cut(rest, ' ', &rest), &v[i]) < 0)
			return false;
	ret->ppid = v[1];
	ret->pgrp = v[2];
	ret->session = v[3];
	ret->tty = v[4];
	ret->foreground = v[5];
	ret->utime = (uint64_t)v[11];
	ret->stime = (uint64_t)v[12];
	ret->nice = v[16];
	ret->threads = v[17];
	ret->start = (uint64_t)v[19];
	ret->vsize = (uint64_t)v[20];
	ret->rss = (uint64_t)v[21];
	return true;
}

/* --- reading --- */

static int64_t boot_time(void)
{
	struct timespec up, now;

	if (clock_gettime(CLOCK_BOOTTIME, &up) < 0 || clock_gettime(CLOCK_REALTIME, &now) < 0)
		return 0;
	return now.tv_sec - up.tv_sec;
}

static const char *user_name(const struct machine *m, uid_t uid, struct arena *a)
{
	struct str text = m->passwd;

	while (text.n) {
		struct str rest, line = str_cut(text, '\n', &text);
		struct str name = str_cut(line, ':', &rest);
		uint64_t id;

		str_cut(rest, ':', &rest);
		if (str_to_u64(str_cut(rest, ':', &rest), &id) == 0 && id == uid)
			return arena_strndup(a, name.p, name.n);
	}
	return arena_printf(a, "%u", uid);
}

/* Arguments joined by blanks, or the name in brackets. */
static const char *command_of(pid_t pid, struct str stat, struct arena *a)
{
	ptrdiff_t open = str_find(stat, '('), close = str_rfind(stat, ')');
	char path[48], *copy;
	struct str text;
	size_t n;

	snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
	if (file_read_at(AT_FDCWD, path, CMDLINE_MAX, a, &text, NULL) < 0 || !text.n) {
		if (open < 0 || close < open)
			return "";
		return arena_printf(a, "[%.*s]", (int)(close - open - 1), stat.p + open + 1);
	}
	for (n = text.n; n && !text.p[n - 1]; n--)
		;
	copy = arena_strndup(a, text.p, n);
	for (size_t i = 0; copy && i < n; i++)
		if ((unsigned char)copy[i] < ' ')
			copy[i] = ' ';
	return copy;
}

/* False when it is gone. */
static bool read_process(const struct machine *m, pid_t pid, struct arena *a, struct process *ret)
{
	char path[48];
	struct str text;
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	if (stat(path, &st) < 0 || file_read_at(AT_FDCWD, path, STAT_MAX, a, &text, NULL) < 0 ||
	    !proc_stat_parse(text, &ret->stat))
		return false;
	ret->pid = pid;
	ret->uid = st.st_uid;
	ret->user = user_name(m, st.st_uid, a);
	ret->command = command_of(pid, text, a);
	return ret->user && ret->command;
}

/* --- columns --- */

static const char *terminal(const struct process *p, const char *none, struct arena *a)
{
	unsigned major_number = (unsigned)(p->stat.tty >> 8) & 0xfff;
	unsigned minor_number =
		((unsigned)p->stat.tty & 0xff) | (((unsigned)p->stat.tty >> 12) & 0xfff00);

	if (!p->stat.tty)
		return none;
	if (major_number >= 136 && major_number <= 143)
		return arena_printf(a, "pts/%u", (major_number - 136) * 256 + minor_number);
	if (major_number == 4)
		return arena_printf(a, "tty%u", minor_number);
	return "?";
}

static const char *start_text(const struct machine *m, const struct process *p, struct arena *a)
{
	static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
					 "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	int64_t when = m->boot_s + (int64_t)(p->stat.start / TICKS);
	char date[CLOCK_RFC3339_MAX]; /* 2006-01-02T15:04:05… */
	unsigned month;

	clock_format_rfc3339fixed(when * NSEC_PER_SEC, date);
	if (m->now_s - when < DAY_S)
		return arena_strndup(a, date + 11, 5);
	month = (unsigned)(date[5] - '0') * 10 + (unsigned)(date[6] - '0');
	return arena_printf(a, "%s%.2s", months[(month - 1) % 12], date + 8);
}

static uint64_t used_seconds(const struct process *p)
{
	return (p->stat.utime + p->stat.stime) / TICKS;
}

static uint64_t permille(const struct machine *m, const struct process *p)
{
	int64_t lived = m->now_s - m->boot_s - (int64_t)(p->stat.start / TICKS);

	return lived > 0 ? used_seconds(p) * 1000 / (uint64_t)lived : 0;
}

static void row_ef(const struct machine *m, const struct process *p, struct arena *a,
		   const char **out)
{
	uint64_t used = used_seconds(p);

	out[0] = p->user;
	out[1] = arena_printf(a, "%d", (int)p->pid);
	out[2] = arena_printf(a, "%lld", (long long)p->stat.ppid);
	out[3] = arena_printf(a, "%llu", (unsigned long long)MIN(permille(m, p) / 10, 99));
	out[4] = start_text(m, p, a);
	out[5] = terminal(p, "?", a);
	out[6] =
		arena_printf(a, "%02llu:%02llu:%02llu", (unsigned long long)(used / 3600),
			     (unsigned long long)(used / 60 % 60), (unsigned long long)(used % 60));
	out[7] = p->command;
}

static const char *state_text(const struct process *p, struct arena *a)
{
	return arena_printf(a, "%c%s%s%s%s", p->stat.state,
			    p->stat.nice < 0   ? "<"
			    : p->stat.nice > 0 ? "N"
					       : "",
			    p->stat.session == p->pid ? "s" : "", p->stat.threads > 1 ? "l" : "",
			    p->stat.foreground == p->stat.pgrp ? "+" : "");
}

static void row_aux(const struct machine *m, const struct process *p, struct arena *a,
		    const char **out)
{
	uint64_t used = used_seconds(p), cpu = permille(m, p);
	uint64_t mem = m->memory_pages ? p->stat.rss * 1000 / m->memory_pages : 0;

	out[0] = p->user;
	out[1] = arena_printf(a, "%d", (int)p->pid);
	out[2] = arena_printf(a, "%llu.%llu", (unsigned long long)(cpu / 10),
			      (unsigned long long)(cpu % 10));
	out[3] = arena_printf(a, "%llu.%llu", (unsigned long long)(mem / 10),
			      (unsigned long long)(mem % 10));
	out[4] = arena_printf(a, "%llu", (unsigned long long)(p->stat.vsize / 1024));
	out[5] = arena_printf(a, "%llu", (unsigned long long)(p->stat.rss * m->page / 1024));
	out[6] = terminal(p, "?", a);
	out[7] = state_text(p, a);
	out[8] = start_text(m, p, a);
	out[9] = arena_printf(a, "%llu:%02llu", (unsigned long long)(used / 60),
			      (unsigned long long)(used % 60));
	out[10] = p->command;
}

static bool whole(const char *const *row, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!row[i])
			return false;
	return true;
}

int top_from_proc(const char *ps_args, const pid_t *pids, size_t n, struct arena *a,
		  struct top *ret, struct err *e)
{
	struct machine m = {.boot_s = boot_time(),
			    .now_s = clock_wall() / NSEC_PER_SEC,
			    .memory_pages = (uint64_t)sysconf(_SC_PHYS_PAGES),
			    .page = (size_t)sysconf(_SC_PAGESIZE)};
	bool ef = is_ef(ps_args);
	size_t columns = ef ? ARRAY_LEN(titles_ef) : ARRAY_LEN(titles_aux);
	struct top out = {.titles = {(const char **)(ef ? titles_ef : titles_aux), columns, true}};

	if (file_read_at(AT_FDCWD, "/etc/passwd", PASSWD_MAX, a, &m.passwd, NULL) < 0)
		m.passwd = STR("");
	out.rows = arena_alloc_array(a, n + 1, sizeof(*out.rows));
	if (!out.rows)
		return err_set(e, ERR_UNAVAILABLE, "no memory");
	for (size_t i = 0; i < n; i++) {
		struct process p;
		const char **row;

		if (!read_process(&m, pids[i], a, &p))
			continue;
		row = arena_alloc_array(a, columns, sizeof(*row));
		if (row && ef)
			row_ef(&m, &p, a, row);
		else if (row)
			row_aux(&m, &p, a, row);
		if (!row || !whole(row, columns))
			return err_set(e, ERR_UNAVAILABLE, "no memory");
		out.rows[out.n++] = (struct texts){row, columns, true};
	}
	*ret = out;
	return 0;
}
