/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/container/log_address.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "firmware/core/str.h"

#define PORT 514
#define SUN_PATH_MAX 107

static const struct {
	const char *prefix;
	enum log_scheme scheme;
} schemes[] = {
	{"unix://", LOG_SCHEME_UNIX},	{"unixgram://", LOG_SCHEME_UNIXGRAM},
	{"udp://", LOG_SCHEME_UDP},	{"tcp://", LOG_SCHEME_TCP},
	{"tcp+tls://", LOG_SCHEME_TLS},
};

static int check_path(const char *path, struct err *e)
{
	struct stat st;
	const char *why;

	if (strlen(path) > SUN_PATH_MAX)
		return err_set(e, ERR_INVALID, "the path of a socket is too long: %s", path);
	if (stat(path, &st) == 0)
		return 0;
	why = strerror(errno);
	return err_set(e, ERR_INVALID, "stat %s: %c%s", path, tolower((unsigned char)why[0]),
		       why + 1);
}

/* host, host:port, [v6]:port; what a path after it says is of no use to anyone. */
static int parse_host(const char *text, struct str at, struct log_address *a, struct err *e)
{
	struct str host = str_cut(at, '/', &at), port = STR("");
	ptrdiff_t colon;
	uint64_t number = PORT;

	if (host.n && host.p[0] == '[') {
		colon = str_find(host, ']');
		if (colon < 0)
			return err_set(e, ERR_INVALID, "parse \"%s\": missing ']' in host", text);
		port = str_span(host.p + colon + 1, host.n - (size_t)colon - 1);
		host = str_span(host.p + 1, (size_t)colon - 1);
	} else if ((colon = str_rfind(host, ':')) >= 0) {
		port = str_span(host.p + colon, host.n - (size_t)colon);
		host.n = (size_t)colon;
		if (str_find(host, ':') >= 0)
			return err_set(e, ERR_INVALID, "address %s: too many colons in address",
				       text);
	}
	if (port.n && (port.p[0] != ':' ||
		       (port.n > 1 && (str_to_u64(str_span(port.p + 1, port.n - 1), &number) < 0 ||
				       number > UINT16_MAX))))
		return err_set(e, ERR_INVALID,
			       "parse \"%s\": invalid port \"" STR_FMT "\" after host", text,
			       STR_ARG(port));
	if (!host.n)
		host = STR("127.0.0.1");
	a->port = (uint16_t)number;
	if (!str_copy(a->host, sizeof(a->host), host))
		return err_set(e, ERR_INVALID, "the host's name is too long: %s", text);
	return 0;
}

int log_address_parse(const char *text, struct log_address *ret, struct err *e)
{
	struct log_address a = {.scheme = LOG_SCHEME_LOCAL};
	struct str at;
	int r;

	if (!text || !*text) {
		*ret = a;
		return 0;
	}
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]) && !a.scheme; i++) {
		if (strz_starts(text, schemes[i].prefix)) {
			a.scheme = schemes[i].scheme;
			at = str_from(text + strlen(schemes[i].prefix));
		}
	}
	if (!a.scheme) {
		const char *colon = strstr(text, ":");

		return err_set(e, ERR_INVALID, "unsupported scheme: '%.*s'",
			       colon ? (int)(colon - text) : 0, text);
	}
	if (a.scheme == LOG_SCHEME_UNIX || a.scheme == LOG_SCHEME_UNIXGRAM) {
		if (!str_copy(a.host, sizeof(a.host), at))
			return err_set(e, ERR_INVALID, "the path of a socket is too long: %s",
				       text);
		r = check_path(a.host, e);
	} else {
		r = parse_host(text, at, &a, e);
	}
	if (r == 0)
		*ret = a;
	return r;
}
