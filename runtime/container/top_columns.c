/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/container/top_columns.h"

#include "firmware/core/clock.h"

#define TICKS 100
#define HOUR_S 3600
#define DAY_S (24 * HOUR_S)
#define FLAGS_SHIFT                                                                                \
	6 /* two of the kernel's flags are told: forked only, and used a right of root's */

typedef const struct top_machine machine;
typedef const struct top_process process;

enum { SHORT, LONG, FULL };

/* --- numbers --- */

static const char *number(struct arena *a, int64_t value)
{
	return arena_printf(a, "%lld", (long long)value);
}

static const char *tell_pid(machine *m UNUSED, process *p, int which UNUSED, struct arena *a)
{
	return number(a, p->pid);
}

static const char *tell_uid(machine *m UNUSED, process *p, int which, struct arena *a)
{
	return number(a, p->uid[which]);
}

static const char *tell_gid(machine *m UNUSED, process *p, int which, struct arena *a)
{
	return number(a, p->gid[which]);
}

/* which is the place of the number in struct proc_stat. */
static const char *tell_stat(machine *m UNUSED, process *p, int which, struct arena *a)
{
	int64_t value;

	memcpy(&value, (const char *)&p->stat + which, sizeof(value));
	return number(a, value);
}

/* As people count: the usual one is 80, 20 and 19 of the three. */
static const char *tell_opri(machine *m UNUSED, process *p, int which UNUSED, struct arena *a)
{
	return number(a, p->stat.priority + 60);
}

static const char *tell_pri(machine *m UNUSED, process *p, int which UNUSED, struct arena *a)
{
	return number(a, 39 - p->stat.priority);
}

static const char *tell_flags(machine *m UNUSED, process *p, int which UNUSED, struct arena *a)
{
	return arena_printf(a, "%o", (unsigned)(p->stat.flags >> FLAGS_SHIFT) & 7);
}

/* which divides bytes. */
static const char *tell_vsize(machine *m, process *p, int which, struct arena *a)
{
	return number(a, (int64_t)(p->stat.vsize / (which ? (size_t)which : m->page)));
}

static const char *tell_rss(machine *m, process *p, int which UNUSED, struct arena *a)
{
	return number(a, (int64_t)(p->stat.rss * m->page / 1024));
}

static const char *tenths(struct arena *a, uint64_t permille)
{
	return arena_printf(a, "%llu.%llu", (unsigned long long)(permille / 10),
			    (unsigned long long)(permille % 10));
}

static const char *tell_pmem(machine *m, process *p, int which UNUSED, struct arena *a)
{
	return tenths(a, m->memory_pages ? p->stat.rss * 1000 / m->memory_pages : 0);
}

/* --- times --- */

static int64_t started(machine *m, process *p)
{
	return m->boot_s + (int64_t)(p->stat.start / TICKS);
}

static int64_t used(process *p)
{
	return (int64_t)((p->stat.utime + p->stat.stime) / TICKS);
}

static int64_t lived(machine *m, process *p)
{
	return MAX(m->now_s - started(m, p), 0);
}

static int64_t cpu_permille(machine *m, process *p)
{
	int64_t seconds = lived(m, p);

	return seconds > 0 ? used(p) * 1000 / seconds : 0;
}

static const char *tell_pcpu(machine *m, process *p, int which UNUSED, struct arena *a)
{
	return tenths(a, (uint64_t)cpu_permille(m, p));
}

/* which is what one is: 10 for per cent, with a most of 99; 1 for per mille. */
static const char *tell_c(machine *m, process *p, int which, struct arena *a)
{
	return number(a, MIN(cpu_permille(m, p) / which, which == 1 ? 999 : 99));
}

/* [days-]hours:minutes:seconds; without the hours when which is SHORT and there are none. */
static const char *clock_text(struct arena *a, int64_t seconds, int which)
{
	long long days = seconds / DAY_S, hours = seconds / HOUR_S % 24, min = seconds / 60 % 60;
	long long sec = seconds % 60;

	if (days)
		return arena_printf(a, "%lld-%02lld:%02lld:%02lld", days, hours, min, sec);
	if (hours || which != SHORT)
		return arena_printf(a, "%02lld:%02lld:%02lld", hours, min, sec);
	return arena_printf(a, "%02lld:%02lld", min, sec);
}

static const char *tell_time(machine *m UNUSED, process *p, int which UNUSED, struct arena *a)
{
	return clock_text(a, used(p), LONG);
}

static const char *tell_bsdtime(machine *m UNUSED, process *p, int which UNUSED, struct arena *a)
{
	return arena_printf(a, "%lld:%02lld", (long long)(used(p) / 60), (long long)(used(p) % 60));
}

static const char *tell_times(machine *m UNUSED, process *p, int which UNUSED, struct arena *a)
{
	return number(a, used(p));
}

static const char *tell_etime(machine *m, process *p, int which UNUSED, struct arena *a)
{
	return clock_text(a, lived(m, p), SHORT);
}

