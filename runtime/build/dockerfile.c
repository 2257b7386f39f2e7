/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines to instructions. A line that ends with the escape character, blanks behind it or not, goes
 * on in the next; comments and empty lines in between do not count. Directives ("# escape=`") stand
 * before everything else.
 */
#include "runtime/build/dockerfile.h"

#include <errno.h>

#include "firmware/core/buf.h"
#include "firmware/core/config.h"

struct source {
	struct str rest;
	unsigned line; /* number of the line taken last */
	char escape;
	bool directives; /* they may still come */
	bool escape_seen;
};

static int no_memory(struct err *e)
{
	return err_set(e, ERR_UNAVAILABLE, "no memory for the Dockerfile");
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

static struct str trim_left(struct str s)
{
	while (s.n && is_blank(*s.p)) {
		s.p++;
		s.n--;
	}
	return s;
}

static struct str trim(struct str s)
{
	s = trim_left(s);
	while (s.n && is_blank(s.p[s.n - 1]))
		s.n--;
	return s;
}

static struct str next_line(struct source *s)
{
	struct str line = str_cut(s->rest, '\n', &s->rest);

	s->line++;
	if (line.n && line.p[line.n - 1] == '\r')
		line.n--;
	return line;
}

/* "# name=value": of all directives only escape concerns us. */
static int read_directive(struct source *s, struct str line, struct err *e)
{
	struct str value, name;

	if (!s->directives)
		return 0;
	line = trim(line);
	if (!line.n || *line.p != '#' || str_find(line, '=') < 0) {
		s->directives = false;
		return 0;
	}
	name = trim(str_cut(str_span(line.p + 1, line.n - 1), '=', &value));
	value = trim(value);
	if (!name.n || str_find(name, ' ') >= 0) {
		s->directives = false;
		return 0;
	}
	if (!str_ieqz(name, "escape"))
		return 0;
	if (s->escape_seen)
		return err_set(e, ERR_INVALID, "only one escape parser directive can be used");
	if (!str_eqz(value, "\\") && !str_eqz(value, "`"))
		return err_set(e, ERR_INVALID, "invalid escape token '%.*s' does not match ` or \\",
			       (int)MIN(value.n, (size_t)64), value.p);
	s->escape = *value.p;
	s->escape_seen = true;
	return 0;
}

/* Cut the escape character off the end; one that is escaped itself is none. */
static bool continues(const struct source *s, struct str *line)
{
	struct str cut = *line;

	while (cut.n && (cut.p[cut.n - 1] == ' ' || cut.p[cut.n - 1] == '\t'))
		cut.n--;
	if (!cut.n || cut.p[cut.n - 1] != s->escape || (cut.n > 1 && cut.p[cut.n - 2] == s->escape))
		return false;
	cut.n--;
	*line = cut;
	return true;
}

/* The next line that is not empty and no comment, continuations joined. 0 at the end. */
static int next_statement(struct source *s, struct buf *out, unsigned *ret_line, struct err *e)
{
	bool more = true, begun = false;

	buf_reset(out);
	while (more && s->rest.n) {
		struct str line = next_line(s), bare = trim_left(line);

		if (!begun && read_directive(s, line, e) < 0)
			return err_code(e);
		if (!trim(bare).n || *bare.p == '#')
			continue;
		s->directives = false;
		if (!begun) {
			*ret_line = s->line;
			line = bare;
		}
		begun = true;
		more = continues(s, &line);
		buf_put_str(out, line);
	}
	if (out->failed)
		return no_memory(e);
	return begun;
}

/* --- one instruction --- */

/* A flag ends at a blank that is neither quoted nor escaped; quotes go. */
static int take_flag(struct str *rest, char escape, struct arena *a, const char **ret)
{
	struct buf flag;
	char quote = 0;
	size_t i = 0;

	buf_init(&flag, a, rest->n + 1);
	for (; i < rest->n; i++) {
		char c = rest->p[i];

		if (!quote && is_blank(c))
			break;
		if (quote ? c == quote : c == '"' || c == '\'') {
			quote = quote ? 0 : c;
			continue;
		}
		if (c == escape && i + 1 < rest->n)
			c = rest->p[++i];
		buf_putc(&flag, c);
	}
	*rest = trim_left(str_span(rest->p + i, rest->n - i));
	*ret = arena_strdup(a, buf_text(&flag));
	return flag.failed || !*ret ? -ENOMEM : 0;
}

int dockerfile_parse_line(const char *text, char escape, unsigned line, struct arena *a,
			  struct dockerfile_instruction *ret, struct err *e)
{
	struct dockerfile_instruction in = {.text = text, .line = line};
	struct str rest = trim(str_from(text));
	size_t n = 0;

	while (n < rest.n && !is_blank(rest.p[n]))
		n++;
	in.name = arena_strndup(a, rest.p ? rest.p : "", n);
	rest = trim_left(str_span(rest.p + n, rest.n - n));
	while (in.name && str_starts(rest, "--")) {
		const char *flag;

		if (take_flag(&rest, escape, a, &flag) < 0)
			return no_memory(e);
		if (!strcmp(flag, "--"))
			break;
		if (dockerfile_append(&in.flags, flag, a) < 0)
			return no_memory(e);
	}
	in.rest = arena_strndup(a, rest.p ? rest.p : "", rest.n);
	if (!in.name || !in.rest)
		return no_memory(e);
	*ret = in;
	return 0;
}

static int add_instruction(struct dockerfile *d, size_t *cap, const struct buf *text, unsigned line,
			   struct arena *a, struct err *e)
{
	char *copy = arena_strdup(a, buf_text(text));

	if (d->n == CONFIG_DOCKERFILE_INSTRUCTIONS_MAX)
		return err_set(e, ERR_TOO_LARGE,
			       "more than %d instructions (CONFIG_DOCKERFILE_INSTRUCTIONS_MAX)",
			       CONFIG_DOCKERFILE_INSTRUCTIONS_MAX);
	if (d->n == *cap) {
		size_t more = *cap ? 2 * *cap : 16;

		d->items =
			arena_grow(a, d->items, *cap * sizeof(*d->items), more * sizeof(*d->items));
		*cap = more;
	}
	if (!copy || !d->items)
		return no_memory(e);
	if (dockerfile_parse_line(copy, d->escape, line, a, &d->items[d->n], e) < 0)
		return err_code(e);
	d->n++;
	return 0;
}

int dockerfile_parse(struct str text, struct arena *a, struct dockerfile *ret, struct err *e)
{
	struct source s = {.rest = text, .escape = '\\', .directives = true};
	struct dockerfile d = {0};
	struct buf statement;
	unsigned line = 0;
	size_t cap = 0;
	int r;

	if (text.n && memchr(text.p, 0, text.n))
		return err_set(e, ERR_INVALID, "dockerfile parse error: it holds a NUL");
	if (str_starts(s.rest, "\xef\xbb\xbf"))
		s.rest = str_span(s.rest.p + 3, s.rest.n - 3);
	buf_init(&statement, a, text.n + 1);
	while ((r = next_statement(&s, &statement, &line, e)) > 0) {
		d.escape = s.escape;
		if (!trim(buf_str(&statement)).n)
			continue; /* an escape character alone */
		r = add_instruction(&d, &cap, &statement, line, a, e);
		if (r < 0)
			return r;
	}
	if (r < 0)
		return r;
	if (!d.n)
		return err_set(e, ERR_INVALID, "file with no instructions");
	*ret = d;
	return 0;
}
