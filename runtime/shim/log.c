/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/shim/log.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "firmware/core/config.h"
#include "runtime/shim/log_gzip.h"
#include "runtime/shim/log_plan.h"
#include "runtime/shim/private.h"

#define CONNECT_MS 10000
#define LINGER_MS 5000	    /* for a server that takes what it is sent */
#define LINGER_GONE_MS 1000 /* for one that is not there */
#define REMOTE_READ 4096    /* a message may be a hundred times as long as its line */

/* Is there a server, and could there be one? */
static bool has_server(const struct shim_log *l)
{
	return (CONFIG(LOG_JOURNALD) || CONFIG(LOG_SYSLOG)) && l->wire;
}

static int open_journald(struct shim_log *l, struct str plan)
{
	return log_plan_get(plan, "fields", &l->journal.fields) ? 0 : -EINVAL;
}

static size_t room_journald(const struct shim_log *l, const struct log_entry *e)
{
	return log_journal_room(&l->journal, e->n);
}

static char *put_journald(struct shim_log *l, char *out, const struct log_entry *e)
{
	return log_journal_put(&l->journal, out, e);
}

static int open_syslog(struct shim_log *l, struct str plan)
{
	l->syslog.format = (enum syslog_format)log_plan_get_i64(plan, "syslog-format", 0);
	l->syslog.facility = (unsigned)log_plan_get_i64(plan, "facility", 3) % 24;
	l->syslog.counted = log_plan_get_i64(plan, "counted", 0) != 0;
	l->syslog.pid = (int)getpid();
	(void)log_plan_get(plan, "host", &l->syslog.host);
	return log_plan_get(plan, "tag", &l->syslog.tag) ? 0 : -EINVAL;
}

/* The engine sends no empty lines there. */
static size_t room_syslog(const struct shim_log *l, const struct log_entry *e)
{
	return e->n ? log_syslog_room(&l->syslog, e->n) : 0;
}

static char *put_syslog(struct shim_log *l, char *out, const struct log_entry *e)
{
	return log_syslog_put(&l->syslog, out, e);
}

static const struct log_wire wires[] = {
	{"journald", CONFIG(LOG_JOURNALD) ? open_journald : NULL,
	 CONFIG(LOG_JOURNALD) ? room_journald : NULL, CONFIG(LOG_JOURNALD) ? put_journald : NULL},
	{"syslog", CONFIG(LOG_SYSLOG) ? open_syslog : NULL, CONFIG(LOG_SYSLOG) ? room_syslog : NULL,
	 CONFIG(LOG_SYSLOG) ? put_syslog : NULL},
};

static void record(void *arg, const struct log_entry *e)
{
	struct shim_log *l = arg;
	char *out;
	size_t n;

	if (l->has_file)
		log_file_record(&l->file, e);
	if (!has_server(l))
		return;
	n = l->wire->room(l, e);
	out = n ? log_remote_begin(&l->remote, n) : NULL;
	if (out)
		log_remote_commit(&l->remote, l->wire->put(l, out, e));
}

static int open_file(struct shim_process *s, struct str plan, char *error, size_t size)
{
	struct log_file_options o = {.dirfd = s->state_dirfd};
	static char name[128];
	struct str text;
	int r;

	if (!log_plan_get(plan, "file", &text))
		return 0;
	if (!str_copy(name, sizeof(name), text))
		return -ENAMETOOLONG;
	o.name = name;
	o.format = log_plan_get_i64(plan, "local", 0) ? LOG_FORMAT_LOCAL : LOG_FORMAT_JSON;
	o.max_size = log_plan_get_i64(plan, "max-size", 0);
	o.max_file = log_plan_get_i64(plan, "max-file", 1);
	o.compress = log_plan_get_i64(plan, "compress", 0) != 0;
	(void)log_plan_get(plan, "extra", &o.extra);
	r = log_file_open(&s->log.file, &o, shim_log_out, sizeof(shim_log_out));
	if (r < 0)
		snprintf(error, size, "opening %s: %s", name,
			 r == -E2BIG ? "the attributes are too long" : strerror(-r));
	s->log.has_file = r == 0;
	return r;
}

static int add_targets(struct log_remote *r, struct str plan)
{
	struct str name, value;

	for (size_t at = 0; log_plan_next(plan, &at, &name, &value);) {
		if (!str_eqz(name, "target"))
			continue;
		if (value.n != sizeof(struct log_target) || r->n_targets == LOG_REMOTE_TARGETS)
			return -EINVAL;
		memcpy(&r->targets[r->n_targets++], value.p, value.n);
	}
	return 0;
}

/* In the words of Go, whose sentences begin small. */
static void put_reason(char *error, size_t size, struct str plan, int code)
{
	const char *text = strerror(code);
	struct str where = STR("");

	(void)log_plan_get(plan, "where", &where);
	snprintf(error, size, STR_FMT "%c%s", STR_ARG(where), tolower((unsigned char)text[0]),
		 text + 1);
}

