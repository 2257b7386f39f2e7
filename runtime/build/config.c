/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A table of instructions, each a function over the state. What a shell would expand is expanded
 * with the configuration's Env as it was before the instruction.
 */
#include "runtime/build/config.h"

#include <errno.h>

#include "firmware/core/buf.h"
#include "runtime/spec/spec.h"

#define CHANGES_MAX (1u << 20)

static int no_memory(struct err *e)
{
	return err_set(e, ERR_UNAVAILABLE, "no memory for the Dockerfile");
}

/* --- flags --- */

int build_flag(const struct dockerfile_instruction *in, const char *name, const char **ret,
	       struct err *e)
{
	size_t n = strlen(name);

	for (size_t i = 0; i < in->flags.n; i++) {
		const char *flag = in->flags.items[i] + 2;

		if (strncmp(flag, name, n) || (flag[n] && flag[n] != '='))
			continue;
		if (flag[n] != '=' || !flag[n + 1])
			return err_set(e, ERR_INVALID, "missing a value on flag: %s", name);
		*ret = flag + n + 1;
		return 1;
	}
	return 0;
}

int build_flags_check(const struct dockerfile_instruction *in, const char *const *allowed,
		      struct err *e)
{
	for (size_t i = 0; i < in->flags.n; i++) {
		const char *flag = in->flags.items[i] + 2;
		size_t n = strcspn(flag, "="), k = 0;

		while (allowed && allowed[k] &&
		       (strlen(allowed[k]) != n || strncmp(flag, allowed[k], n)))
			k++;
		if (!allowed || !allowed[k])
			return err_set(e, ERR_INVALID, "unknown flag: %.*s",
				       (int)MIN(n, (size_t)200), flag);
		for (k = 0; k < i; k++)
			if (!strncmp(in->flags.items[k] + 2, flag, n) &&
			    strcspn(in->flags.items[k] + 2, "=") == n)
				return err_set(e, ERR_INVALID, "duplicate flag specified: %.*s",
					       (int)MIN(n, (size_t)200), flag);
	}
	return 0;
}

/* --- what the instructions share --- */

static int expand(const struct build_state *s, const char *word, const char **ret, struct err *e)
{
	const struct dockerfile_scope scope = {.lists = {&s->config->env}, .n = 1};

	return dockerfile_expand(word, s->escape, &scope, s->a, ret, e);
}

static int needs_one(const char *instruction, struct err *e)
{
	return err_set(e, ERR_INVALID, "%s requires exactly one argument", instruction);
}

static int needs_some(const char *instruction, struct err *e)
{
	return err_set(e, ERR_INVALID, "%s requires at least one argument", instruction);
}

/* A list of the configuration is another's memory: it is copied before it grows. */
static int add_text(struct texts *list, const char *text, struct arena *a, struct err *e)
{
	struct texts copy = {arena_alloc_array(a, list->n + 1, sizeof(*copy.items)), list->n + 1,
			     true};

	if (!copy.items)
		return no_memory(e);
	if (list->n)
		memcpy(copy.items, list->items, list->n * sizeof(*copy.items));
	copy.items[list->n] = text;
	*list = copy;
	return 0;
}

static int add_to_set(struct texts *list, const char *text, struct arena *a, struct err *e)
{
	return texts_contain(list, text) ? 0 : add_text(list, text, a, e);
}

/* A command line: a JSON list as it is, anything else for the shell. */
static int command_line(const struct build_state *s, const char *rest, struct texts *ret,
			struct err *e)
{
	static const char *const usual[] = {"/bin/sh", "-c"};
	const struct texts *shell = &s->config->shell;
	size_t n = shell->n ? shell->n : ARRAY_LEN(usual);
	struct texts line = {.n = n + 1, .set = true};
	int r = dockerfile_json(rest, s->a, ret, e);

	if (r)
		return r < 0 ? r : 0;
	line.items = arena_alloc_array(s->a, n + 1, sizeof(*line.items));
	if (!line.items)
		return no_memory(e);
	for (size_t i = 0; i < n; i++)
		line.items[i] = shell->n ? shell->items[i] : usual[i];
	line.items[n] = rest;
	*ret = line;
	return 0;
}

