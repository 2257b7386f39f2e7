/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One pass over the text with one byte of lookahead. A table header sets the prefix of the keys
 * below it; every value becomes an item of a flat list, so that a reader looks names up and sees at
 * once which it does not know.
 */
#include "firmware/fmt/toml.h"

#include <errno.h>

#include "firmware/core/buf.h"
#include "firmware/fmt/utf8.h"

#define KEY_MAX 256
#define TEXT_MAX 65536

struct toml {
	const char *p, *end;
	unsigned line;
	struct arena *a;
	struct err *e;
	const char *prefix; /* of the table we are in, "" at the top */
	const char *tables[TOML_ITEMS_MAX / 8];
	size_t n_tables;
	struct toml_item *items;
	size_t n, cap;
};

static int wrong(struct toml *t, const char *what)
{
	return err_set(t->e, ERR_INVALID, "line %u: %s", t->line, what);
}

static int no_memory(struct toml *t)
{
	return err_set(t->e, ERR_UNAVAILABLE, "no memory");
}

static char peek(const struct toml *t)
{
	return t->p < t->end ? *t->p : '\0';
}

static bool at(const struct toml *t, const char *text)
{
	size_t n = strlen(text);

	return (size_t)(t->end - t->p) >= n && !memcmp(t->p, text, n);
}

static void skip_blanks(struct toml *t)
{
	while (peek(t) == ' ' || peek(t) == '\t')
		t->p++;
}

/* Over blanks, a comment and the first half of a line end. */
static void skip_to_line_end(struct toml *t)
{
	skip_blanks(t);
	if (peek(t) == '#')
		while (t->p < t->end && *t->p != '\n')
			t->p++;
	if (at(t, "\r\n"))
		t->p++;
}

/* To the end of the line, which may hold a comment and nothing else. */
static int end_of_line(struct toml *t)
{
	skip_to_line_end(t);
	if (t->p == t->end)
		return 0;
	if (*t->p != '\n')
		return wrong(t, "something follows the value");
	t->p++;
	t->line++;
	return 0;
}

/* Blanks, comments and line ends, as they may stand inside an array. */
static void skip_lines(struct toml *t)
{
	for (;;) {
		skip_to_line_end(t);
		if (peek(t) != '\n')
			return;
		t->p++;
		t->line++;
	}
}