static const char *tell_etimes(machine *m, process *p, int which UNUSED, struct arena *a)
{
	return number(a, lived(m, p));
}

/* The time of a day, or the day when that is longer ago. FULL: both, and the year. */
static const char *tell_start(machine *m, process *p, int which, struct arena *a)
{
	static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
					 "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	static const char days[][4] = {"Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"};
	int64_t when = started(m, p);
	char date[CLOCK_RFC3339_MAX]; /* 2006-01-02T15:04:05… */
	const char *month;

	clock_format_rfc3339fixed(when * NSEC_PER_SEC, date);
	month = months[((unsigned)(date[5] - '0') * 10 + (unsigned)(date[6] - '0') + 11) % 12];
	if (which == FULL)
		return arena_printf(a, "%s %s %.2s %.8s %.4s", days[MAX(when, 0) / DAY_S % 7],
				    month, date + 8, date + 11, date);
	if (m->now_s - when < DAY_S)
		return arena_strndup(a, date + 11, which == SHORT ? 5 : 8);
	return arena_printf(a, "%s%.2s", month, date + 8);
}

/* --- words --- */

/* Of /etc/passwd or /etc/group; the number when it has no name. */
static const char *name_of(struct str text, unsigned wanted, struct arena *a)
{
	while (text.n) {
		struct str rest, line = str_cut(text, '\n', &text);
		struct str name = str_cut(line, ':', &rest);
		uint64_t id;

		str_cut(rest, ':', &rest);
		if (str_to_u64(str_cut(rest, ':', &rest), &id) == 0 && id == wanted)
			return arena_strndup(a, name.p, name.n);
	}
	return arena_printf(a, "%u", wanted);
}

static const char *tell_user(machine *m, process *p, int which, struct arena *a)
{
	return name_of(m->passwd, p->uid[which], a);
}

static const char *tell_group(machine *m, process *p, int which, struct arena *a)
{
	return name_of(m->group, p->gid[which], a);
}

static const char *tell_tty(machine *m UNUSED, process *p, int which UNUSED, struct arena *a)
{
	unsigned tty = (unsigned)p->stat.tty, major_number = (tty >> 8) & 0xfff;
	unsigned minor_number = (tty & 0xff) | ((tty >> 12) & 0xfff00);

	if (tty && major_number >= 136 && major_number <= 143)
		return arena_printf(a, "pts/%u", (major_number - 136) * 256 + minor_number);
	if (tty && major_number == 4)
		return arena_printf(a, "tty%u", minor_number);
	return "?";
}

static const char *tell_state(machine *m UNUSED, process *p, int which, struct arena *a)
{
	const struct proc_stat *s = &p->stat;

	if (which == SHORT)
		return arena_printf(a, "%c", s->state);
	return arena_printf(a, "%c%s%s%s%s", s->state,
			    s->nice < 0	  ? "<"
			    : s->nice > 0 ? "N"
					  : "",
			    s->session == p->pid ? "s" : "", s->threads > 1 ? "l" : "",
			    s->foreground == s->pgrp ? "+" : "");
}

/* As the kernel numbers them. */
static const char *tell_class(machine *m UNUSED, process *p, int which UNUSED,
			      struct arena *a UNUSED)
{
	static const char *const names[] = {"TS", "FF", "RR", "B", "ISO", "IDL", "DLN"};

	return p->stat.policy >= 0 && p->stat.policy < (int64_t)ARRAY_LEN(names)
		       ? names[p->stat.policy]
		       : "?";
}

static const char *tell_rtprio(machine *m UNUSED, process *p, int which UNUSED, struct arena *a)
{
	return p->stat.rt_priority ? number(a, p->stat.rt_priority) : "-";
}

static const char *tell_nothing(machine *m UNUSED, process *p UNUSED, int which UNUSED,
				struct arena *a UNUSED)
{
	return "-";
}

static const char *tell_name(machine *m UNUSED, process *p, int which UNUSED,
			     struct arena *a UNUSED)
{
	return p->name;
}

static const char *tell_command(machine *m UNUSED, process *p, int which UNUSED,
				struct arena *a UNUSED)
{
	return p->command;
}

static const char *tell_wchan(machine *m UNUSED, process *p, int which UNUSED,
			      struct arena *a UNUSED)
{
	return p->wchan;
}

/* --- the table --- */

#define STAT(field) tell_stat, offsetof(struct proc_stat, field)

