/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Query values and filters.
 */
#include <errno.h>

#include "api/router/reply.h"
#include "firmware/fmt/pattern.h"

static struct str query_str(struct call *call, const char *key)
{
	struct str value = {NULL, 0};

	if (http_query_get(call->http->query, key, 0, call->a, &value) < 0)
		return (struct str){NULL, 0};
	return value;
}

const char *query_text(struct call *call, const char *key)
{
	struct str v = query_str(call, key);
	char *text = v.p ? arena_strndup(call->a, v.p, v.n) : NULL;

	return text ? text : "";
}

bool query_has(struct call *call, const char *key)
{
	return query_str(call, key).p != NULL;
}

bool query_bool(struct call *call, const char *key, bool absent)
{
	static const char *const no[] = {"", "0", "no", "false", "none"};
	struct str v = query_str(call, key);

	if (!v.p)
		return absent;
	v = str_trim(v);
	for (size_t i = 0; i < ARRAY_LEN(no); i++)
		if (str_ieqz(v, no[i]))
			return false;
	return true;
}

int query_i64(struct call *call, const char *key, int64_t absent, int64_t *ret, struct err *e)
{
	struct str v = query_str(call, key);
	int r;

	*ret = absent;
	if (!v.n)
		return 0;
	r = str_to_i64(v, ret);
	if (r < 0)
		return err_set(e, ERR_INVALID, "strconv.Atoi: parsing \"" STR_FMT "\": %s",
			       STR_ARG(v), r == -ERANGE ? "value out of range" : "invalid syntax");
	return 0;
}

/* --- filters --- */

static bool is_allowed(struct str key, const char *const *allowed)
{
	if (!allowed)
		return true;
	for (; *allowed; allowed++)
		if (str_eqz(key, *allowed))
			return true;
	return false;
}

static int read_values(struct call *call, struct json_node value, struct texts *ret, struct err *e)
{
	struct json_iter it = {0};
	struct json_node item;
	struct str text;
	bool on;

	ret->set = true;
	ret->items = arena_alloc_array(call->a, json_count(value), sizeof(*ret->items));
	if (!ret->items)
		return err_set(e, ERR_UNAVAILABLE, "no memory");
	while (json_next(value, &it, call->a, &text, &item)) {
		char *copy;

		if (json_type(value) == JSON_ARRAY) {
			if (json_string(item, call->a, &text) < 0)
				return err_set(e, ERR_INVALID, "invalid filter");
		} else if (json_bool(item, &on) < 0) {
			return err_set(e, ERR_INVALID, "invalid filter");
		} else if (!on) {
			continue;
		}
		copy = arena_strndup(call->a, text.p, text.n);
		if (!copy)
			return err_set(e, ERR_UNAVAILABLE, "no memory");
		ret->items[ret->n++] = copy;
	}
	return 0;
}

int filters_read(struct call *call, const char *const *allowed, struct filters *ret, struct err *e)
{
	struct str text = query_str(call, "filters"), key;
	struct json_iter it = {0};
	struct json_node root, value;
	struct err ignored = ERR_INIT;

	ret->a = call->a;
	ret->n = 0;
	if (!text.n)
		return 0;
	if (json_parse(text, call->a, &root, &ignored) < 0 || json_type(root) != JSON_OBJECT)
		return err_set(e, ERR_INVALID, "invalid filter");
	while (json_next(root, &it, call->a, &key, &value)) {
		struct filter *f = &ret->items[ret->n];

		if (json_type(value) != JSON_OBJECT && json_type(value) != JSON_ARRAY)
			return err_set(e, ERR_INVALID, "invalid filter");
		if (!is_allowed(key, allowed) || ret->n == FILTER_KEYS_MAX)
			return err_set(e, ERR_INVALID, "invalid filter '" STR_FMT "'",
				       STR_ARG(key));
		*f = (struct filter){.key = arena_strndup(call->a, key.p, key.n)};
		if (!f->key)
			return err_set(e, ERR_UNAVAILABLE, "no memory");
		f->expressions =
			arena_alloc_array(call->a, json_count(value), sizeof(*f->expressions));
		if (!f->expressions)
			return err_set(e, ERR_UNAVAILABLE, "no memory");
		if (read_values(call, value, &f->values, e) < 0)
			return err_code(e);
		ret->n++;
	}
	return 0;
}

static const struct filter *find(const struct filters *f, const char *key)
{
	for (size_t i = 0; i < f->n; i++)
		if (!strcmp(f->items[i].key, key))
			return &f->items[i];
	return NULL;
}

const struct texts *filters_get(const struct filters *f, const char *key)
{
	static const struct texts none;
	const struct filter *found = find(f, key);

	return found ? &found->values : &none;
}

bool filters_exact(const struct filters *f, const char *key, const char *text)
{
	const struct texts *values = filters_get(f, key);

	return !values->n || texts_contain(values, text);
}

static struct pattern *expression(const struct filters *filters, const struct filter *f, size_t i)
{
	struct pattern *p;

	if (!f->expressions[i].made &&
	    pattern_compile(str_from(f->values.items[i]), filters->a, &p) == 0)
		f->expressions[i].pattern = p;
	f->expressions[i].made = true;
	return f->expressions[i].pattern;
}

bool filters_match(const struct filters *filters, const char *key, const char *text)
{
	const struct filter *f = find(filters, key);

	for (size_t i = 0; f && i < f->values.n; i++) {
		struct pattern *p;

		if (!strcmp(f->values.items[i], text))
			return true;
		p = expression(filters, f, i);
		if (p && pattern_match(p, str_from(text)))
			return true;
	}
	return !f || !f->values.n;
}

bool filters_labels(const struct filters *f, const char *key, const struct text_map *labels)
{
	const struct texts *values = filters_get(f, key);

	for (size_t i = 0; i < values->n; i++) {
		struct str want, name = str_cut(str_from(values->items[i]), '=', &want);
		bool hit = false;

		for (size_t k = 0; k < labels->n && !hit; k++)
			hit = str_eqz(name, labels->items[k].key) &&
			      (name.n == strlen(values->items[i]) ||
			       str_eqz(want, labels->items[k].value));
		if (!hit)
			return false;
	}
	return true;
}
