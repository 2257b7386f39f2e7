/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "firmware/fmt/pattern.h"
#include "runtime/container/log_tag.h"

static int compare_pairs(const void *a, const void *b)
{
	return strcmp(((const struct text_pair *)a)->key, ((const struct text_pair *)b)->key);
}

static int add(struct text_map *map, size_t cap, const char *key, const char *value)
{
	for (size_t i = 0; i < map->n; i++) {
		if (!strcmp(map->items[i].key, key)) {
			map->items[i].value = value;
			return 0;
		}
	}
	if (map->n == cap)
		return -ENOMEM;
	map->items[map->n++] = (struct text_pair){key, value};
	return 0;
}

static int add_listed(struct text_map *map, size_t cap, const char *list,
		      const struct text_map *from)
{
	struct str rest = str_from(list ? list : ""), one;
	int r = 0;

	while (r == 0 && rest.n) {
		one = str_cut(rest, ',', &rest);
		for (size_t i = 0; r == 0 && i < from->n; i++)
			if (str_eqz(one, from->items[i].key))
				r = add(map, cap, from->items[i].key, from->items[i].value);
	}
	return r;
}

static int add_matching(struct text_map *map, size_t cap, const char *text,
			const struct text_map *from, struct arena *a, struct err *e)
{
	struct pattern *pattern;
	int r;

	if (!text || !*text)
		return 0;
	r = pattern_compile(str_from(text), a, &pattern);
	if (r < 0)
		return err_set(e, ERR_INVALID, "error parsing regexp: `%s`", text);
	for (size_t i = 0; r == 0 && i < from->n; i++)
		if (pattern_match(pattern, str_from(from->items[i].key)))
			r = add(map, cap, from->items[i].key, from->items[i].value);
	return r;
}

static int split_env(const struct texts *env, struct arena *a, struct text_map *ret)
{
	struct text_map map = {.set = true};

	map.items = arena_alloc_array(a, env->n + 1, sizeof(*map.items));
	if (!map.items)
		return -ENOMEM;
	for (size_t i = 0; i < env->n; i++) {
		const char *eq = strchr(env->items[i], '=');
		char *key =
			eq ? arena_strndup(a, env->items[i], (size_t)(eq - env->items[i])) : NULL;

		if (eq && !key)
			return -ENOMEM;
		if (eq)
			map.items[map.n++] = (struct text_pair){key, eq + 1};
	}
	*ret = map;
	return 0;
}

int log_attributes(const struct log_info *info, struct arena *a, struct text_map *ret,
		   struct err *e)
{
	size_t cap = info->labels->n + info->env->n;
	struct text_map map = {.set = true}, env;
	int r = split_env(info->env, a, &env);

	map.items = arena_alloc_array(a, cap + 1, sizeof(*map.items));
	if (r == 0 && !map.items)
		r = -ENOMEM;
	if (r == 0)
		r = add_listed(&map, cap, text_map_get(info->options, "labels"), info->labels);
	if (r == 0)
		r = add_matching(&map, cap, text_map_get(info->options, "labels-regex"),
				 info->labels, a, e);
	if (r == 0)
		r = add_listed(&map, cap, text_map_get(info->options, "env"), &env);
	if (r == 0)
		r = add_matching(&map, cap, text_map_get(info->options, "env-regex"), &env, a, e);
	if (r == -ENOMEM)
		return err_set(e, ERR_UNAVAILABLE, "no memory for the log's attributes");
	if (r < 0)
		return r;
	if (map.n)
		qsort(map.items, map.n, sizeof(*map.items), compare_pairs);
	*ret = map;
	return 0;
}
