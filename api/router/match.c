/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Matching of paths: the version prefix and the patterns of the route table.
 */
#include <ctype.h>
#include <errno.h>

#include "api/router/route.h"

/* How a version compares with 1.minor: its numbers in turn, missing ones being 0. */
static int compare(struct str version, unsigned minor)
{
	const uint64_t other[] = {1, minor};

	for (size_t i = 0; version.n || i < ARRAY_LEN(other); i++) {
		struct str part = str_cut(version, '.', &version);
		uint64_t theirs = i < ARRAY_LEN(other) ? other[i] : 0, ours = 0;

		if (part.n && str_to_u64(part, &ours) < 0)
			return 1; /* more than any number */
		if (ours != theirs)
			return ours > theirs ? 1 : -1;
	}
	return 0;
}

int route_cut_version(struct str *path, unsigned *ret_minor, bool *ret_plain, struct err *e)
{
	struct str version, rest;
	uint64_t minor = 0;

	*ret_minor = API_MINOR_NEWEST;
	*ret_plain = false;
	if (!str_starts(*path, "/v"))
		return 0;
	version = str_span(path->p + 2, 0);
	while (version.n + 2 < path->n &&
	       (isdigit((unsigned char)version.p[version.n]) || version.p[version.n] == '.'))
		version.n++;
	if (!version.n || version.n + 2 >= path->n || version.p[version.n] != '/')
		return 0;
	*path = str_span(version.p + version.n, path->n - 2 - version.n);
	if (compare(version, API_MINOR_NEWEST) > 0)
		return err_set(e, ERR_INVALID,
			       "client version " STR_FMT
			       " is too new. Maximum supported API version is %s",
			       STR_ARG(version), CONFIG_API_VERSION);
	if (compare(version, API_MINOR_OLDEST) < 0) {
		*ret_plain = true;
		return err_set(e, ERR_INVALID,
			       "client version " STR_FMT
			       " is too old. Minimum supported API version is %s, please upgrade "
			       "your client to a newer version",
			       STR_ARG(version), CONFIG_API_VERSION_MIN);
	}
	str_cut(version, '.', &rest);
	if (str_to_u64(str_cut(rest, '.', &rest), &minor) == 0)
		*ret_minor = (unsigned)minor;
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