static int open_remote(struct shim_process *s, struct str plan, char *error, size_t size)
{
	struct shim_log *l = &s->log;
	const struct log_wire *wire = wires, *end = wires + ARRAY_LEN(wires);
	struct str name, why;
	int r;

	if (!log_plan_get(plan, "server", &name))
		return 0;
	if (!CONFIG(LOG_JOURNALD) && !CONFIG(LOG_SYSLOG))
		return -ENOSYS;
	while (wire < end && !str_eqz(name, wire->name))
		wire++;
	if (wire == end || !wire->open)
		return -ENOSYS;
	l->remote.non_blocking = log_plan_get_i64(plan, "non-blocking", 0) != 0;
	l->remote.limit = (size_t)log_plan_get_i64(plan, "limit", LOG_REMOTE_LIMIT);
	l->remote.memfd = !strcmp(wire->name, "journald");
	r = wire->open(l, plan);
	if (r == 0)
		r = add_targets(&l->remote, plan);
	if (r < 0)
		return r;
	if (log_tls_prepare(&l->tls, plan)) {
		l->remote.dial = log_tls_dial;
		l->remote.arg = &l->tls;
	}
	r = log_remote_open(&l->remote, CONNECT_MS);
	if (r < 0) {
		if (l->tls.error[0])
			snprintf(error, size, "%s", l->tls.error);
		else if (log_plan_get(plan, "refused", &why))
			snprintf(error, size, STR_FMT, STR_ARG(why));
		else
			put_reason(error, size, plan, -r);
		return r;
	}
	l->wire = wire;
	return 0;
}

static void watch(struct shim_process *s)
{
	struct shim_log *l = &s->log;
	uint32_t want = log_remote_events(&l->remote);

	if (l->watched_socket != l->remote.generation) /* closed: epoll has forgotten it */
		l->watched = 0;
	if (want != l->watched) {
		int op = !want ? EPOLL_CTL_DEL : l->watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

		if (shim_watch(s, op, l->remote.fd, want, WATCH_LOG, l->remote.generation, 0) == 0)
			l->watched = want;
		l->watched_socket = l->remote.generation;
	}
	shim_arm(s, log_remote_deadline(&l->remote));
	if (l->held && !shim_log_full(s)) {
		l->held = false;
		pump_update(s, &s->procs[0], 0);
		pump_update(s, &s->procs[0], 1);
	}
}

int shim_log_open(struct shim_process *s, int fd, char *error, size_t size)
{
	struct str plan;
	int r = log_plan_map(fd, &plan);

	close(fd);
	error[0] = 0;
	s->log.remote.fd = -1;
	log_split_init(&s->log.split, record, &s->log);
	if (r == 0)
		r = open_file(s, plan, error, size);
	if (r == 0)
		r = open_remote(s, plan, error, size);
	if (r < 0 && !error[0])
		snprintf(error, size, "%s", strerror(-r));
	s->logging = r == 0 && (s->log.has_file || s->log.wire);
	if (r == 0 && has_server(&s->log))
		watch(s);
	return r;
}

static void flush(struct shim_process *s)
{
	struct shim_log *l = &s->log;

	if (l->has_file) {
		log_file_flush(&l->file);
		if (l->file.rotated && l->gzip <= 0) {
			l->file.rotated = false;
			l->gzip =
				log_gzip_start(s->state_dirfd, l->file.o.name, l->file.o.max_file);
		}
	}
	if (has_server(l)) {
		log_remote_flush(&l->remote);
		watch(s);
	}
}

void shim_log_write(struct shim_process *s, bool is_stderr, const uint8_t *p, size_t n)
{
	log_split_write(&s->log.split, is_stderr, p, n);
	flush(s);
}

void shim_log_finish(struct shim_process *s, bool is_stderr)
{
	log_split_finish(&s->log.split, is_stderr);
	flush(s);
}

void shim_log_end(struct shim_process *s)
{
	struct shim_log *l = &s->log;

	if (!s->logging)
		return;
	shim_log_finish(s, false);
	shim_log_finish(s, true);
	log_split_done(&l->split);
	if (l->has_file)
		log_file_close(&l->file);
	l->has_file = false;
	s->logging = false;
	if (!has_server(l))
		return;
	l->give_up = clock_in_ms(l->remote.fd < 0 ? LINGER_GONE_MS : LINGER_MS);
	shim_arm(s, l->give_up);
}

size_t shim_log_read_size(const struct shim_process *s)
{
	return has_server(&s->log) ? REMOTE_READ : SHIM_IO_SIZE;
}

bool shim_log_full(const struct shim_process *s)
{
	return has_server(&s->log) && log_remote_full(&s->log.remote);
}

bool shim_log_busy(const struct shim_process *s)
{
	return has_server(&s->log) && s->log.give_up && !log_remote_idle(&s->log.remote);
}

void shim_log_ready(struct shim_process *s, uint32_t generation, uint32_t events)
{
	if (!has_server(&s->log) || generation != (s->log.remote.generation & 0xffffff))
		return;
	log_remote_ready(&s->log.remote, events);
	watch(s);
}

void shim_log_tick(struct shim_process *s, int64_t now)
{
	struct shim_log *l = &s->log;

	if (!has_server(l))
		return;
	log_remote_tick(&l->remote, now);
	log_remote_flush(&l->remote);
	if (l->give_up && now >= l->give_up)
		log_remote_close(&l->remote);
	else if (l->give_up)
		shim_arm(s, l->give_up);
	watch(s);
}

bool shim_log_reaped(struct shim_process *s, pid_t pid)
{
	if (pid != s->log.gzip || pid <= 0)
		return false;
	s->log.gzip = 0;
	if (s->log.has_file)
		flush(s);
	return true;
}

void shim_log_give_back(struct shim_process *s)
{
	if (has_server(&s->log))
		log_remote_trim(&s->log.remote);
}