/* --- the instructions --- */

static int do_cmd(struct build_state *s, const struct dockerfile_instruction *in, struct err *e)
{
	if (command_line(s, in->rest, &s->config->cmd, e) < 0)
		return err_code(e);
	s->config->args_escaped = false;
	s->cmd_set = true;
	return 0;
}

static int do_entrypoint(struct build_state *s, const struct dockerfile_instruction *in,
			 struct err *e)
{
	struct texts line = {0};

	if (*in->rest && command_line(s, in->rest, &line, e) < 0)
		return err_code(e);
	s->config->entrypoint = line;
	if (!s->cmd_set)
		s->config->cmd = (struct texts){0};
	return 0;
}

static int expand_pairs(const struct build_state *s, const struct dockerfile_instruction *in,
			const char *name, struct text_map *ret, struct err *e)
{
	int r = dockerfile_pairs(in->rest, name, s->escape, s->a, ret, e);

	if (r < 0)
		return err_wrap(e, "dockerfile parse error on line %u", in->line);
	if (!ret->n)
		return needs_some(name, e);
	for (size_t i = 0; i < ret->n; i++) {
		struct text_pair *pair = &ret->items[i];

		if (expand(s, pair->key, &pair->key, e) < 0 ||
		    expand(s, pair->value, &pair->value, e) < 0)
			return err_code(e);
		if (!*pair->key)
			return err_set(e, ERR_INVALID, "%s names can not be blank", name);
	}
	return 0;
}

static int set_env(struct build_state *s, const struct text_pair *pair, struct err *e)
{
	struct texts *env = &s->config->env;
	const char *entry = arena_printf(s->a, "%s=%s", pair->key, pair->value);
	size_t n = strlen(pair->key);

	if (!entry || add_text(env, entry, s->a, e) < 0)
		return no_memory(e);
	for (size_t i = 0; i + 1 < env->n; i++) {
		if (strncmp(env->items[i], pair->key, n) ||
		    (env->items[i][n] && env->items[i][n] != '='))
			continue;
		env->items[i] = entry;
		env->n--;
		break;
	}
	return 0;
}

static int do_env(struct build_state *s, const struct dockerfile_instruction *in, struct err *e)
{
	struct text_map pairs;
	int r = expand_pairs(s, in, "ENV", &pairs, e);

	for (size_t i = 0; r == 0 && i < pairs.n; i++)
		r = set_env(s, &pairs.items[i], e);
	return r;
}

static int do_label(struct build_state *s, const struct dockerfile_instruction *in, struct err *e)
{
	struct text_map *labels = &s->config->labels, pairs, all = {.set = true};
	int r = expand_pairs(s, in, "LABEL", &pairs, e);

	if (r < 0)
		return r;
	all.items = arena_alloc_array(s->a, labels->n + pairs.n, sizeof(*all.items));
	if (!all.items)
		return no_memory(e);
	for (size_t i = 0; i < labels->n; i++)
		if (!text_map_get(&pairs, labels->items[i].key))
			all.items[all.n++] = labels->items[i];
	for (size_t i = 0; i < pairs.n; i++) {
		size_t k = 0;

		while (k < all.n && strcmp(all.items[k].key, pairs.items[i].key))
			k++;
		all.items[k] = pairs.items[i];
		all.n += k == all.n;
	}
	*labels = all;
	return 0;
}

static int bad_port(const char *spec, struct err *e)
{
	return err_set(e, ERR_INVALID, "invalid containerPort: %.200s", spec);
}

