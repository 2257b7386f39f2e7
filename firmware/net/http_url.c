/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Percent-decoding, query strings and absolute URLs. Nothing decodes to a NUL byte, so that a
 * decoded text is also a C string of the same length.
 */
#include "firmware/net/http.h"

#include <errno.h>
#include <stdio.h>

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* One decoded byte at *at, which moves on; -1 on a bad escape or NUL. */
static int next_byte(struct str in, bool form, size_t *at)
{
	unsigned char c = (unsigned char)in.p[*at];

	*at += 1;
	if (c == '%') {
		int hi, lo;

		if (in.n - *at < 2)
			return -1;
		hi = hex_value(in.p[*at]);
		lo = hex_value(in.p[*at + 1]);
		if (hi < 0 || lo < 0)
			return -1;
		*at += 2;
		c = (unsigned char)(hi << 4 | lo);
	} else if (c == '+' && form) {
		c = ' ';
	}
	return c == 0 ? -1 : c;
}

int http_percent_decode(struct str in, bool form, struct arena *a, struct str *ret)
{
	char *out = arena_alloc(a, in.n + 1);
	size_t n = 0;

	if (!out)
		return -ENOMEM;
	for (size_t at = 0; at < in.n;) {
		int c = next_byte(in, form, &at);

		if (c < 0)
			return -EINVAL;
		out[n++] = (char)c;
	}
	out[n] = '\0';
	*ret = str_span(out, n);
	return 0;
}

/* Does the encoded text equal key? Negative on a bad escape. */
static int key_equals(struct str in, const char *key)
{
	size_t n = strlen(key), i = 0;
	bool same = true;

	for (size_t at = 0; at < in.n; i++) {
		int c = next_byte(in, true, &at);

		if (c < 0)
			return -EINVAL;
		if (i >= n || (unsigned char)key[i] != c)
			same = false;
	}
	return same && i == n;
}

int http_query_get(struct str query, const char *key, size_t i, struct arena *a, struct str *ret)
{
	while (query.n > 0) {
		struct str rest = {NULL, 0}, value = {NULL, 0};
		struct str pair = str_cut(query, '&', &rest);
		struct str name = str_cut(pair, '=', &value);
		int r = key_equals(name, key);

		if (r < 0)
			return r;
		if (r > 0 && pair.n > 0 && i-- == 0)
			return http_percent_decode(value, true, a, ret);
		query = rest;
	}
	*ret = (struct str){NULL, 0};
	return 0;
}

static int refuse_escape(struct str in, struct err *e)
{
	char text[3 * 4 + 1];
	size_t n = 0;

	for (size_t i = 0; i < MIN(in.n, (size_t)3); i++) {
		unsigned char c = (unsigned char)in.p[i];
		bool plain = c >= ' ' && c < 0x7f;
		const char *form = !plain ? "\\x%02x" : c == '"' || c == '\\' ? "\\%c" : "%c";

		n += (size_t)snprintf(text + n, sizeof(text) - n, form, c);
	}
	return err_set(e, ERR_INVALID, "invalid URL escape \"%s\"", text);
}

static int check_escapes(struct str in, struct err *e)
{
	for (size_t i = 0; i < in.n; i++)
		if (in.p[i] == '%' &&
		    (in.n - i < 3 || hex_value(in.p[i + 1]) < 0 || hex_value(in.p[i + 2]) < 0 ||
		     (in.p[i + 1] == '0' && in.p[i + 2] == '0')))
			return refuse_escape(str_span(in.p + i, in.n - i), e);
	return 0;
}

int http_query_check(struct str query, struct err *e)
{
	while (query.n > 0) {
		struct str value = {NULL, 0}, pair = str_cut(query, '&', &query);
		struct str name = str_cut(pair, '=', &value);

		if (str_find(pair, ';') >= 0)
			return err_set(e, ERR_INVALID, "invalid semicolon separator in query");
		if (check_escapes(name, e) < 0 || check_escapes(value, e) < 0)
			return err_code(e);
	}
	return 0;
}

static bool is_host_char(char c, bool literal)
{
	if ((c >= '0' && c <= '9') || c == '.')
		return true;
	if (literal)
		return c == ':' || hex_value(c) >= 0;
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
}

static int parse_authority(struct str s, struct http_url *u, struct err *e)
{
	bool literal = s.n > 0 && s.p[0] == '[';
	struct str port = {NULL, 0};
	uint64_t number;
	ptrdiff_t end;

	if (literal) {
		end = str_find(s, ']');
		if (end < 0)
			return err_set(e, ERR_INVALID, "missing ']' in host");
		u->host = str_span(s.p + 1, (size_t)end - 1);
		port = str_span(s.p + end + 1, s.n - (size_t)end - 1);
	} else {
		end = str_find(s, ':');
		u->host = str_span(s.p, end < 0 ? s.n : (size_t)end);
		port = end < 0 ? port : str_span(s.p + end, s.n - (size_t)end);
	}
	if (u->host.n == 0 || u->host.n > 253)
		return err_set(e, ERR_INVALID, "no host in URL");
	for (size_t i = 0; i < u->host.n; i++)
		if (!is_host_char(u->host.p[i], literal))
			return err_set(e, ERR_INVALID, "invalid character in host name");
	u->port = u->tls ? 443 : 80;
	if (port.n == 0)
		return 0;
	port = str_span(port.p + 1, port.n - 1);
	if (port.p[-1] != ':' || str_to_u64(port, &number) < 0 || number == 0 || number > 65535)
		return err_set(e, ERR_INVALID, "invalid port in URL");
	u->port = (uint16_t)number;
	return 0;
}

