/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/container/log_tag.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "firmware/core/buf.h"
#include "firmware/fmt/json.h"

#define TAG_MAX 4096
#define ARGS_MAX 4
#define PAD_MAX 256
#define SHORT_ID 12

struct value {
	bool is_number;
	int64_t number;
	struct str text;
};

struct run {
	const struct log_info *info;
	struct arena *a;
	struct str at; /* what is left of the action */
	struct err *e;
};

/* --- what there is to tell --- */

static const char *or_empty(const char *s)
{
	return s ? s : "";
}

static struct str short_id(const char *id)
{
	struct str s = str_from(or_empty(id));

	s.n = MIN(s.n, (size_t)SHORT_ID);
	return s;
}

static struct str full_command(const struct run *r)
{
	struct buf b;

	buf_init(&b, r->a, TAG_MAX);
	buf_puts(&b, or_empty(r->info->path));
	for (size_t i = 0; i < r->info->args->n; i++) {
		buf_putc(&b, ' ');
		buf_puts(&b, r->info->args->items[i]);
	}
	return buf_str(&b);
}

/* As Go prints a map: keys in order. */
static int all_attributes(struct run *r, struct str *ret)
{
	struct text_map map;
	struct buf b;

	if (log_attributes(r->info, r->a, &map, r->e) < 0)
		return -EINVAL;
	buf_init(&b, r->a, TAG_MAX);
	buf_puts(&b, "map[");
	for (size_t i = 0; i < map.n; i++)
		buf_printf(&b, "%s%s:%s", i ? " " : "", map.items[i].key, map.items[i].value);
	buf_putc(&b, ']');
	*ret = buf_str(&b);
	return 0;
}

static int read_field(struct run *r, struct str name, struct str *ret)
{
	const struct log_info *i = r->info;
	const struct {
		const char *name;
		struct str text;
	} fields[] = {
		{"ID", short_id(i->id)},
		{"FullID", str_from(i->id)},
		{"Name", str_from(i->name)},
		{"ImageID", short_id(i->image_id)},
		{"ImageFullID", str_from(or_empty(i->image_id))},
		{"ImageName", str_from(or_empty(i->image_name))},
		{"DaemonName", STR("docker")},
		{"Hostname", str_from(or_empty(i->hostname))},
		{"LogPath", str_from(or_empty(i->log_path))},
		{"ContainerID", str_from(i->id)},
		{"ContainerImageID", str_from(or_empty(i->image_id))},
		{"ContainerImageName", str_from(or_empty(i->image_name))},
		{"ContainerEntrypoint", str_from(or_empty(i->path))},
	};

	for (size_t k = 0; k < ARRAY_LEN(fields); k++) {
		if (str_eqz(name, fields[k].name)) {
			*ret = fields[k].text;
			return 0;
		}
	}
	if (str_eqz(name, "Command")) {
		*ret = full_command(r);
		return 0;
	}
	if (str_eqz(name, "ExtraAttributes"))
		return all_attributes(r, ret);
	if (str_eqz(name, "ContainerName")) {
		const char *text = arena_printf(r->a, "/%s", i->name);

		*ret = str_from(or_empty(text));
		return 0;
	}
	return err_set(r->e, ERR_INVALID,
		       "template: log-tag:1: executing \"log-tag\" at <." STR_FMT
		       ">: can't evaluate field " STR_FMT " in type *logger.Info",
		       STR_ARG(name), STR_ARG(name));
}

/* --- functions of pipelines --- */

static int bad_call(struct run *r, struct str name)
{
	return err_set(r->e, ERR_INVALID,
		       "template: log-tag:1: executing \"log-tag\" at <" STR_FMT
		       ">: wrong number or type of args for " STR_FMT,
		       STR_ARG(name), STR_ARG(name));
}

static int change_case(struct run *r, struct str name, struct value *v)
{
	bool title = str_eqz(name, "title"), upper = str_eqz(name, "upper"), start = true;
	char *out = arena_strndup(r->a, v->text.p, v->text.n);

	for (size_t i = 0; out && i < v->text.n; i++) {
		unsigned char c = (unsigned char)out[i];

		if (c < 0x80 && (title ? start : upper))
			out[i] = (char)toupper(c);
		else if (c < 0x80 && !title)
			out[i] = (char)tolower(c);
		start = !isalnum(c) && c != '_' && c != '\'' && c < 0x80;
	}
	v->text = str_span(out ? out : "", out ? v->text.n : 0);
	return 0;
}

