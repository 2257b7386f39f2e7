/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration file: one JSON object with dockerd's keys. A key that is also given as a flag,
 * or that nobody knows, is an error, as with dockerd.
 */
#include <errno.h>
#include <fcntl.h>

#include "api/main/options.h"
#include "firmware/core/file.h"

#define DAEMON_FILE_MAX (1u << 20)

static int file_error(const struct daemon_options *opt, struct err *e)
{
	return err_wrap(e, "unable to configure the daemon with file %s", opt->config_file);
}

static const struct option *find_key(struct str key)
{
	for (size_t i = 0; i < option_count; i++)
		if (option_table[i].key && str_eqz(key, option_table[i].key))
			return &option_table[i];
	return NULL;
}

static int wrong_type(struct str key, const char *want, struct err *e)
{
	return err_set(e, ERR_INVALID, "the value of " STR_FMT " must be %s", STR_ARG(key), want);
}

static int set_list(const struct option *o, struct daemon_options *opt, struct str key,
		    struct json_node value, struct arena *a, struct err *e)
{
	struct json_iter it = {0};
	struct json_node item;
	struct str text;

	if (json_type(value) != JSON_ARRAY)
		return wrong_type(key, "a list of strings", e);
	((struct texts *)((char *)opt + o->offset))->set = true;
	while (json_next(value, &it, a, NULL, &item)) {
		if (json_type(item) == JSON_NUMBER)
			text = json_raw(item);
		else if (json_string(item, a, &text) < 0)
			return wrong_type(key, "a list of strings", e);
		if (option_set(o, opt, text, a, e) < 0)
			return err_code(e);
	}
	return 0;
}

/* "runtimes": {"name": {"path": "…"}} and "log-opts": {"key": "value"} become the flags' lists. */
static int set_map(struct texts *list, struct str key, struct json_node value, const char *inner,
		   struct arena *a, struct err *e)
{
	struct json_iter it = {0};
	struct json_node item;
	struct str name, text;

	if (json_type(value) != JSON_OBJECT)
		return wrong_type(key, "an object", e);
	while (json_next(value, &it, a, &name, &item)) {
		char *joined;

		if (json_string(inner ? json_get(item, inner) : item, a, &text) < 0)
			return wrong_type(key,
					  inner ? "an object of objects with a path"
						: "an object of strings",
					  e);
		joined = arena_printf(a, STR_FMT "=" STR_FMT, STR_ARG(name), STR_ARG(text));
		if (!joined || option_append(list, joined, a) < 0)
			return err_set(e, ERR_UNAVAILABLE, "no memory for the options");
	}
	return 0;
}

/* What the engine may be told to do or not to do; features that nobody has here do no harm. */
static int set_features(struct daemon_options *opt, struct str key, struct json_node value,
			struct arena *a, struct err *e)
{
	struct json_iter it = {0};
	struct json_node item;
	struct str name;
	bool on;

	if (json_type(value) != JSON_OBJECT)
		return wrong_type(key, "an object", e);
	while (json_next(value, &it, a, &name, &item)) {
		if (json_bool(item, &on) < 0)
			return wrong_type(key, "an object of true and false", e);
		if (str_eqz(name, "cdi"))
			opt->no_cdi = !on;
	}
	return 0;
}

static int set_key(struct daemon_options *opt, struct str key, struct json_node value,
		   struct arena *a, struct err *e)
{
	const struct option *o;
	struct str text;
	bool on;

	if (str_eqz(key, "runtimes"))
		return set_map(&opt->runtimes, key, value, "path", a, e);
	if (str_eqz(key, "log-opts"))
		return set_map(&opt->log_opts, key, value, NULL, a, e);
	if (str_eqz(key, "features"))
		return set_features(opt, key, value, a, e);
	o = find_key(key);
	if (!o)
		return err_set(
			e, ERR_INVALID,
			"the following directives don't match any configuration option: " STR_FMT,
			STR_ARG(key));
	if (opt->from_flag & (1ull << (o - option_table)))
		return err_set(e, ERR_INVALID,
			       "the following directives are specified both as a flag and in the "
			       "configuration file: " STR_FMT,
			       STR_ARG(key));
	opt->from_file |= 1ull << (o - option_table);
	switch (o->kind) {
	case OPTION_BOOL:
		if (json_bool(value, &on) < 0)
			return wrong_type(key, "true or false", e);
		return option_set(o, opt, on ? STR("true") : STR("false"), a, e);
	case OPTION_TEXT:
		if (json_string(value, a, &text) < 0)
			return wrong_type(key, "a string", e);
		return option_set(o, opt, text, a, e);
	default:
		return set_list(o, opt, key, value, a, e);
	}
}

int config_file_read(struct daemon_options *opt, struct arena *a, struct err *e)
{
	bool given = opt->config_file != NULL;
	struct json_iter it = {0};
	struct json_node root, value;
	struct str text, key;
	int r;

	if (!given)
		opt->config_file = DAEMON_FILE_DEFAULT;
	r = file_read_at(AT_FDCWD, opt->config_file, DAEMON_FILE_MAX, a, &text, e);
	if (r == -ENOENT && !given) {
		err_clear(e);
		return 0;
	}
	if (r < 0)
		return file_error(opt, e);
	if (strspn(text.p, " \t\r\n") == text.n)
		return 0;
	if (json_parse(text, a, &root, e) < 0)
		return file_error(opt, e);
	if (json_type(root) != JSON_OBJECT) {
		err_set(e, ERR_INVALID, "it must hold one JSON object");
		return file_error(opt, e);
	}
	while (json_next(root, &it, a, &key, &value))
		if (set_key(opt, key, value, a, e) < 0)
			return file_error(opt, e);
	return 0;
}
