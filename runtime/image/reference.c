/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reference grammar, read by hand from left to right: one scanner for each production, each
 * returning how many bytes it took (0: no match). Normalisation comes first, as in the engine, so
 * that what is checked is always domain/path[:tag][@digest].
 */
#include "runtime/image/reference.h"

#include <stdio.h>

#define DEFAULT_DOMAIN "docker.io"
#define LEGACY_DOMAIN "index.docker.io"
#define OFFICIAL "library/"

static bool is_lower(char c)
{
	return c >= 'a' && c <= 'z';
}
static bool is_upper(char c)
{
	return c >= 'A' && c <= 'Z';
}
static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}
static bool is_alnum(char c)
{
	return is_lower(c) || is_upper(c) || is_digit(c);
}

static int bad_format(struct err *e)
{
	return err_set(e, ERR_INVALID, "invalid reference format");
}

/* [a-z0-9]+ ((. | _ | __ | -+) [a-z0-9]+)* */
static size_t scan_component(const char *p, size_t n)
{
	size_t i = 0;

	for (;;) {
		size_t start = i, sep;

		while (i < n && (is_lower(p[i]) || is_digit(p[i])))
			i++;
		if (i == start)
			return 0;
		sep = i;
		if (i < n && p[i] == '.') {
			i++;
		} else if (i < n && p[i] == '_') {
			i++;
			if (i < n && p[i] == '_')
				i++;
		} else {
			while (i < n && p[i] == '-')
				i++;
		}
		if (i == sep)
			return i;
	}
}

static bool path_valid(struct str path)
{
	size_t i = 0;

	for (;;) {
		size_t took = scan_component(path.p + i, path.n - i);

		if (!took)
			return false;
		i += took;
		if (i == path.n)
			return true;
		if (path.p[i] != '/')
			return false;
		i++;
	}
}

/* Labels of letters, digits and inner hyphens between dots, or [IPv6]; then perhaps :port. */
static bool domain_valid(struct str d)
{
	size_t i = 0;

	if (i < d.n && d.p[i] == '[') {
		size_t start = ++i;

		while (i < d.n &&
		       (d.p[i] == ':' || is_digit(d.p[i]) || (d.p[i] >= 'a' && d.p[i] <= 'f') ||
			(d.p[i] >= 'A' && d.p[i] <= 'F')))
			i++;
		if (i == start || i == d.n || d.p[i] != ']')
			return false;
		i++;
	} else {
		for (;;) {
			size_t start = i;

			while (i < d.n && (is_alnum(d.p[i]) || d.p[i] == '-'))
				i++;
			if (i == start || d.p[start] == '-' || d.p[i - 1] == '-')
				return false;
			if (i == d.n || d.p[i] != '.')
				break;
			i++;
		}
	}
	if (i == d.n)
		return true;
	if (d.p[i++] != ':' || i == d.n)
		return false;
	while (i < d.n && is_digit(d.p[i]))
		i++;
	return i == d.n;
}

static bool tag_valid(struct str t)
{
	if (!t.n || t.n >= REFERENCE_TAG_MAX)
		return false;
	for (size_t i = 0; i < t.n; i++) {
		char c = t.p[i];

		if (!is_alnum(c) && c != '_' && (i == 0 || (c != '.' && c != '-')))
			return false;
	}
	return true;
}

static bool has_upper(struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		if (is_upper(s.p[i]))
			return true;
	}
	return false;
}

/* The first component is a domain when it could not be a user's name. */
static bool looks_like_domain(struct str s)
{
	return str_eqz(s, "localhost") || str_find(s, '.') >= 0 || str_find(s, ':') >= 0 ||
	       has_upper(s);
}

static bool looks_like_id(struct str s)
{
	return s.n == DIGEST_HEX && str_is_hex(s) && !has_upper(s);
}

static void split_domain(struct str text, struct str *ret_domain, struct str *ret_rest)
{
	struct str rest, first = str_cut(text, '/', &rest);

	*ret_domain = STR(DEFAULT_DOMAIN);
	*ret_rest = text;
	if (first.n == text.n || !looks_like_domain(first))
		return;
	*ret_rest = rest;
	if (!str_eqz(first, LEGACY_DOMAIN))
		*ret_domain = first;
}