static int pad(struct run *r, struct value *v, int64_t before, int64_t after)
{
	struct buf b;

	if (before < 0 || after < 0 || before > PAD_MAX || after > PAD_MAX)
		return bad_call(r, STR("pad"));
	if (!v->text.n)
		return 0;
	buf_init(&b, r->a, TAG_MAX);
	for (; before; before--)
		buf_putc(&b, ' ');
	buf_put_str(&b, v->text);
	for (; after; after--)
		buf_putc(&b, ' ');
	v->text = buf_str(&b);
	return 0;
}

static int call(struct run *r, struct str name, struct value *args, size_t n, struct value *ret)
{
	struct value v = n ? args[0] : (struct value){0};
	struct buf b;
	int code = 0;

	if (str_eqz(name, "lower") || str_eqz(name, "upper") || str_eqz(name, "title")) {
		if (n != 1 || v.is_number)
			return bad_call(r, name);
		code = change_case(r, name, &v);
	} else if (str_eqz(name, "json")) {
		if (n != 1)
			return bad_call(r, name);
		buf_init(&b, r->a, TAG_MAX);
		if (v.is_number)
			buf_printf(&b, "%lld", (long long)v.number);
		else
			json_escape(&b, v.text);
		v = (struct value){.text = buf_str(&b)};
	} else if (str_eqz(name, "truncate")) {
		if (n != 2 || v.is_number || !args[1].is_number || args[1].number < 0)
			return bad_call(r, name);
		v.text.n = MIN(v.text.n, (size_t)args[1].number);
	} else if (str_eqz(name, "pad")) {
		if (n != 3 || v.is_number || !args[1].is_number || !args[2].is_number)
			return bad_call(r, name);
		code = pad(r, &v, args[1].number, args[2].number);
	} else {
		return err_set(r->e, ERR_INVALID,
			       "template: log-tag:1: function \"" STR_FMT "\" not defined",
			       STR_ARG(name));
	}
	*ret = v;
	return code;
}

/* --- the markup --- */

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

static void skip_blanks(struct run *r)
{
	while (r->at.n && isspace((unsigned char)*r->at.p))
		r->at = str_span(r->at.p + 1, r->at.n - 1);
}

static struct str take(struct run *r, size_t n)
{
	struct str s = str_span(r->at.p, n);

	r->at = str_span(r->at.p + n, r->at.n - n);
	return s;
}

static struct str take_word(struct run *r)
{
	size_t n = 0;

	while (n < r->at.n && is_word(r->at.p[n]))
		n++;
	return take(r, n);
}

static int unexpected(struct run *r)
{
	return err_set(r->e, ERR_INVALID,
		       "template: log-tag:1: unexpected \"" STR_FMT "\" in command",
		       (int)MIN(r->at.n, (size_t)32), r->at.p);
}

/* "text" with \" and \\ and \n and \t in it, or `text`. */
static int read_quoted(struct run *r, struct value *ret)
{
	char quote = r->at.p[0];
	struct buf b;
	size_t i = 1;

	buf_init(&b, r->a, TAG_MAX);
	for (; i < r->at.n && r->at.p[i] != quote; i++) {
		char c = r->at.p[i];

		if (c == '\\' && quote == '"' && i + 1 < r->at.n) {
			c = r->at.p[++i];
			c = (char)(c == 'n' ? '\n' : c == 't' ? '\t' : c);
		}
		buf_putc(&b, c);
	}
	if (i >= r->at.n)
		return err_set(r->e, ERR_INVALID,
			       "template: log-tag:1: unterminated quoted string");
	(void)take(r, i + 1);
	*ret = (struct value){.text = buf_str(&b)};
	return 0;
}

static int read_number(struct run *r, struct value *ret)
{
	size_t n = 1;

	while (n < r->at.n && isdigit((unsigned char)r->at.p[n]))
		n++;
	*ret = (struct value){.is_number = true};
	return str_to_i64(take(r, n), &ret->number) < 0 ? unexpected(r) : 0;
}

