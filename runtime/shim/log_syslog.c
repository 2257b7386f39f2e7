/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/shim/log_syslog.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "firmware/core/clock.h"

enum { SEVERITY_ERROR = 3, SEVERITY_INFO = 6 };

int log_syslog_facility(const char *name)
{
	static const char *const names[] = {
		"kern",	  "user",   "mail",	"daemon", "auth",   "syslog", "lpr",	"news",
		"uucp",	  "cron",   "authpriv", "ftp",	  NULL,	    NULL,     NULL,	NULL,
		"local0", "local1", "local2",	"local3", "local4", "local5", "local6", "local7"};
	int64_t number;

	if (!name || !*name)
		return 3;
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (names[i] && !strcmp(names[i], name))
			return (int)i;
	if (str_to_i64(str_from(name), &number) == 0 && number >= 0 && number <= 23)
		return (int)number;
	return -1;
}

int log_syslog_format(const char *name)
{
	if (!name || !*name)
		return SYSLOG_UNIX;
	if (!strcmp(name, "rfc3164"))
		return SYSLOG_RFC3164;
	if (!strcmp(name, "rfc5424"))
		return SYSLOG_RFC5424;
	return strcmp(name, "rfc5424micro") ? -1 : SYSLOG_RFC5424_MICRO;
}

size_t log_syslog_room(const struct log_syslog *l, size_t n)
{
	return n + LOG_SYSLOG_HEAD + l->host.n + 2 * l->tag.n;
}

/* Many lines are of one second. */
static void look_at_time(struct log_syslog *l, int64_t ns)
{
	time_t now = (time_t)(ns / NSEC_PER_SEC);
	struct tm tm;
	long minutes;

	if (l->second == now + 1)
		return;
	l->second = now + 1; /* not 0, which is: never */
	if (!localtime_r(&now, &tm))
		memset(&tm, 0, sizeof(tm));
	(void)strftime(l->stamp, sizeof(l->stamp), "%b %e %H:%M:%S", &tm);
	(void)strftime(l->date, sizeof(l->date), "%Y-%m-%dT%H:%M:%S", &tm);
	minutes = tm.tm_gmtoff / 60;
	if (!minutes)
		strcpy(l->zone, "Z");
	else
		snprintf(l->zone, sizeof(l->zone), "%c%02ld:%02ld", minutes < 0 ? '-' : '+',
			 (minutes < 0 ? -minutes : minutes) / 60 % 24,
			 (minutes < 0 ? -minutes : minutes) % 60);
}

static int put_head(struct log_syslog *l, char *out, size_t room, const struct log_entry *e)
{
	unsigned priority = l->facility << 3 | (e->is_stderr ? SEVERITY_ERROR : SEVERITY_INFO);
	struct str host = l->host.n ? l->host : STR("-");
	char fraction[16] = "";

	look_at_time(l, e->time_ns);
	switch (l->format) {
	case SYSLOG_UNIX:
		return snprintf(out, room, "<%u>%s " STR_FMT "[%d]: ", priority, l->stamp,
				STR_ARG(l->tag), l->pid);
	case SYSLOG_RFC3164:
		return snprintf(out, room, "<%u>%s " STR_FMT " " STR_FMT "[%d]: ", priority,
				l->stamp, STR_ARG(host), STR_ARG(l->tag), l->pid);
	case SYSLOG_RFC5424_MICRO:
		snprintf(fraction, sizeof(fraction), ".%06u",
			 (unsigned)(e->time_ns % NSEC_PER_SEC / 1000 % 1000000));
		break;
	case SYSLOG_RFC5424:
		break;
	}
	return snprintf(out, room, "<%u>1 %s%s%s " STR_FMT " " STR_FMT " %d " STR_FMT " - ",
			priority, l->date, fraction, l->zone, STR_ARG(host), STR_ARG(l->tag),
			l->pid, STR_ARG(l->tag));
}

char *log_syslog_put(struct log_syslog *l, char *out, const struct log_entry *e)
{
	char *head = out + (l->counted ? 12 : 0), *end, count[16];
	int n = put_head(l, head, log_syslog_room(l, 0) - 16, e);
	size_t digits;

	end = head + n;
	memcpy(end, e->p, e->n);
	end += e->n;
	if (!e->n || end[-1] != '\n')
		*end++ = '\n';
	if (!l->counted)
		return end;
	digits = (size_t)snprintf(count, sizeof(count), "%zu ", (size_t)(end - head));
	memmove(out + digits, head, (size_t)(end - head));
	memcpy(out, count, digits);
	return out + digits + (end - head);
}