/* "80", "80/udp", "8000-8010/tcp" */
static int expose(struct build_state *s, const char *spec, struct err *e)
{
	struct str proto, last, range = str_cut(str_from(spec), '/', &proto),
				first = str_cut(range, '-', &last);
	uint64_t from, to;

	if (!proto.n)
		proto = STR("tcp");
	if (!str_ieqz(proto, "tcp") && !str_ieqz(proto, "udp") && !str_ieqz(proto, "sctp"))
		return err_set(e, ERR_INVALID, "invalid proto: " STR_FMT,
			       (int)MIN(proto.n, (size_t)200), proto.p);
	if (str_to_u64(first, &from) < 0 || from > UINT16_MAX)
		return bad_port(spec, e);
	to = from;
	if (first.n != range.n && (str_to_u64(last, &to) < 0 || to > UINT16_MAX || to < from))
		return bad_port(spec, e);
	for (; from <= to; from++) {
		const char *port = arena_printf(s->a, "%llu/%s", (unsigned long long)from,
						str_ieqz(proto, "tcp")	 ? "tcp"
						: str_ieqz(proto, "udp") ? "udp"
									 : "sctp");

		if (!port)
			return no_memory(e);
		if (add_to_set(&s->config->exposed_ports, port, s->a, e) < 0)
			return err_code(e);
	}
	return 0;
}

static int do_expose(struct build_state *s, const struct dockerfile_instruction *in, struct err *e)
{
	const struct dockerfile_scope scope = {.lists = {&s->config->env}, .n = 1};
	struct texts words, ports;

	if (dockerfile_words(in->rest, s->a, &words) < 0)
		return no_memory(e);
	if (!words.n)
		return needs_some("EXPOSE", e);
	for (size_t i = 0; i < words.n; i++) {
		if (dockerfile_expand_words(words.items[i], s->escape, &scope, s->a, &ports, e) < 0)
			return err_code(e);
		for (size_t k = 0; k < ports.n; k++)
			if (expose(s, ports.items[k], e) < 0)
				return err_code(e);
	}
	return 0;
}

