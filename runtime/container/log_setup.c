/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/container/log_setup.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "firmware/core/config.h"
#include "firmware/net/dial.h"
#include "firmware/sched/job.h"
#include "runtime/container/log_address.h"
#include "runtime/container/log_options.h"
#include "runtime/container/log_tag.h"
#include "runtime/container/private.h"
#include "runtime/log/log_reader.h"
#include "runtime/shim/log_journal.h"
#include "runtime/shim/log_line.h"
#include "runtime/shim/log_local.h"
#include "runtime/shim/log_plan.h"
#include "runtime/shim/log_remote.h"
#include "runtime/shim/log_syslog.h"

#define LOCAL_FOLDER "local-logs"
#define BUFFER_MAX (64LL << 20)
#define PLAN_PART_MAX (LOG_PLAN_MAX / 4)

struct setup {
	const struct container *c;
	struct arena *a;
	struct log_options o;
	struct log_info info;
	struct text_map attributes;
	const char *tag;
	struct buf plan;
	char path[CONTAINER_PATH_MAX + 128];
	struct utsname host;
};

/* Relative to the container's folder. */
static void store_name(const struct container *c, enum log_store store, char *out, size_t size)
{
	switch (store) {
	case LOG_STORE_JSON:
		text_format(out, size, "%s-json.log", c->id);
		return;
	case LOG_STORE_LOCAL:
		text_format(out, size, LOCAL_FOLDER "/container.log");
		return;
	case LOG_STORE_CACHE:
		text_format(out, size, "container-cached.log");
		return;
	case LOG_STORE_NONE:
		out[0] = 0;
	}
}

bool log_setup_path(const struct container *c, char *out, size_t size, bool *ret_local)
{
	const struct log_config *log = &c->host.log_config;
	char dir[CONTAINER_PATH_MAX], name[CONTAINER_ID_LEN + 32];
	struct log_options o;

	out[0] = 0;
	if (log_options_read(log->type, &log->options, &o, NULL) < 0 || o.store == LOG_STORE_NONE)
		return false;
	container_state_path(c, dir);
	store_name(c, o.store, name, sizeof(name));
	*ret_local = o.store != LOG_STORE_JSON;
	return text_format(out, size, "%s/%s", dir, name);
}

int container_log_find(const struct container *c, struct arena *a, struct log_query *q,
		       struct err *e)
{
	char path[CONTAINER_PATH_MAX + 128];

	if (!log_setup_path(c, path, sizeof(path), &q->local))
		return err_set(e, ERR_NOT_IMPLEMENTED,
			       "configured logging driver does not support reading");
	q->path = arena_strdup(a, path);
	return q->path ? 0 : err_set(e, ERR_UNAVAILABLE, "no memory");
}

/* As Go's json.Marshal: keys in order, HTML escaped. */
static void put_json(struct setup *s, struct buf *out)
{
	char *room;

	buf_putc(out, '{');
	for (size_t i = 0; i < s->attributes.n; i++) {
		const char *const parts[] = {s->attributes.items[i].key,
					     s->attributes.items[i].value};

		for (size_t k = 0; k < 2; k++) {
			size_t n = strlen(parts[k]);

			buf_puts(out, k ? ":\"" : i ? ",\"" : "\"");
			if (buf_reserve(out, 6 * n) < 0)
				return;
			room = out->p + out->n;
			out->n += (size_t)(log_escape(room, (const uint8_t *)parts[k], n) - room);
			buf_putc(out, '"');
		}
	}
	buf_putc(out, '}');
}

