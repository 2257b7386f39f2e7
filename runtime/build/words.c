/* SPDX-License-Identifier: Apache-2.0 */
/* The rest of an instruction's line, taken apart. */
#include <errno.h>

#include "firmware/core/buf.h"
#include "runtime/build/dockerfile.h"

#define MESSAGE_PART 200

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

static int no_memory(struct err *e)
{
	return err_set(e, ERR_UNAVAILABLE, "no memory for the Dockerfile");
}

int dockerfile_append(struct texts *list, const char *text, struct arena *a)
{
	/* Powers of two are full: the list's length tells its room. */
	if (!(list->n & (list->n - 1))) {
		size_t room = list->n ? 2 * list->n : 1;

		list->items = arena_grow(a, list->items, list->n * sizeof(*list->items),
					 room * sizeof(*list->items));
		if (!list->items)
			return -ENOMEM;
	}
	list->items[list->n++] = text;
	list->set = true;
	return 0;
}

int dockerfile_json(const char *rest, struct arena *a, struct texts *ret, struct err *e)
{
	struct texts list = {.set = true};
	struct json_node root, one;
	struct json_iter it = {0};
	struct str text, key;

	while (is_blank(*rest))
		rest++;
	if (*rest != '[' || json_parse(str_from(rest), a, &root, NULL) < 0 ||
	    json_type(root) != JSON_ARRAY)
		return 0;
	while (json_next(root, &it, a, &key, &one)) {
		const char *copy;

		if (json_string(one, a, &text) < 0 || (text.n && memchr(text.p, 0, text.n)))
			return err_set(e, ERR_INVALID,
				       "only string types are allowed in JSON format arrays");
		copy = arena_strndup(a, text.p ? text.p : "", text.n);
		if (!copy || dockerfile_append(&list, copy, a) < 0)
			return no_memory(e);
	}
	*ret = list;
	return 1;
}

int dockerfile_words(const char *rest, struct arena *a, struct texts *ret)
{
	struct texts list = {.set = true};

	for (;;) {
		const char *copy;
		size_t n = 0;

		while (is_blank(*rest))
			rest++;
		while (rest[n] && !is_blank(rest[n]))
			n++;
		if (!n)
			break;
		copy = arena_strndup(a, rest, n);
		if (!copy || dockerfile_append(&list, copy, a) < 0)
			return -ENOMEM;
		rest += n;
	}
	*ret = list;
	return 0;
}

/* The length of a word in which quoted or escaped blanks are no end. */
static size_t word_length(const char *p, char escape)
{
	char quote = 0;
	size_t n = 0;

	for (; p[n]; n++) {
		if (!quote && is_blank(p[n]))
			break;
		/* Single quotes know no escapes. */
		if (p[n] == escape && quote != '\'' && p[n + 1])
			n++;
		else if (quote && p[n] == quote)
			quote = 0;
		else if (!quote && (p[n] == '"' || p[n] == '\''))
			quote = p[n];
	}
	return n;
}

static int add_pair(struct text_map *m, const char *name, size_t name_n, const char *value,
		    size_t value_n, struct arena *a, struct err *e)
{
	struct text_pair pair = {arena_strndup(a, name, name_n), arena_strndup(a, value, value_n)};

	if (!(m->n & (m->n - 1))) {
		size_t room = m->n ? 2 * m->n : 1;

		m->items =
			arena_grow(a, m->items, m->n * sizeof(*m->items), room * sizeof(*m->items));
	}
	if (!m->items || !pair.key || !pair.value)
		return no_memory(e);
	m->items[m->n++] = pair;
	m->set = true;
	return 0;
}

/* "name value with blanks" */
static int old_form(const char *rest, const char *instruction, struct arena *a,
		    struct text_map *ret, struct err *e)
{
	size_t n = 0;
	const char *value;

	while (rest[n] && !is_blank(rest[n]))
		n++;
	value = rest + n;
	while (is_blank(*value))
		value++;
	if (!*value)
		return err_set(e, ERR_INVALID, "%s must have two arguments", instruction);
	return add_pair(ret, rest, n, value, strlen(value), a, e);
}

int dockerfile_pairs(const char *rest, const char *instruction, char escape, struct arena *a,
		     struct text_map *ret, struct err *e)
{
	struct text_map m = {.set = true};
	size_t n;
	int r = 0;

	while (is_blank(*rest))
		rest++;
	n = word_length(rest, escape);
	if (n && !memchr(rest, '=', n)) {
		r = old_form(rest, instruction, a, &m, e);
		rest += strlen(rest);
	}
	while (r == 0 && *rest) {
		const char *equals;

		n = word_length(rest, escape);
		equals = memchr(rest, '=', n);
		if (!equals)
			return err_set(e, ERR_INVALID,
				       "Syntax error - can't find = in \"%.*s\". Must be of the "
				       "form: name=value",
				       (int)MIN(n, (size_t)MESSAGE_PART), rest);
		r = add_pair(&m, rest, (size_t)(equals - rest), equals + 1,
			     n - (size_t)(equals - rest) - 1, a, e);
		rest += n;
		while (is_blank(*rest))
			rest++;
	}
	if (r == 0)
		*ret = m;
	return r;
}