/* Cuts "http://" or "https://" off text; 0, or -EINVAL when there is neither. */
static int cut_scheme(struct str *text, bool *ret_tls)
{
	size_t n = 7;
	bool tls = false;

	if (text->n >= 8 && str_ieqz(str_span(text->p, 8), "https://")) {
		n = 8;
		tls = true;
	} else if (text->n < 7 || !str_ieqz(str_span(text->p, 7), "http://"))
		return -EINVAL;
	*text = str_span(text->p + n, text->n - n);
	*ret_tls = tls;
	return 0;
}

static size_t authority_length(struct str s)
{
	size_t n = 0;

	while (n < s.n && s.p[n] != '/' && s.p[n] != '?' && s.p[n] != '#')
		n++;
	return n;
}

int http_url_parse(struct str text, struct http_url *ret, struct err *e)
{
	struct http_url u = {0};
	struct str rest = text;
	ptrdiff_t fragment;
	size_t n;
	int r;

	if (cut_scheme(&rest, &u.tls) < 0)
		return err_set(e, ERR_INVALID, "unsupported protocol scheme in URL");
	n = authority_length(rest);
	r = parse_authority(str_span(rest.p, n), &u, e);
	if (r < 0)
		return r;
	rest = str_span(rest.p + n, rest.n - n);
	fragment = str_find(rest, '#');
	if (fragment >= 0)
		rest.n = (size_t)fragment;
	for (size_t i = 0; i < rest.n; i++)
		if ((unsigned char)rest.p[i] <= 0x20 || (unsigned char)rest.p[i] >= 0x7f)
			return err_set(e, ERR_INVALID, "invalid character in URL");
	u.target = rest.n > 0 ? rest : STR("/");
	*ret = u;
	return 0;
}

/* Append path to out[at..] without its "." and ".." segments; out begins with '/'. */
static size_t put_path(char *out, struct str path)
{
	size_t n = 0;

	while (path.n > 0) {
		size_t len = 1;
		struct str seg;

		/* path stands at a '/' here */
		while (len < path.n && path.p[len] != '/')
			len++;
		seg = str_span(path.p + 1, len - 1);
		path = str_span(path.p + len, path.n - len);
		if (str_eqz(seg, "..")) {
			while (n > 0 && out[--n] != '/')
				;
		} else if (!str_eqz(seg, ".")) {
			memcpy(out + n, seg.p - 1, len);
			n += len;
			continue;
		}
		if (path.n == 0)
			out[n++] = '/'; /* a final dot segment leaves its slash */
	}
	if (n == 0)
		out[n++] = '/';
	return n;
}

/* Path (with the query cut off into *ret_query, '?' included) of what follows the authority. */
static struct str split_query(struct str s, struct str *ret_query)
{
	ptrdiff_t q = str_find(s, '?');

	*ret_query = q < 0 ? str_span(s.p, 0) : str_span(s.p + q, s.n - (size_t)q);
	return q < 0 ? s : str_span(s.p, (size_t)q);
}

/* A path relative to base_path, joined and cleaned into out; returns its length. */
static size_t join_path(struct str base_path, struct str path, char *scratch, char *out)
{
	struct str dir = base_path;
	size_t n = 0;

	if (path.n > 0)
		dir.n = path.p[0] == '/' ? 0 : (size_t)(str_rfind(base_path, '/') + 1);
	if (dir.n == 0 && (path.n == 0 || path.p[0] != '/'))
		scratch[n++] = '/';
	if (dir.n > 0)
		memcpy(scratch + n, dir.p, dir.n);
	n += dir.n;
	if (path.n > 0)
		memcpy(scratch + n, path.p, path.n);
	return put_path(out, str_span(scratch, n + path.n));
}

static struct str without_fragment(struct str s)
{
	ptrdiff_t at = str_find(s, '#');

	return at < 0 ? s : str_span(s.p, (size_t)at);
}

/* location against a valid base, into out; scratch is as large. Returns the length. */
static size_t resolve(struct str base, struct str location, char *scratch, char *out)
{
	struct str rest = base, absolute = location, query, base_query, base_path;
	bool tls = false;
	size_t n;

	if (cut_scheme(&absolute, &tls) == 0) {
		memcpy(out, location.p, location.n);
		return location.n;
	}
	(void)cut_scheme(&rest, &tls);
	n = base.n - rest.n;
	if (location.n >= 2 && location.p[0] == '/' && location.p[1] == '/') {
		memcpy(out, base.p, n);
		memcpy(out + n, location.p + 2, location.n - 2);
		return n + location.n - 2;
	}
	n += authority_length(rest);
	base_path = split_query(str_span(base.p + n, base.n - n), &base_query);
	memcpy(out, base.p, n);
	if (location.n == 0) /* the base itself */
		location = base_query;
	n += join_path(base_path, split_query(location, &query), scratch, out + n);
	if (query.n > 0)
		memcpy(out + n, query.p, query.n);
	return n + query.n;
}

int http_url_resolve(struct str base, struct str location, struct arena *a, struct str *ret,
		     struct err *e)
{
	size_t n, most = base.n + location.n + 16;
	char *scratch, *out;
	struct http_url u;
	int r = http_url_parse(base, &u, e);

	if (r < 0)
		return r;
	scratch = arena_alloc(a, most);
	out = arena_alloc(a, most);
	if (!out || !scratch)
		return err_set(e, ERR_UNAVAILABLE, "no memory for a URL");
	n = resolve(without_fragment(base), without_fragment(location), scratch, out);
	out[n] = '\0';
	r = http_url_parse(str_span(out, n), &u, e);
	if (r < 0)
		return err_wrap(e, "bad Location");
	*ret = str_span(out, n);
	return 0;
}
