/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Words as a shell would read them, but for what the shell would run. ${NAME:-word} nests: its word
 * is expanded in the same way, as deep as EXPAND_DEPTH.
 */
#include <errno.h>

#include "firmware/core/buf.h"
#include "runtime/build/dockerfile.h"

#define EXPAND_DEPTH 16
#define EXPAND_MAX (1u << 20)
#define MESSAGE_PART 200

struct expansion {
	const char *p;
	char escape;
	const struct dockerfile_scope *scope;
	struct arena *a;
	unsigned depth;
	struct buf out;	     /* the whole, or the word in the making */
	struct texts *words; /* NULL: nothing is split */
	bool any;	     /* the word has begun, if only by quotes */
	struct err *e;
	const char *whole;
};

static int wrong(struct expansion *x, const char *why)
{
	return err_set(x->e, ERR_INVALID, "failed to process \"%.*s\": %s", MESSAGE_PART, x->whole,
		       why);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_name_start(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static const char *look_up(const struct dockerfile_scope *scope, const char *name, size_t n)
{
	for (size_t i = 0; i < scope->n; i++) {
		const struct texts *list = scope->lists[i];

		for (size_t k = 0; list && k < list->n; k++)
			if (!strncmp(list->items[k], name, n) && list->items[k][n] == '=')
				return list->items[k] + n + 1;
	}
	return NULL;
}

static int end_word(struct expansion *x)
{
	const char *copy;

	if (!x->any)
		return 0;
	copy = arena_strdup(x->a, buf_text(&x->out));
	if (x->out.failed || !copy || dockerfile_append(x->words, copy, x->a) < 0)
		return err_set(x->e, ERR_TOO_LARGE, "an expanded word is too long");
	buf_reset(&x->out);
	x->any = false;
	return 0;
}

/* A variable's value outside quotes falls into words at its blanks. */
static int put_value(struct expansion *x, const char *value, bool quoted)
{
	int r = 0;

	for (; r == 0 && *value; value++) {
		if (x->words && !quoted && is_blank(*value)) {
			r = end_word(x);
			continue;
		}
		buf_putc(&x->out, *value);
		x->any = true;
	}
	return r;
}

static int expand_until(struct expansion *x, char end);

/* What stands behind ":-" and its like, up to the brace, expanded into a text of its own. */
static int expand_operand(struct expansion *x, const char **ret)
{
	struct buf outer = x->out;
	struct texts *words = x->words;
	bool any = x->any;
	int r;

	if (++x->depth > EXPAND_DEPTH)
		return wrong(x, "too many levels");
	buf_init(&x->out, x->a, EXPAND_MAX);
	x->words = NULL;
	r = expand_until(x, '}');
	x->depth--;
	*ret = arena_strdup(x->a, buf_text(&x->out));
	if (r == 0 && (x->out.failed || !*ret))
		r = err_set(x->e, ERR_TOO_LARGE, "an expanded word is too long");
	x->out = outer;
	x->words = words;
	x->any = any;
	return r;
}

static int put_modified(struct expansion *x, const char *name, size_t n, bool colon, char modifier,
			bool quoted)
{
	const char *value = look_up(x->scope, name, n), *operand = "";
	bool there = value && (!colon || *value);
	int r = expand_operand(x, &operand);

	if (r < 0)
		return r;
	switch (modifier) {
	case '-':
		return put_value(x, there ? value : operand, quoted);
	case '+':
		return put_value(x, there ? operand : "", quoted);
	default:
		if (there)
			return put_value(x, value, quoted);
		if (!*operand)
			operand =
				colon ? "is not allowed to be empty" : "is not allowed to be unset";
		return err_set(x->e, ERR_INVALID, "failed to process \"%.*s\": %.*s: %.*s",
			       MESSAGE_PART, x->whole, (int)MIN(n, (size_t)MESSAGE_PART), name,
			       MESSAGE_PART, operand);
	}
}

static int put_braced(struct expansion *x, bool quoted)
{
	const char *name = x->p;
	bool colon = false;
	size_t n = 0;
	char c;

	if (is_digit(*name) || (*name && strchr("@*#", *name)))
		n = 1;
	else
		while (is_name_start(name[n]) || (n && is_digit(name[n])))
			n++;
	if (!name[n])
		return wrong(x, n ? "syntax error: missing '}'"
				  : "unexpected end of statement while looking for matching }");
	x->p = name + n;
	c = *x->p++;
	if (!n)
		return wrong(x, c == '}' ? "syntax error: no variable name in ${}"
					 : "syntax error: bad substitution");
	if (c == '}')
		return put_value(x, look_up(x->scope, name, n) ? look_up(x->scope, name, n) : "",
				 quoted);
	if (c == ':') {
		colon = true;
		c = *x->p ? *x->p++ : 0;
	}
	if (c != '-' && c != '+' && c != '?')
		return wrong(x, c ? "unsupported modifier in substitution"
				  : "syntax error: missing '}'");
	return put_modified(x, name, n, colon, c, quoted);
}

/* x->p stands behind the dollar. */
static int put_variable(struct expansion *x, bool quoted)
{
	const char *name = x->p, *value;
	size_t n = 0;

	if (*name == '{') {
		x->p++;
		return put_braced(x, quoted);
	}
	if (is_digit(*name) || (*name && strchr("@*#", *name)))
		n = 1;
	else
		while (is_name_start(name[n]) || (n && is_digit(name[n])))
			n++;
	if (!n) {
		buf_putc(&x->out, '$');
		x->any = true;
		return 0;
	}
	x->p += n;
	value = look_up(x->scope, name, n);
	return put_value(x, value ? value : "", quoted);
}

static int put_single_quoted(struct expansion *x)
{
	const char *end = strchr(x->p, '\'');

	if (!end)
		return wrong(x, "unexpected end of statement while looking for matching "
				"single-quote");
	buf_put(&x->out, x->p, (size_t)(end - x->p));
	x->p = end + 1;
	x->any = true;
	return 0;
}

static int put_double_quoted(struct expansion *x)
{
	int r = 0;

	x->any = true;
	while (r == 0 && *x->p && *x->p != '"') {
		char c = *x->p++;

		if (c == '$') {
			r = put_variable(x, true);
			continue;
		}
		/* Only these lose the escape before them. */
		if (c == x->escape && *x->p && (*x->p == '"' || *x->p == '$' || *x->p == x->escape))
			c = *x->p++;
		buf_putc(&x->out, c);
	}
	if (r < 0)
		return r;
	if (!*x->p)
		return wrong(x, "unexpected end of statement while looking for matching "
				"double-quote");
	x->p++;
	return 0;
}

/* Up to and with the end character (0: the end of the text). */
static int expand_until(struct expansion *x, char end)
{
	int r = 0;

	while (r == 0 && *x->p && *x->p != end) {
		char c = *x->p++;

		if (c == '\'') {
			r = put_single_quoted(x);
		} else if (c == '"') {
			r = put_double_quoted(x);
		} else if (c == '$') {
			r = put_variable(x, false);
		} else if (x->words && is_blank(c)) {
			r = end_word(x);
		} else {
			if (c == x->escape) {
				if (!*x->p)
					break; /* one at the very end stands for nothing */
				c = *x->p++;
			}
			buf_putc(&x->out, c);
			x->any = true;
		}
	}
	if (r < 0 || !end)
		return r;
	if (*x->p != end)
		return wrong(x, "syntax error: missing '}'");
	x->p++;
	return 0;
}

int dockerfile_expand(const char *word, char escape, const struct dockerfile_scope *scope,
		      struct arena *a, const char **ret, struct err *e)
{
	struct expansion x = {
		.p = word, .escape = escape, .scope = scope, .a = a, .e = e, .whole = word};
	const char *copy;
	int r;

	buf_init(&x.out, a, EXPAND_MAX);
	r = expand_until(&x, 0);
	if (r < 0)
		return r;
	copy = arena_strdup(a, buf_text(&x.out));
	if (x.out.failed || !copy)
		return err_set(e, ERR_TOO_LARGE, "an expanded word is too long");
	*ret = copy;
	return 0;
}

int dockerfile_expand_words(const char *word, char escape, const struct dockerfile_scope *scope,
			    struct arena *a, struct texts *ret, struct err *e)
{
	struct texts words = {.set = true};
	struct expansion x = {.p = word,
			      .escape = escape,
			      .scope = scope,
			      .a = a,
			      .e = e,
			      .whole = word,
			      .words = &words};
	int r;

	buf_init(&x.out, a, EXPAND_MAX);
	r = expand_until(&x, 0);
	if (r == 0)
		r = end_word(&x);
	if (r == 0)
		*ret = words;
	return r;
}