static int read_operand(struct run *r, struct value *ret)
{
	char c = r->at.n ? r->at.p[0] : 0;
	struct str name;
	int code;

	if (c == '"' || c == '`')
		return read_quoted(r, ret);
	if (isdigit((unsigned char)c) || c == '-')
		return read_number(r, ret);
	if (c != '.')
		return unexpected(r);
	(void)take(r, 1);
	name = take_word(r);
	if (!name.n)
		return unexpected(r);
	*ret = (struct value){0};
	code = read_field(r, name, &ret->text);
	skip_blanks(r);
	/* That method has an argument, a function, of which there is none but nil. */
	if (code == 0 && str_eqz(name, "ExtraAttributes") && r->at.n >= 3 &&
	    !memcmp(r->at.p, "nil", 3))
		(void)take(r, 3);
	return code;
}

/* One command of a pipeline; what came through the pipe is its last argument. */
static int read_command(struct run *r, bool piped, struct value *value)
{
	struct value args[ARGS_MAX];
	struct str name;
	size_t n = 0;
	int code;

	skip_blanks(r);
	if (!r->at.n || !(isalpha((unsigned char)*r->at.p) || *r->at.p == '_'))
		return piped ? unexpected(r) : read_operand(r, value);
	name = take_word(r);
	for (;;) {
		skip_blanks(r);
		if (!r->at.n || r->at.p[0] == '|')
			break;
		if (n == ARGS_MAX - 1)
			return bad_call(r, name);
		code = read_operand(r, &args[n++]);
		if (code < 0)
			return code;
	}
	if (piped)
		args[n++] = *value;
	return call(r, name, args, n, value);
}

static int run_action(struct run *r, struct buf *out)
{
	struct value v = {0};
	bool piped = false;
	int code;

	if (str_starts(r->at, "/*") && str_ends(r->at, "*/") && r->at.n >= 4)
		return 0;
	skip_blanks(r);
	if (!r->at.n)
		return err_set(r->e, ERR_INVALID, "template: log-tag:1: missing value for command");
	for (;; piped = true) {
		code = read_command(r, piped, &v);
		if (code < 0)
			return code;
		skip_blanks(r);
		if (!r->at.n)
			break;
		if (r->at.p[0] != '|')
			return unexpected(r);
		(void)take(r, 1);
	}
	if (v.is_number)
		buf_printf(out, "%lld", (long long)v.number);
	else
		buf_put_str(out, v.text);
	return 0;
}

static ptrdiff_t find_pair(struct str s, char c)
{
	for (size_t i = 0; i + 1 < s.n; i++)
		if (s.p[i] == c && s.p[i + 1] == c)
			return (ptrdiff_t)i;
	return -1;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* {{- and -}} take the blanks away that stand outside of them. */
static struct str trim_action(struct str action, struct buf *out, bool *ret_trim_right)
{
	if (action.n >= 2 && action.p[0] == '-' && is_blank(action.p[1])) {
		action = str_span(action.p + 1, action.n - 1);
		while (out->n && is_blank(out->p[out->n - 1]))
			out->n--;
	}
	*ret_trim_right =
		action.n >= 2 && action.p[action.n - 1] == '-' && is_blank(action.p[action.n - 2]);
	if (*ret_trim_right)
		action.n--;
	while (action.n && is_blank(action.p[action.n - 1]))
		action.n--;
	while (action.n && is_blank(action.p[0]))
		action = str_span(action.p + 1, action.n - 1);
	return action;
}

int log_tag(const struct log_info *info, const char *otherwise, struct arena *a, const char **ret,
	    struct err *e)
{
	const char *given = text_map_get(info->options, "tag");
	struct run r = {.info = info, .a = a, .e = e};
	struct str left = str_from(given && *given ? given : otherwise);
	struct buf out;
	ptrdiff_t at;

	buf_init(&out, a, TAG_MAX);
	while ((at = find_pair(left, '{')) >= 0) {
		bool trim_right;
		ptrdiff_t end;

		buf_put(&out, left.p, (size_t)at);
		left = str_span(left.p + at + 2, left.n - (size_t)at - 2);
		end = find_pair(left, '}');
		if (end < 0)
			return err_set(e, ERR_INVALID, "template: log-tag:1: unclosed action");
		r.at = trim_action(str_span(left.p, (size_t)end), &out, &trim_right);
		if (run_action(&r, &out) < 0)
			return -EINVAL;
		left = str_span(left.p + end + 2, left.n - (size_t)end - 2);
		while (trim_right && left.n && is_blank(*left.p))
			left = str_span(left.p + 1, left.n - 1);
	}
	buf_put_str(&out, left);
	if (out.failed)
		return err_set(e, ERR_INVALID, "the log's tag is too long");
	*ret = buf_text(&out);
	return 0;
}
