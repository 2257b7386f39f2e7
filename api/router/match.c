/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Matching of paths: the version prefix and the patterns of the route table.
 */
#include <ctype.h>
#include <errno.h>

#include "api/router/route.h"

static size_t digits(struct str s)
{
	size_t n = 0;

	while (n < s.n && isdigit((unsigned char)s.p[n]))
		n++;
	return n;
}

int route_cut_version(struct str *path, unsigned *ret_minor, bool *ret_plain, struct err *e)
{
	struct str p = *path, major, minor;
	uint64_t a, b;
	size_t n, k;

	*ret_minor = API_MINOR_NEWEST;
	*ret_plain = false;
	if (!str_starts(p, "/v"))
		return 0;
	p = str_span(p.p + 2, p.n - 2);
	n = digits(p);
	if (!n || n >= p.n || p.p[n] != '.')
		return 0;
	k = digits(str_span(p.p + n + 1, p.n - n - 1));
	if (!k || n + 1 + k >= p.n || p.p[n + 1 + k] != '/')
		return 0;
	major = str_span(p.p, n);
	minor = str_span(p.p + n + 1, k);
	path->p = p.p + n + 1 + k;
	path->n = p.n - (n + 1 + k);
	if (str_to_u64(major, &a) < 0 || str_to_u64(minor, &b) < 0 || a > 1 ||
	    (a == 1 && b > API_MINOR_NEWEST))
		return err_set(e, ERR_INVALID,
			       "client version " STR_FMT "." STR_FMT
			       " is too new. Maximum supported API version is %s",
			       STR_ARG(major), STR_ARG(minor), CONFIG_API_VERSION);
	if (a < 1 || b < API_MINOR_OLDEST) {
		*ret_plain = true;
		return err_set(e, ERR_INVALID,
			       "client version " STR_FMT "." STR_FMT
			       " is too old. Minimum supported API version is %s, please upgrade "
			       "your client to a newer version",
			       STR_ARG(major), STR_ARG(minor), CONFIG_API_VERSION_MIN);
	}
	*ret_minor = (unsigned)b;
	return 0;
}

/* The first place of the fixed text `tail` that ends the path, for a parameter that may hold
 * slashes. */
static bool match_wide(struct str path, const char *tail, struct str *ret)
{
	size_t n = strlen(tail);

	if (path.n <= n || memcmp(path.p + path.n - n, tail, n) != 0)
		return false;
	*ret = str_span(path.p, path.n - n);
	return ret->p[0] != '/';
}

static bool match(const struct route *r, struct str path, struct str params[ROUTE_PARAMS_MAX])
{
	const char *p = r->pattern;
	size_t i = 0, n = 0;

	while (*p) {
		if (*p == '{') {
			const char *end = strchr(p, '}');
			size_t start = i;

			if (end[-1] == '*')
				return match_wide(str_span(path.p + i, path.n - i), end + 1,
						  &params[n]);
			while (i < path.n && path.p[i] != '/')
				i++;
			if (i == start)
				return false;
			params[n++] = str_span(path.p + start, i - start);
			p = end + 1;
		} else {
			if (i >= path.n || path.p[i] != *p)
				return false;
			i++;
			p++;
		}
	}
	return i == path.n || ((r->flags & ROUTE_PREFIX) && path.p[i] == '/');
}

const struct route *route_find(struct str method, struct str path, struct arena *a,
			       const char *params[ROUTE_PARAMS_MAX])
{
	for (size_t i = 0; i < route_count; i++) {
		const struct route *r = &route_table[i];
		struct str found[ROUTE_PARAMS_MAX] = {{0}};

		if (*r->method != '*' && !str_eqz(method, r->method))
			continue;
		if (!match(r, path, found))
			continue;
		for (size_t k = 0; a && k < ROUTE_PARAMS_MAX; k++) {
			params[k] = found[k].p ? arena_strndup(a, found[k].p, found[k].n) : NULL;
			if (found[k].p && !params[k])
				return NULL;
		}
		return r;
	}
	return NULL;
}
