/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/net/http_proxy.h"

#include <arpa/inet.h>
#include <stdlib.h>

#include "firmware/core/buf.h"
#include "firmware/fmt/base64.h"

struct address {
	unsigned char bytes[16];
	size_t n; /* 4, 16, or 0 for a name */
};

static struct address parse_address(struct str s)
{
	struct address a = {.n = 0};
	char text[64];

	if (!str_copy(text, sizeof(text), s))
		return a;
	if (inet_pton(AF_INET, text, a.bytes) == 1)
		a.n = 4;
	else if (inet_pton(AF_INET6, text, a.bytes) == 1)
		a.n = 16;
	return a;
}

static bool in_network(const struct address *a, struct str entry)
{
	struct str bits = {NULL, 0};
	struct address net = parse_address(str_cut(entry, '/', &bits));
	uint64_t n = 0;

	if (a->n == 0 || net.n != a->n || str_to_u64(bits, &n) < 0 || n > net.n * 8)
		return false;
	for (size_t i = 0; i < n; i++)
		if ((a->bytes[i / 8] ^ net.bytes[i / 8]) & (0x80 >> i % 8))
			return false;
	return true;
}

/* "host", ".domain", "*.domain" and "domain" (with all below it), each with an optional port. */
static bool entry_names(struct str entry, struct str host, uint16_t port)
{
	ptrdiff_t colon = str_rfind(entry, ':');
	struct str tail;
	uint64_t number;

	if (colon >= 0 && parse_address(entry).n == 0) {
		if (str_to_u64(str_span(entry.p + colon + 1, entry.n - (size_t)colon - 1),
			       &number) < 0 ||
		    number != port)
			return false;
		entry.n = (size_t)colon;
	}
	if (str_starts(entry, "*."))
		entry = str_span(entry.p + 1, entry.n - 1);
	if (entry.n > 0 && entry.p[0] != '.' && str_ieq(entry, host))
		return true;
	if (entry.n > 0 && entry.p[0] == '.')
		entry = str_span(entry.p + 1, entry.n - 1);
	if (entry.n == 0 || host.n <= entry.n)
		return false;
	tail = str_span(host.p + (host.n - entry.n), entry.n);
	return str_ieq(tail, entry) && tail.p[-1] == '.';
}

bool http_proxy_excluded(struct str list, struct str host, uint16_t port)
{
	struct address a = parse_address(host);

	while (list.n > 0) {
		struct str rest = {NULL, 0};
		struct str entry = str_trim(str_cut(list, ',', &rest));

		if (str_eqz(entry, "*"))
			return true;
		if (str_find(entry, '/') >= 0 ? in_network(&a, entry)
					      : entry_names(entry, host, port))
			return true;
		list = rest;
	}
	return false;
}

static struct str from_env(const char *upper, const char *lower)
{
	const char *v = getenv(upper);

	return str_from(v && *v ? v : getenv(lower));
}

/* "user:password" as it stands in the URL, to a Basic credential. */
static int set_authorization(struct http_proxy *p, struct str user, struct err *e)
{
	struct arena a;
	struct str plain = {NULL, 0};
	struct buf out;
	int r;

	arena_open_heap(&a, 4096);
	buf_init_fixed(&out, p->authorization, sizeof(p->authorization));
	r = http_percent_decode(user, false, &a, &plain);
	buf_puts(&out, "Basic ");
	if (r == 0)
		base64_encode(&out, plain.p, plain.n);
	arena_done(&a);
	if (r < 0 || out.failed)
		return err_set(e, ERR_INVALID, "bad credentials in the proxy's URL");
	return 0;
}

static int parse_proxy(struct str text, struct http_proxy *ret, struct err *e)
{
	struct http_url u = {0};
	char plain[512];
	struct buf b;
	ptrdiff_t at;
	int r;

	buf_init_fixed(&b, plain, sizeof(plain));
	buf_puts(&b, "http://");
	if (str_starts(text, "http://"))
		text = str_span(text.p + 7, text.n - 7);
	else if (memmem(text.p, text.n, "://", 3))
		return err_set(e, ERR_INVALID, "only http:// proxies are supported");
	at = str_rfind(text, '@');
	if (at >= 0) {
		r = set_authorization(ret, str_span(text.p, (size_t)at), e);
		if (r < 0)
			return r;
		text = str_span(text.p + at + 1, text.n - (size_t)at - 1);
	}
	buf_put_str(&b, text);
	if (b.failed)
		return err_set(e, ERR_INVALID, "the proxy's URL is too long");
	r = http_url_parse(buf_str(&b), &u, e);
	if (r < 0)
		return err_wrap(e, "proxy");
	if (!str_copy(ret->host, sizeof(ret->host), u.host))
		return err_set(e, ERR_INVALID, "the proxy's name is too long");
	ret->port = u.port;
	ret->used = true;
	return 0;
}

static bool is_local(struct str host)
{
	struct address a = parse_address(host);
	static const unsigned char loopback6[16] = {[15] = 1};

	if (a.n == 4)
		return a.bytes[0] == 127;
	if (a.n == 16)
		return memcmp(a.bytes, loopback6, 16) == 0;
	return str_ieqz(host, "localhost");
}

int http_proxy_find(const struct http_url *url, struct http_proxy *ret, struct err *e)
{
	struct str proxy = url->tls ? from_env("HTTPS_PROXY", "https_proxy")
				    : from_env("HTTP_PROXY", "http_proxy");

	memset(ret, 0, sizeof(*ret));
	if (proxy.n == 0 || is_local(url->host) ||
	    http_proxy_excluded(from_env("NO_PROXY", "no_proxy"), url->host, url->port))
		return 0;
	return parse_proxy(proxy, ret, e);
}
