/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The texts of links: how one is asked for, and the environment that it brings: the child's address
 * and ports under names made of the alias, rows of neighbouring ports as ranges too, and the
 * child's own variables.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "runtime/container/links.h"

static int bad_format(const char *text, struct err *e)
{
	return err_set(e, ERR_INVALID, "bad format for links: %s", text);
}

/* A name that can stand in a hosts file and in a path of names. */
static bool is_name(const char *s)
{
	for (const char *p = s; *p; p++)
		if ((unsigned char)*p <= ' ' || *p == 0x7f || *p == '/' || *p == '#')
			return false;
	return *s != 0;
}

int link_parse(const char *text, struct arena *a, const char **ret_name, const char **ret_alias,
	       struct err *e)
{
	const char *colon = strchr(text, ':'), *name = text, *alias = text;

	if (!*text)
		return err_set(e, ERR_INVALID, "empty string specified for links");
	if (colon) {
		name = arena_strndup(a, text, (size_t)(colon - text));
		alias = colon + 1;
		if (!name)
			return err_set(e, ERR_UNAVAILABLE, "no memory for links");
		if (strchr(alias, ':'))
			return bad_format(text, e);
		if (*name != '/' && *alias == '/') /* a path below the parent's name */
			alias++;
	}
	if (*name == '/') {
		const char *slash = strrchr(alias, '/');

		name++;
		alias = slash ? slash + 1 : alias;
	}
	if (!*name || !is_name(alias))
		return bad_format(text, e);
	*ret_name = name;
	*ret_alias = alias;
	return 0;
}

struct port {
	uint16_t number;
	uint8_t proto;
};

struct env_writer {
	struct arena *a;
	struct texts *env;
	size_t max;
	const char *prefix, *address;
	bool failed;
};

static void put(struct env_writer *w, const char *text)
{
	if (!text || w->env->n == w->max)
		w->failed = true;
	else
		w->env->items[w->env->n++] = text;
}

static const char *lower(uint8_t proto)
{
	return proto == IPPROTO_UDP ? "udp" : proto == IPPROTO_TCP ? "tcp" : "sctp";
}

static const char *upper(uint8_t proto)
{
	return proto == IPPROTO_UDP ? "UDP" : proto == IPPROTO_TCP ? "TCP" : "SCTP";
}

/* TCP first, then by number. */
static int compare(const void *a, const void *b)
{
	const struct port *x = a, *y = b;

	if (x->proto != y->proto && x->proto == IPPROTO_TCP)
		return -1;
	if (x->proto != y->proto && y->proto == IPPROTO_TCP)
		return 1;
	if (x->proto != y->proto)
		return strcmp(lower(x->proto), lower(y->proto));
	return (int)x->number - (int)y->number;
}

static int read_ports(const struct texts *texts, struct arena *a, struct port **ret, size_t *ret_n)
{
	struct port *ports = arena_alloc_array(a, texts->n + 1, sizeof(*ports));
	size_t n = 0;

	if (!ports)
		return -ENOMEM;
	for (size_t i = 0; i < texts->n; i++)
		if (port_parse(texts->items[i], &ports[n].number, &ports[n].proto, NULL) == 0)
			n++;
	qsort(ports, n, sizeof(*ports), compare);
	*ret = ports;
	*ret_n = n;
	return 0;
}

/* ALIAS_PORT: the lowest number, TCP before UDP. */
static void put_first(struct env_writer *w, const struct port *ports, size_t n)
{
	const struct port *first = NULL;

	for (size_t i = 0; i < n; i++)
		if (!first || ports[i].number < first->number)
			first = &ports[i];
	if (first)
		put(w, arena_printf(w->a, "%s_PORT=%s://%s:%u", w->prefix, lower(first->proto),
				    w->address, first->number));
}

static void put_end(struct env_writer *w, const struct port *from, const struct port *p,
		    const char *end)
{
	put(w, arena_printf(w->a, "%s_PORT_%u_%s_%s=%s://%s:%u", w->prefix, from->number,
			    upper(from->proto), end, lower(p->proto), w->address, p->number));
}

/* Neighbouring ports of one protocol. */
static void put_rows(struct env_writer *w, const struct port *p, size_t n)
{
	for (size_t i = 0, last; i < n; i = last + 1) {
		last = i;
		while (last + 1 < n && p[last + 1].proto == p[i].proto &&
		       p[last + 1].number == p[last].number + 1)
			last++;
		if (last < i + 1)
			continue;
		put_end(w, &p[i], &p[i], "START");
		put(w, arena_printf(w->a, "%s_PORT_%u_%s_ADDR=%s", w->prefix, p[i].number,
				    upper(p[i].proto), w->address));
		put(w, arena_printf(w->a, "%s_PORT_%u_%s_PROTO=%s", w->prefix, p[i].number,
				    upper(p[i].proto), lower(p[i].proto)));
		put(w, arena_printf(w->a, "%s_PORT_%u_%s_PORT_START=%u", w->prefix, p[i].number,
				    upper(p[i].proto), p[i].number));
		put_end(w, &p[i], &p[last], "END");
		put(w, arena_printf(w->a, "%s_PORT_%u_%s_PORT_END=%u", w->prefix, p[i].number,
				    upper(p[i].proto), p[last].number));
	}
}

static void put_port(struct env_writer *w, const struct port *p)
{
	const char *key =
		arena_printf(w->a, "%s_PORT_%u_%s", w->prefix, p->number, upper(p->proto));

	if (!key) {
		w->failed = true;
		return;
	}
	put(w, arena_printf(w->a, "%s=%s://%s:%u", key, lower(p->proto), w->address, p->number));
	put(w, arena_printf(w->a, "%s_ADDR=%s", key, w->address));
	put(w, arena_printf(w->a, "%s_PORT=%u", key, p->number));
	put(w, arena_printf(w->a, "%s_PROTO=%s", key, lower(p->proto)));
}

static void put_own(struct env_writer *w, const struct texts *env)
{
	for (size_t i = 0; i < env->n; i++) {
		struct str value, key = str_cut(str_from(env->items[i]), '=', &value);

		if (key.n == strlen(env->items[i]) || str_eqz(key, "HOME") || str_eqz(key, "PATH"))
			continue;
		put(w, arena_printf(w->a, "%s_ENV_%s", w->prefix, env->items[i]));
	}
}

/* The alias in capitals, with no dashes. */
static char *prefix_of(const char *alias, struct arena *a)
{
	char *prefix = arena_strdup(a, alias);

	for (char *p = prefix; p && *p; p++) {
		if (*p >= 'a' && *p <= 'z')
			*p = (char)(*p - 'a' + 'A');
		else if (*p == '-')
			*p = '_';
	}
	return prefix;
}

int link_environment(const char *parent, const char *alias, const char *address,
		     const struct texts *ports, const struct texts *child_env, struct arena *a,
		     struct texts *env, size_t max)
{
	struct env_writer w = {.a = a, .env = env, .max = max, .address = address};
	struct port *list;
	size_t n;

	w.prefix = prefix_of(alias, a);
	if (!w.prefix || read_ports(ports, a, &list, &n) < 0)
		return -ENOMEM;
	put_first(&w, list, n);
	put_rows(&w, list, n);
	for (size_t i = 0; i < n; i++)
		put_port(&w, &list[i]);
	put(&w, arena_printf(a, "%s_NAME=/%s/%s", w.prefix, parent, alias));
	put_own(&w, child_env);
	return w.failed ? -ENOMEM : 0;
}