static int do_onbuild(struct build_state *s, const struct dockerfile_instruction *in, struct err *e)
{
	struct dockerfile_instruction trigger;
	struct str name;

	if (!*in->rest)
		return needs_some("ONBUILD", e);
	if (dockerfile_parse_line(in->rest, s->escape, in->line, s->a, &trigger, e) < 0)
		return err_code(e);
	name = str_from(trigger.name);
	if (str_ieqz(name, "onbuild"))
		return err_set(e, ERR_INVALID,
			       "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
	if (str_ieqz(name, "from"))
		return err_set(e, ERR_INVALID, "FROM isn't allowed as an ONBUILD trigger");
	if (str_ieqz(name, "maintainer"))
		return err_set(e, ERR_INVALID, "MAINTAINER isn't allowed as an ONBUILD trigger");
	return add_text(&s->config->on_build, in->rest, s->a, e);
}

static int do_shell(struct build_state *s, const struct dockerfile_instruction *in, struct err *e)
{
	struct texts shell;
	int r = dockerfile_json(in->rest, s->a, &shell, e);

	if (r < 0)
		return r;
	if (!r)
		return err_set(e, ERR_INVALID, "SHELL requires the arguments to be in JSON form");
	if (!shell.n)
		return needs_some("SHELL", e);
	s->config->shell = shell;
	return 0;
}

static int do_stopsignal(struct build_state *s, const struct dockerfile_instruction *in,
			 struct err *e)
{
	const char *text;
	int signo;

	if (!*in->rest)
		return needs_one("STOPSIGNAL", e);
	if (expand(s, in->rest, &text, e) < 0 || signal_parse(text, &signo, e) < 0)
		return err_code(e);
	s->config->stop_signal = text;
	return 0;
}

static int do_user(struct build_state *s, const struct dockerfile_instruction *in, struct err *e)
{
	return *in->rest ? expand(s, in->rest, &s->config->user, e) : needs_one("USER", e);
}

static int do_volume(struct build_state *s, const struct dockerfile_instruction *in, struct err *e)
{
	struct texts paths;
	int r = dockerfile_json(in->rest, s->a, &paths, e);

	if (r < 0 || (!r && dockerfile_words(in->rest, s->a, &paths) < 0))
		return r < 0 ? r : no_memory(e);
	if (!paths.n)
		return needs_some("VOLUME", e);
	for (size_t i = 0; i < paths.n; i++) {
		const char *path;

		if (expand(s, paths.items[i], &path, e) < 0)
			return err_code(e);
		if (!*path)
			return err_set(e, ERR_INVALID,
				       "VOLUME specified can not be an empty string");
		if (add_to_set(&s->config->volumes, path, s->a, e) < 0)
			return err_code(e);
	}
	return 0;
}

/* As Go's path.Join("/", dir, path). */
static const char *join_clean(const char *dir, const char *path, struct arena *a)
{
	char *text = arena_printf(a, "/%s/%s", dir, path), *out = text, *p = text;

	while (text && *p) {
		size_t n;

		while (*p == '/')
			p++;
		n = strcspn(p, "/");
		if (n == 2 && !strncmp(p, "..", 2)) {
			while (out > text && *--out != '/')
				;
		} else if (n && !(n == 1 && *p == '.')) {
			*out++ = '/';
			memmove(out, p, n);
			out += n;
		}
		p += n;
	}
	if (text && out == text)
		*out++ = '/';
	if (text)
		*out = 0;
	return text;
}

static int do_workdir(struct build_state *s, const struct dockerfile_instruction *in, struct err *e)
{
	const char *dir = s->config->working_dir, *path;

	if (!*in->rest)
		return needs_one("WORKDIR", e);
	if (expand(s, in->rest, &path, e) < 0)
		return err_code(e);
	if (!*path)
		return err_set(e, ERR_INVALID, "cannot normalize nothing");
	path = join_clean(*path == '/' || !dir ? "" : dir, path, s->a);
	if (!path)
		return no_memory(e);
	s->config->working_dir = path;
	return 0;
}

static const struct instruction {
	const char *name;
	int (*run)(struct build_state *s, const struct dockerfile_instruction *in, struct err *e);
	bool change; /* a commit may have it */
	bool flags;  /* it looks at them itself */
} instructions[] = {
	{"cmd", do_cmd, true, false},
	{"entrypoint", do_entrypoint, true, false},
	{"env", do_env, true, false},
	{"expose", do_expose, true, false},
	{"healthcheck", build_config_health, true, true},
	{"label", do_label, true, false},
	{"onbuild", do_onbuild, true, false},
	{"shell", do_shell, false, false},
	{"stopsignal", do_stopsignal, true, false},
	{"user", do_user, true, false},
	{"volume", do_volume, true, false},
	{"workdir", do_workdir, true, false},
};

static const struct instruction *find_instruction(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(instructions); i++)
		if (str_ieqz(str_from(name), instructions[i].name))
			return &instructions[i];
	return NULL;
}

int build_config_apply(struct build_state *s, const struct dockerfile_instruction *in,
		       struct err *e)
{
	const struct instruction *found = find_instruction(in->name);

	if (!found)
		return 1;
	if (!found->flags && build_flags_check(in, NULL, e) < 0)
		return err_code(e);
	return found->run(s, in, e);
}

int build_config_changes(struct container_config *config, const struct texts *changes,
			 struct arena *a, struct err *e)
{
	struct build_state s = {.config = config, .a = a};
	struct dockerfile d;
	struct buf text;
	int r = 0;

	if (!changes->n)
		return 0;
	buf_init(&text, a, CHANGES_MAX);
	for (size_t i = 0; i < changes->n; i++) {
		if (i)
			buf_putc(&text, '\n');
		buf_puts(&text, changes->items[i]);
	}
	if (text.failed)
		return err_set(e, ERR_TOO_LARGE, "the changes are too long");
	r = dockerfile_parse(buf_str(&text), a, &d, e);
	if (r < 0)
		return r;
	s.escape = d.escape;
	for (size_t i = 0; i < d.n; i++) {
		const struct instruction *found = find_instruction(d.items[i].name);

		if (!found || !found->change)
			return err_set(e, ERR_INVALID, "%.200s is not a valid change command",
				       d.items[i].name);
	}
	for (size_t i = 0; r == 0 && i < d.n; i++)
		r = build_config_apply(&s, &d.items[i], e);
	return r;
}