int reference_parse(struct str text, struct reference *ret, struct err *e)
{
	struct reference r = {0};
	struct str domain, rest, name, tail, tag = {0};
	bool official;
	ptrdiff_t at, colon;
	int rc;

	if (looks_like_id(text))
		return err_set(e, ERR_INVALID,
			       "invalid repository name (" STR_FMT
			       "), cannot specify 64-byte hexadecimal strings",
			       STR_ARG(text));
	if (!text.n || text.n >= REFERENCE_TEXT_MAX || memchr(text.p, 0, text.n))
		return bad_format(e);
	split_domain(text, &domain, &rest);
	at = str_find(rest, '@');
	tail = at >= 0 ? str_span(rest.p + at + 1, rest.n - (size_t)at - 1) : (struct str){0};
	name = at >= 0 ? str_span(rest.p, (size_t)at) : rest;
	colon = str_find(name, ':');
	if (colon >= 0) {
		tag = str_span(name.p + colon + 1, name.n - (size_t)colon - 1);
		name.n = (size_t)colon;
		if (!tag_valid(tag))
			return bad_format(e);
	}
	official = str_eqz(domain, DEFAULT_DOMAIN) && str_find(name, '/') < 0;
	if (has_upper(name))
		return err_set(e, ERR_INVALID,
			       "invalid reference format: repository name (%s" STR_FMT
			       ") must be lowercase",
			       official ? OFFICIAL : "", STR_ARG(name));
	if (!path_valid(name) || !domain_valid(domain))
		return bad_format(e);
	if (name.n + (official ? sizeof(OFFICIAL) - 1 : 0) >= REFERENCE_PATH_MAX ||
	    !str_copy(r.domain, sizeof(r.domain), domain))
		return err_set(e, ERR_INVALID,
			       "invalid reference format: repository name must not be more than %d "
			       "characters",
			       REFERENCE_PATH_MAX - 1);
	snprintf(r.path, sizeof(r.path), "%s" STR_FMT, official ? OFFICIAL : "", STR_ARG(name));
	if (tag.n && !str_copy(r.tag, sizeof(r.tag), tag))
		return bad_format(e);
	if (at >= 0) {
		rc = digest_parse(tail, &r.digest, e);
		if (rc < 0)
			return bad_format(e);
	}
	*ret = r;
	return 0;
}

int reference_set_tag(struct reference *r, struct str tag_or_digest, struct err *e)
{
	if (str_find(tag_or_digest, ':') >= 0)
		return digest_parse(tag_or_digest, &r->digest, e);
	if (!tag_valid(tag_or_digest))
		return err_set(e, ERR_INVALID, "invalid tag format");
	if (!str_copy(r->tag, sizeof(r->tag), tag_or_digest))
		return err_set(e, ERR_INVALID, "invalid tag format");
	return 0;
}

void reference_default_tag(struct reference *r)
{
	if (!r->tag[0] && !r->digest.text[0])
		snprintf(r->tag, sizeof(r->tag), "latest");
}

void reference_familiar_name(const struct reference *r, char out[REFERENCE_TEXT_MAX])
{
	const char *path = r->path;
	struct str rest, first = str_cut(str_from(path), '/', &rest);

	/* A first component that would be read as a domain keeps the real one before it. */
	if (strcmp(r->domain, DEFAULT_DOMAIN) || (rest.n && looks_like_domain(first))) {
		snprintf(out, REFERENCE_TEXT_MAX, "%s/%s", r->domain, path);
		return;
	}
	/* library/ is implied before one component, unless that alone would be read as an ID. */
	if (str_eqz(first, "library") && str_find(rest, '/') < 0 && !looks_like_id(rest))
		path = rest.p;
	snprintf(out, REFERENCE_TEXT_MAX, "%s", path);
}

static void put_suffix(const struct reference *r, char out[REFERENCE_TEXT_MAX])
{
	size_t n = strlen(out);

	snprintf(out + n, REFERENCE_TEXT_MAX - n, "%s%s%s%s", r->tag[0] ? ":" : "", r->tag,
		 r->digest.text[0] ? "@" : "", r->digest.text);
}

void reference_familiar(const struct reference *r, char out[REFERENCE_TEXT_MAX])
{
	reference_familiar_name(r, out);
	put_suffix(r, out);
}

void reference_canonical(const struct reference *r, char out[REFERENCE_TEXT_MAX])
{
	snprintf(out, REFERENCE_TEXT_MAX, "%s/%s", r->domain, r->path);
	put_suffix(r, out);
}