static int put_code_point(struct toml *t, struct buf *out, size_t digits)
{
	uint32_t c = 0;

	for (size_t i = 0; i < digits; i++, t->p++) {
		char d = peek(t);

		if (d >= '0' && d <= '9')
			c = c << 4 | (uint32_t)(d - '0');
		else if ((d | 0x20) >= 'a' && (d | 0x20) <= 'f')
			c = c << 4 | (uint32_t)((d | 0x20) - 'a' + 10);
		else
			return wrong(t, "a \\u escape needs hexadecimal digits");
	}
	if (c == 0 || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return wrong(t, "an escape that is no character");
	if (c < 0x80) {
		buf_putc(out, (char)c);
		return 0;
	}
	if (c >= 0x10000) {
		buf_putc(out, (char)(0xf0 | c >> 18));
		buf_putc(out, (char)(0x80 | (c >> 12 & 0x3f)));
	} else if (c >= 0x800) {
		buf_putc(out, (char)(0xe0 | c >> 12));
	} else {
		buf_putc(out, (char)(0xc0 | c >> 6));
		buf_putc(out, (char)(0x80 | (c & 0x3f)));
		return 0;
	}
	buf_putc(out, (char)(0x80 | (c >> 6 & 0x3f)));
	buf_putc(out, (char)(0x80 | (c & 0x3f)));
	return 0;
}

static int put_escape(struct toml *t, struct buf *out)
{
	static const char from[] = "btnfr\"\\", to[] = "\b\t\n\f\r\"\\";
	char c = peek(t);
	const char *known = c ? strchr(from, c) : NULL;

	if (t->p == t->end)
		return wrong(t, "a string that does not end");
	t->p++;
	if (c == 'u' || c == 'U')
		return put_code_point(t, out, c == 'u' ? 4 : 8);
	if (!known)
		return wrong(t, "an unknown escape in a string");
	buf_putc(out, to[known - from]);
	return 0;
}

/* A "basic" or a 'literal' string; p stands at its first quote. */
static int read_text(struct toml *t, const char **ret)
{
	char quote = *t->p;
	struct buf out;

	if (at(t, "\"\"\"") || at(t, "'''"))
		return wrong(t, "strings over several lines are not supported");
	buf_init(&out, t->a, TEXT_MAX);
	for (t->p++;;) {
		char c = peek(t);

		if (t->p == t->end || c == '\n' || c == '\r')
			return wrong(t, "a string that does not end");
		t->p++;
		if (c == quote)
			break;
		if ((unsigned char)c < 0x20 && c != '\t')
			return wrong(t, "a control character in a string");
		if (c == '\\' && quote == '"') {
			if (put_escape(t, &out) < 0)
				return -EINVAL;
		} else {
			buf_putc(&out, c);
		}
	}
	if (out.failed)
		return no_memory(t);
	*ret = buf_text(&out);
	return 0;
}

static bool is_bare(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '-';
}

/* a.b."c d": the parts joined by dots. */
static int read_key(struct toml *t, const char **ret)
{
	struct buf out;
	const char *part;

	buf_init(&out, t->a, KEY_MAX);
	buf_puts(&out, t->prefix);
	for (;;) {
		skip_blanks(t);
		if (out.n)
			buf_putc(&out, '.');
		if (peek(t) == '"' || peek(t) == '\'') {
			if (read_text(t, &part) < 0)
				return -EINVAL;
			buf_puts(&out, part);
		} else {
			const char *from = t->p;

			while (is_bare(peek(t)))
				t->p++;
			if (t->p == from)
				return wrong(t, "a key is missing");
			buf_put(&out, from, (size_t)(t->p - from));
		}
		skip_blanks(t);
		if (peek(t) != '.')
			break;
		t->p++;
	}
	if (out.failed)
		return wrong(t, "a key is too long");
	*ret = buf_text(&out);
	return 0;
}

static int read_array(struct toml *t, struct toml_item *item)
{
	const char **grown;

	item->kind = TOML_TEXTS;
	for (t->p++;;) {
		skip_lines(t);
		if (peek(t) == ']') {
			t->p++;
			return 0;
		}
		if (peek(t) != '"' && peek(t) != '\'')
			return wrong(t, "only arrays of strings are supported");
		if (item->n_texts == TOML_ITEMS_MAX)
			return err_set(t->e, ERR_TOO_LARGE, "line %u: more than %d elements",
				       t->line, TOML_ITEMS_MAX);
		/* Room doubles: at 0, 1, 2, 4, ... elements it is full. */
		if (!(item->n_texts & (item->n_texts - 1))) {
			grown = arena_grow(t->a, item->texts, item->n_texts * sizeof(*grown),
					   (item->n_texts * 2 + 1) * sizeof(*grown));
			if (!grown)
				return no_memory(t);
			item->texts = grown;
		}
		if (read_text(t, &item->texts[item->n_texts]) < 0)
			return -EINVAL;
		item->n_texts++;
		skip_lines(t);
		if (peek(t) == ',')
			t->p++;
		else if (peek(t) != ']')
			return wrong(t, "a comma or ] is missing in an array");
	}
}

static int read_integer(struct toml *t, struct toml_item *item)
{
	char digits[32];
	size_t n = 0;
	bool digit = false;

	if (peek(t) == '-' || peek(t) == '+') {
		if (peek(t) == '-')
			digits[n++] = '-';
		t->p++;
	}
	for (; is_bare(peek(t)) || peek(t) == '.' || peek(t) == ':' || peek(t) == '+'; t->p++) {
		char c = peek(t);

		if (c == '_' && digit && t->p + 1 < t->end && t->p[1] >= '0' && t->p[1] <= '9')
			continue;
		digit = c >= '0' && c <= '9';
		if (!digit || n + 1 >= sizeof(digits))
			return wrong(t, "only strings, whole decimal numbers, true, false and "
					"arrays of strings are supported");
		digits[n++] = c;
	}
	if (!digit)
		return wrong(t, "a value is missing");
	item->kind = TOML_INTEGER;
	if (str_to_i64(str_span(digits, n), &item->integer) < 0)
		return wrong(t, "a number that is too large");
	return 0;
}

static int read_value(struct toml *t, struct toml_item *item)
{
	char c = peek(t);

	if (c == '"' || c == '\'') {
		item->kind = TOML_TEXT;
		return read_text(t, &item->text);
	}
	if (c == '[')
		return read_array(t, item);
	if (c == '{')
		return wrong(t, "inline tables are not supported");
	if ((at(t, "true") && (t->p + 4 == t->end || !is_bare(t->p[4]))) ||
	    (at(t, "false") && (t->p + 5 == t->end || !is_bare(t->p[5])))) {
		item->kind = TOML_BOOL;
		item->yes = c == 't';
		t->p += item->yes ? 4 : 5;
		return 0;
	}
	return read_integer(t, item);
}

static int add_item(struct toml *t, struct toml_item **ret)
{
	struct toml_item *grown;

	if (t->n == TOML_ITEMS_MAX)
		return err_set(t->e, ERR_TOO_LARGE, "line %u: more than %d values", t->line,
			       TOML_ITEMS_MAX);
	if (t->n == t->cap) {
		grown = arena_alloc_array(t->a, t->cap * 2 + 16, sizeof(*grown));
		if (!grown)
			return no_memory(t);
		if (t->n)
			memcpy(grown, t->items, t->n * sizeof(*grown));
		t->items = grown;
		t->cap = t->cap * 2 + 16;
	}
	*ret = &t->items[t->n];
	**ret = (struct toml_item){.line = t->line};
	return 0;
}

static int read_pair(struct toml *t)
{
	struct toml_item *item = NULL;

	if (add_item(t, &item) < 0 || read_key(t, &item->key) < 0)
		return err_code(t->e);
	if (peek(t) != '=')
		return wrong(t, "= is missing after a key");
	t->p++;
	skip_blanks(t);
	for (size_t i = 0; i < t->n; i++)
		if (!strcmp(t->items[i].key, item->key))
			return wrong(t, "a key that was given before");
	if (read_value(t, item) < 0)
		return err_code(t->e);
	t->n++;
	return 0;
}

static int read_table(struct toml *t)
{
	const char *name;

	if (at(t, "[["))
		return wrong(t, "arrays of tables are not supported");
	t->p++;
	t->prefix = "";
	if (read_key(t, &name) < 0)
		return -EINVAL;
	if (peek(t) != ']')
		return wrong(t, "] is missing after the name of a table");
	t->p++;
	for (size_t i = 0; i < t->n_tables; i++)
		if (!strcmp(t->tables[i], name))
			return wrong(t, "a table that was given before");
	if (t->n_tables == ARRAY_LEN(t->tables))
		return err_set(t->e, ERR_TOO_LARGE, "line %u: too many tables", t->line);
	t->tables[t->n_tables++] = name;
	t->prefix = name;
	return 0;
}

static int check_utf8(struct toml *t)
{
	const unsigned char *p = (const unsigned char *)t->p, *end = (const unsigned char *)t->end;
	unsigned line = 1;

	while (p < end) {
		size_t n = utf8_length(p, end);

		if (!n || !*p) {
			t->line = line;
			return wrong(t, "not UTF-8 text");
		}
		line += *p == '\n';
		p += n;
	}
	return 0;
}

int toml_parse(struct str text, struct arena *a, struct toml_item **ret_items, size_t *ret_n,
	       struct err *e)
{
	struct toml *t = arena_alloc(a, sizeof(*t));
	int r;

	if (!t)
		return err_set(e, ERR_UNAVAILABLE, "no memory");
	*t = (struct toml){.p = text.p, .end = text.p + text.n, .line = 1, .a = a, .e = e};
	t->prefix = "";
	r = text.n ? check_utf8(t) : 0;
	while (r == 0 && t->p < t->end) {
		skip_lines(t);
		if (t->p == t->end)
			break;
		r = *t->p == '[' ? read_table(t) : read_pair(t);
		if (r == 0)
			r = end_of_line(t);
	}
	if (r < 0)
		return err_code(e);
	*ret_items = t->items;
	*ret_n = t->n;
	return 0;
}
