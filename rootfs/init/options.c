/* SPDX-License-Identifier: Apache-2.0 */
#include "rootfs/init/options.h"

#include <errno.h>

#include "firmware/core/config.h"

bool options_is_hostname(struct str s)
{
	if (s.n == 0 || s.n > OPTIONS_NAME_MAX)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		bool plain =
			(c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');

		if (!plain && ((c != '-' && c != '.') || i == 0 || i == s.n - 1))
			return false;
	}
	return true;
}

int options_ipv4(struct str s, uint32_t *ret)
{
	uint32_t address = 0;

	for (int i = 0; i < 4; i++) {
		struct str part = s;
		uint64_t v;

		if (i < 3) {
			ptrdiff_t dot = str_find(s, '.');

			if (dot < 0)
				return -EINVAL;
			part = str_span(s.p, (size_t)dot);
			s = str_span(s.p + dot + 1, s.n - (size_t)dot - 1);
		}
		if (part.n > 3 || str_to_u64(part, &v) < 0 || v > 255)
			return -EINVAL;
		address = address << 8 | (uint32_t)v;
	}
	*ret = address;
	return 0;
}

/* ADDRESS/PREFIX[,GATEWAY[,DNS]...]; a gateway may be left empty. */
static int take_static(struct init_options *o, struct str v)
{
	struct str rest, prefix, address = str_cut(v, ',', &rest);
	uint32_t ip, gateway = 0, dns[OPTIONS_DNS_MAX];
	unsigned n_dns = 0;
	uint64_t bits = 24;
	struct str first;

	first = str_cut(address, '/', &prefix);
	if (options_ipv4(first, &ip) < 0 || ip == 0)
		return -EINVAL;
	if (prefix.n > 0 && (str_to_u64(prefix, &bits) < 0 || bits < 1 || bits > 32))
		return -EINVAL;
	first = str_cut(rest, ',', &rest);
	if (first.n > 0 && options_ipv4(first, &gateway) < 0)
		return -EINVAL;
	while (rest.n > 0) {
		first = str_cut(rest, ',', &rest);
		if (n_dns == OPTIONS_DNS_MAX || options_ipv4(first, &dns[n_dns++]) < 0)
			return -EINVAL;
	}
	o->network = NETWORK_STATIC;
	o->address = ip;
	o->prefix = (unsigned)bits;
	o->gateway = gateway;
	o->n_dns = n_dns;
	if (n_dns > 0)
		memcpy(o->dns, dns, n_dns * sizeof(dns[0]));
	return 0;
}

static int take_ip(struct init_options *o, const char *v)
{
	if (!strcmp(v, "dhcp"))
		o->network = NETWORK_DHCP;
	else if (!strcmp(v, "none"))
		o->network = NETWORK_NONE;
	else
		return take_static(o, str_from(v));
	return 0;
}

static int take_hostname(struct init_options *o, const char *v)
{
	if (!options_is_hostname(str_from(v)))
		return -EINVAL;
	return str_copy(o->hostname, sizeof(o->hostname), str_from(v)) ? 0 : -EINVAL;
}

static int take_disk(struct init_options *o, const char *v)
{
	if (strz_starts(v, "/dev/"))
		v += 5;
	if (!*v || strlen(v) > 32 || strchr(v, '/') || v[0] == '.')
		return -EINVAL;
	o->disk = v;
	return 0;
}

static int take_vsock(struct init_options *o, const char *v)
{
	uint64_t port;

	if (!strcmp(v, "off")) {
		o->vsock = 0;
		return 0;
	}
	if (str_to_u64(str_from(v), &port) < 0 || port == 0 || port >= UINT32_MAX)
		return -EINVAL;
	o->vsock = (uint32_t)port;
	return 0;
}

static int take_level(struct init_options *o, const char *v)
{
	static const char *const levels[] = {"debug", "info", "warn", "error", "fatal"};

	for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
		if (!strcmp(v, levels[i])) {
			o->level = levels[i];
			return 0;
		}
	}
	return -EINVAL;
}

static int take_arg(struct init_options *o, const char *v)
{
	if (!*v || o->n_args == OPTIONS_ARGS_MAX)
		return -EINVAL;
	o->args[o->n_args++] = v;
	return 0;
}

static int take_memory(struct init_options *o, const char *v UNUSED)
{
	o->memory = true;
	return 0;
}

static int take_debug(struct init_options *o, const char *v UNUSED)
{
	o->level = "debug";
	return 0;
}

static int take_shell(struct init_options *o, const char *v UNUSED)
{
	o->shell = true;
	return 0;
}

static const struct {
	const char *name;
	bool has_value;
	int (*take)(struct init_options *o, const char *v);
} words[] = {
	{"arg", true, take_arg},	{"debug", false, take_debug},
	{"disk", true, take_disk},	{"hostname", true, take_hostname},
	{"ip", true, take_ip},		{"log", true, take_level},
	{"memory", false, take_memory}, {"shell", false, take_shell},
	{"vsock", true, take_vsock},
};

static bool take(struct init_options *o, const char *word)
{
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		size_t n = strlen(words[i].name);

		if (strncmp(word, words[i].name, n) || word[n] != (words[i].has_value ? '=' : '\0'))
			continue;
		return words[i].take(o, word + n + words[i].has_value) == 0;
	}
	return false;
}

void options_parse(struct init_options *o, struct str line,
		   void (*wrong)(const char *word, void *arg), void *arg)
{
	size_t at = 0, start = 0;
	bool quoted = false;

	memset(o, 0, sizeof(*o));
	o->vsock = CONFIG_INIT_VSOCK_PORT;
	/* As the kernel reads it: blanks part words unless quoted, and quotes are left out. */
	for (size_t i = 0; i <= line.n && at < sizeof(o->text); i++) {
		char c = i < line.n ? line.p[i] : '\0';

		if (c == '"') {
			quoted = !quoted;
			continue;
		}
		if (c && (quoted || (unsigned char)c > ' ')) {
			o->text[at++] = c;
			continue;
		}
		o->text[at++] = '\0';
		if (strz_starts(o->text + start, "serin.") && !take(o, o->text + start + 6) &&
		    wrong)
			wrong(o->text + start, arg);
		start = at;
		if (!c)
			break;
	}
	o->text[sizeof(o->text) - 1] = '\0';
}