static const struct top_column columns[] = {
	{"%cpu", "%CPU", tell_pcpu, 0},
	{"%mem", "%MEM", tell_pmem, 0},
	{"addr", "ADDR", tell_nothing, 0},
	{"args", "COMMAND", tell_command, 0},
	{"bsdstart", "START", tell_start, SHORT},
	{"bsdtime", "TIME", tell_bsdtime, 0},
	{"c", "C", tell_c, 10},
	{"class", "CLS", tell_class, 0},
	{"cls", "CLS", tell_class, 0},
	{"cmd", "CMD", tell_command, 0},
	{"comm", "COMMAND", tell_name, 0},
	{"command", "COMMAND", tell_command, 0},
	{"cp", "CP", tell_c, 1},
	{"cputime", "TIME", tell_time, 0},
	{"cputimes", "TIME", tell_times, 0},
	{"egid", "EGID", tell_gid, TOP_EFFECTIVE},
	{"egroup", "EGROUP", tell_group, TOP_EFFECTIVE},
	{"etime", "ELAPSED", tell_etime, 0},
	{"etimes", "ELAPSED", tell_etimes, 0},
	{"euid", "EUID", tell_uid, TOP_EFFECTIVE},
	{"euser", "EUSER", tell_user, TOP_EFFECTIVE},
	{"f", "F", tell_flags, 0},
	{"flag", "F", tell_flags, 0},
	{"flags", "F", tell_flags, 0},
	{"fname", "COMMAND", tell_name, 0},
	{"gid", "GID", tell_gid, TOP_EFFECTIVE},
	{"group", "GROUP", tell_group, TOP_EFFECTIVE},
	{"lstart", "STARTED", tell_start, FULL},
	{"lwp", "LWP", tell_pid, 0},
	{"maj_flt", "MAJFL", STAT(major_faults)},
	{"majflt", "MAJFLT", STAT(major_faults)},
	{"min_flt", "MINFL", STAT(minor_faults)},
	{"minflt", "MINFLT", STAT(minor_faults)},
	{"ni", "NI", STAT(nice)},
	{"nice", "NI", STAT(nice)},
	{"nlwp", "NLWP", STAT(threads)},
	{"opri", "PRI", tell_opri, 0},
	{"pagein", "PAGEIN", STAT(major_faults)},
	{"pcpu", "%CPU", tell_pcpu, 0},
	{"pgid", "PGID", STAT(pgrp)},
	{"pgrp", "PGRP", STAT(pgrp)},
	{"pid", "PID", tell_pid, 0},
	{"pmem", "%MEM", tell_pmem, 0},
	{"policy", "POL", tell_class, 0},
	{"ppid", "PPID", STAT(ppid)},
	{"pri", "PRI", tell_pri, 0},
	{"priority", "PRI", STAT(priority)},
	{"psr", "PSR", STAT(processor)},
	{"rgid", "RGID", tell_gid, TOP_REAL},
	{"rgroup", "RGROUP", tell_group, TOP_REAL},
	{"rss", "RSS", tell_rss, 0},
	{"rssize", "RSS", tell_rss, 0},
	{"rsz", "RSZ", tell_rss, 0},
	{"rtprio", "RTPRIO", tell_rtprio, 0},
	{"ruid", "RUID", tell_uid, TOP_REAL},
	{"ruser", "RUSER", tell_user, TOP_REAL},
	{"s", "S", tell_state, SHORT},
	{"sess", "SESS", STAT(session)},
	{"session", "SESS", STAT(session)},
	{"sgid", "SGID", tell_gid, TOP_SAVED},
	{"sgroup", "SGROUP", tell_group, TOP_SAVED},
	{"sid", "SID", STAT(session)},
	{"spid", "SPID", tell_pid, 0},
	{"start", "STARTED", tell_start, LONG},
	{"start_time", "START", tell_start, SHORT},
	{"stat", "STAT", tell_state, LONG},
	{"state", "S", tell_state, SHORT},
	{"stime", "STIME", tell_start, SHORT},
	{"suid", "SUID", tell_uid, TOP_SAVED},
	{"suser", "SUSER", tell_user, TOP_SAVED},
	{"sz", "SZ", tell_vsize, 0},
	{"tgid", "TGID", tell_pid, 0},
	{"thcount", "THCNT", STAT(threads)},
	{"tid", "TID", tell_pid, 0},
	{"time", "TIME", tell_time, 0},
	{"times", "TIME", tell_times, 0},
	{"tname", "TTY", tell_tty, 0},
	{"tpgid", "TPGID", STAT(foreground)},
	{"tt", "TT", tell_tty, 0},
	{"tty", "TT", tell_tty, 0},
	{"ucmd", "CMD", tell_name, 0},
	{"ucomm", "COMMAND", tell_name, 0},
	{"uid", "UID", tell_uid, TOP_EFFECTIVE},
	{"uname", "USER", tell_user, TOP_EFFECTIVE},
	{"user", "USER", tell_user, TOP_EFFECTIVE},
	{"vsize", "VSZ", tell_vsize, 1024},
	{"vsz", "VSZ", tell_vsize, 1024},
	{"wchan", "WCHAN", tell_wchan, 0},
	{"wname", "WCHAN", tell_wchan, 0},
};

const struct top_column *top_column_find(struct str name)
{
	for (size_t i = 0; i < ARRAY_LEN(columns); i++)
		if (str_eqz(name, columns[i].name))
			return &columns[i];
	return NULL;
}