static int put_files(struct setup *s, struct err *e)
{
	char name[CONTAINER_ID_LEN + 32], folder[CONTAINER_PATH_MAX + 32], dir[CONTAINER_PATH_MAX];
	bool json = s->o.store == LOG_STORE_JSON;
	struct buf extra;

	if (s->o.store == LOG_STORE_NONE)
		return 0;
	store_name(s->c, s->o.store, name, sizeof(name));
	if (s->o.store == LOG_STORE_LOCAL) {
		container_state_path(s->c, dir);
		text_format(folder, sizeof(folder), "%s/" LOCAL_FOLDER, dir);
		if (mkdir(folder, 0700) < 0 && errno != EEXIST)
			return err_sys(e, errno, "mkdir %s", folder);
	}
	log_plan_put(&s->plan, "file", str_from(name));
	log_plan_put_i64(&s->plan, "local", !json);
	log_plan_put_i64(&s->plan, "max-size", s->o.max_size);
	log_plan_put_i64(&s->plan, "max-file", s->o.max_file);
	log_plan_put_i64(&s->plan, "compress", s->o.compress);
	if (!s->attributes.n)
		return 0;
	buf_init(&extra, s->a, PLAN_PART_MAX);
	if (json)
		put_json(s, &extra);
	for (size_t i = 0; !json && i < s->attributes.n; i++)
		log_local_put_attr(&extra, str_from(s->attributes.items[i].key),
				   str_from(s->attributes.items[i].value));
	if (extra.failed)
		return err_set(e, ERR_INVALID, "the log's attributes are too long");
	log_plan_put(&s->plan, "extra", buf_str(&extra));
	return 0;
}

static void put_target(struct setup *s, int type, const void *addr, socklen_t len)
{
	struct log_target t = {.type = type, .len = len};

	memcpy(&t.addr, addr, len);
	log_plan_put(&s->plan, "target", str_span((const char *)&t, sizeof(t)));
}

static void put_unix(struct setup *s, int type, const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};

	if (str_copy(addr.sun_path, sizeof(addr.sun_path), str_from(path)))
		put_target(s, type, &addr, sizeof(addr));
}

static int put_journald(struct setup *s, struct err *e)
{
	const struct container *c = s->c;
	struct str id = str_from(c->id), short_id = str_span(c->id, 12);
	char epoch[33];
	struct buf fields, name;

	snprintf(epoch, sizeof(epoch), "%016llx%016llx", (unsigned long long)clock_wall(),
		 (unsigned long long)clock_mono());
	buf_init(&fields, s->a, PLAN_PART_MAX);
	log_journal_put_field(&fields, "CONTAINER_ID", short_id);
	log_journal_put_field(&fields, "CONTAINER_ID_FULL", id);
	log_journal_put_field(&fields, "CONTAINER_NAME", str_from(s->info.name));
	log_journal_put_field(&fields, "CONTAINER_TAG", str_from(s->tag));
	log_journal_put_field(&fields, "IMAGE_NAME", str_from(s->info.image_name));
	log_journal_put_field(&fields, "SYSLOG_IDENTIFIER", str_from(s->tag));
	log_journal_put_field(&fields, "CONTAINER_LOG_EPOCH", str_from(epoch));
	for (size_t i = 0; i < s->attributes.n; i++) {
		buf_init(&name, s->a, PLAN_PART_MAX);
		log_journal_put_name(&name, str_from(s->attributes.items[i].key));
		if (name.n)
			log_journal_put_field(&fields, buf_text(&name),
					      str_from(s->attributes.items[i].value));
	}
	if (fields.failed)
		return err_set(e, ERR_INVALID, "the log's attributes are too long");
	log_plan_put(&s->plan, "server", STR("journald"));
	log_plan_put(&s->plan, "refused", STR("journald is not enabled on this host"));
	log_plan_put(&s->plan, "fields", buf_str(&fields));
	put_unix(s, SOCK_DGRAM, CONFIG_LOG_JOURNALD_SOCKET);
	return 0;
}

struct lookup {
	struct job job;
	const char *host;
	uint16_t port;
	struct resolve_address found[RESOLVE_MAX];
	size_t n;
};

static int run_lookup(struct job *job)
{
	struct lookup *l = container_of(job, struct lookup, job);
	struct dial_conn c;

	dial_init(&c);
	c.stop = &job->stop;
	return resolve_host(&c, l->host, l->port, l->found, &l->n, &job->err);
}

static int put_host(struct setup *s, const struct log_address *address, int type, struct err *e)
	FIBER_FN
{
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(address->port)};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(address->port)};
	struct lookup *l;
	int r;

	if (inet_pton(AF_INET, address->host, &v4.sin_addr) == 1) {
		put_target(s, type, &v4, sizeof(v4));
		return 0;
	}
	if (inet_pton(AF_INET6, address->host, &v6.sin6_addr) == 1) {
		put_target(s, type, &v6, sizeof(v6));
		return 0;
	}
	l = arena_alloc(s->a, sizeof(*l));
	if (!l)
		return err_set(e, ERR_UNAVAILABLE, "no memory");
	l->host = address->host;
	l->port = address->port;
	r = job_run(&l->job, run_lookup, JOB_SHORT);
	if (r < 0) {
		err_set(e, ERR_SYSTEM, "%s", l->job.err.msg);
		return err_wrap(e, "dial %s", type == SOCK_DGRAM ? "udp" : "tcp");
	}
	for (size_t i = 0; i < l->n && i < LOG_REMOTE_TARGETS; i++)
		put_target(s, type, &l->found[i].addr, l->found[i].n);
	return 0;
}

static void put_tls(struct setup *s, const struct log_address *address)
{
	static const struct {
		const char *option, *name;
	} files[] = {{"syslog-tls-ca-cert", "tls-ca"},
		     {"syslog-tls-cert", "tls-cert"},
		     {"syslog-tls-key", "tls-key"}};
	const struct text_map *options = s->info.options;

	log_plan_put(&s->plan, "tls-host", str_from(address->host));
	log_plan_put_i64(&s->plan, "tls-port", address->port);
	log_plan_put_i64(&s->plan, "tls-skip-verify",
			 text_map_get(options, "syslog-tls-skip-verify") != NULL);
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		const char *path = text_map_get(options, files[i].option);

		if (path)
			log_plan_put(&s->plan, files[i].name, str_from(path));
	}
}

static int put_address(struct setup *s, const struct log_address *a, struct err *e) FIBER_FN
{
	static const char *const local[] = {"/dev/log", "/var/run/syslog", "/var/run/log"};
	const char *where = NULL;
	int r = 0;

	switch (a->scheme) {
	case LOG_SCHEME_LOCAL:
		for (size_t i = 0; i < ARRAY_LEN(local); i++) {
			put_unix(s, SOCK_DGRAM, local[i]);
			put_unix(s, SOCK_STREAM, local[i]);
		}
		log_plan_put(&s->plan, "refused", STR("Unix syslog delivery error"));
		return 0;
	case LOG_SCHEME_UNIX:
	case LOG_SCHEME_UNIXGRAM:
		put_unix(s, a->scheme == LOG_SCHEME_UNIX ? SOCK_STREAM : SOCK_DGRAM, a->host);
		where = arena_printf(s->a, "dial %s %s: connect: ",
				     a->scheme == LOG_SCHEME_UNIX ? "unix" : "unixgram", a->host);
		break;
	case LOG_SCHEME_UDP:
	case LOG_SCHEME_TCP:
		r = put_host(s, a, a->scheme == LOG_SCHEME_UDP ? SOCK_DGRAM : SOCK_STREAM, e);
		where = arena_printf(s->a,
				     strchr(a->host, ':') ? "dial %s [%s]:%u: connect: "
							  : "dial %s %s:%u: connect: ",
				     a->scheme == LOG_SCHEME_UDP ? "udp" : "tcp", a->host, a->port);
		break;
	case LOG_SCHEME_TLS:
		put_tls(s, a);
		break;
	}
	if (where)
		log_plan_put(&s->plan, "where", str_from(where));
	return r;
}

static int put_syslog(struct setup *s, struct err *e) FIBER_FN
{
	const struct text_map *options = s->info.options;
	struct log_address address;
	int format = log_syslog_format(text_map_get(options, "syslog-format"));

	if (log_address_parse(text_map_get(options, "syslog-address"), &address, e) < 0)
		return err_code(e);
	log_plan_put(&s->plan, "server", STR("syslog"));
	log_plan_put_i64(&s->plan, "syslog-format", format);
	log_plan_put_i64(&s->plan, "facility",
			 log_syslog_facility(text_map_get(options, "syslog-facility")));
	log_plan_put_i64(&s->plan, "counted",
			 address.scheme == LOG_SCHEME_TLS && format >= SYSLOG_RFC5424);
	log_plan_put(&s->plan, "host", str_from(s->info.hostname));
	log_plan_put(&s->plan, "tag", str_from(s->tag));
	return put_address(s, &address, e);
}

/* Files have a tag only where one was asked for, as an attribute. */
static int read_tag(struct setup *s, struct err *e)
{
	const char *given = text_map_get(s->info.options, "tag");
	struct text_pair *grown;
	size_t i = 0, n = 0;

	if (s->o.server != LOG_SERVER_NONE)
		return log_tag(&s->info, "{{.ID}}", s->a, &s->tag, e);
	if (!given || !*given)
		return 0;
	if (log_tag(&s->info, "", s->a, &s->tag, e) < 0)
		return err_code(e);
	grown = arena_alloc_array(s->a, s->attributes.n + 1, sizeof(*grown));
	if (!grown)
		return err_set(e, ERR_UNAVAILABLE, "no memory");
	if (!*s->tag)
		return 0;
	/* In its place in the order, and in place of a label of its name. */
	while (i < s->attributes.n && strcmp(s->attributes.items[i].key, "tag") < 0)
		grown[n++] = s->attributes.items[i++];
	grown[n++] = (struct text_pair){"tag", s->tag};
	for (; i < s->attributes.n; i++)
		if (strcmp(s->attributes.items[i].key, "tag") != 0)
			grown[n++] = s->attributes.items[i];
	s->attributes.items = grown;
	s->attributes.n = n;
	return 0;
}

static int fill(struct setup *s, struct err *e) FIBER_FN
{
	int r;

	if (log_attributes(&s->info, s->a, &s->attributes, e) < 0 || read_tag(s, e) < 0 ||
	    put_files(s, e) < 0)
		return err_code(e);
	log_plan_put_i64(&s->plan, "non-blocking", s->o.non_blocking);
	log_plan_put_i64(&s->plan, "limit",
			 s->o.buffer_size > 0 ? MIN(s->o.buffer_size, BUFFER_MAX)
					      : LOG_REMOTE_LIMIT);
	r = CONFIG(LOG_JOURNALD) && s->o.server == LOG_SERVER_JOURNALD ? put_journald(s, e)
	    : CONFIG(LOG_SYSLOG) && s->o.server == LOG_SERVER_SYSLOG   ? put_syslog(s, e)
								       : 0;
	if (r == 0 && s->plan.failed)
		return err_set(e, ERR_INVALID, "the log's settings are too long");
	return r;
}

int log_setup_plan(const struct container *c, struct arena *a, struct str *ret, struct err *e)
{
	const struct log_config *log = &c->host.log_config;
	struct setup *s = arena_alloc(a, sizeof(*s));
	bool local;

	if (!s)
		return err_set(e, ERR_UNAVAILABLE, "no memory");
	if (log_options_read(log->type, &log->options, &s->o, e) < 0)
		return err_code(e);
	*ret = STR("");
	if (s->o.store == LOG_STORE_NONE && s->o.server == LOG_SERVER_NONE)
		return 0;
	s->c = c;
	s->a = a;
	(void)uname(&s->host);
	(void)log_setup_path(c, s->path, sizeof(s->path), &local);
	s->info = (struct log_info){.id = c->id,
				    .name = c->name,
				    .image_id = c->image_id.text,
				    .image_name = c->config.image ? c->config.image : "",
				    .path = c->path,
				    .args = &c->args,
				    .env = &c->config.env,
				    .labels = &c->config.labels,
				    .options = &log->options,
				    .hostname = s->host.nodename,
				    .log_path = s->path};
	buf_init(&s->plan, a, LOG_PLAN_MAX);
	if (fill(s, e) < 0) {
		if (e && e->kind == ERR_INVALID)
			e->kind = ERR_SYSTEM;
		return err_wrap(e, "failed to create task for container: failed to initialize "
				   "logging driver");
	}
	*ret = buf_str(&s->plan);
	return 0;
}
