/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/fmt/yaml.h"

#include <string.h>
#include <yaml.h>

#include "firmware/fmt/json.h"

struct reader {
	yaml_parser_t parser;
	struct json_writer w;
	struct {
		bool mapping, want_key;
	} nest[CONFIG_JSON_DEPTH];
	unsigned depth;
};

static bool is_one_of(struct str text, const char *const *words, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (str_eqz(text, words[i]))
			return true;
	return false;
}

static size_t count_digits(struct str text, size_t from)
{
	size_t n = 0;

	while (from + n < text.n && text.p[from + n] >= '0' && text.p[from + n] <= '9')
		n++;
	return n;
}

/* JSON's grammar of numbers, which is all that is taken for one. */
static bool is_number(struct str text)
{
	size_t i = text.n && text.p[0] == '-', n = count_digits(text, i);

	if (!n || (n > 1 && text.p[i] == '0'))
		return false;
	i += n;
	if (i < text.n && text.p[i] == '.') {
		n = count_digits(text, i + 1);
		if (!n)
			return false;
		i += n + 1;
	}
	if (i < text.n && (text.p[i] == 'e' || text.p[i] == 'E')) {
		i++;
		i += i < text.n && (text.p[i] == '+' || text.p[i] == '-');
		n = count_digits(text, i);
		if (!n)
			return false;
		i += n;
	}
	return i == text.n;
}

static void put_scalar(struct json_writer *w, const yaml_event_t *event)
{
	static const char *const nulls[] = {"", "~", "null", "Null", "NULL"};
	static const char *const yes[] = {"true", "True", "TRUE"};
	static const char *const no[] = {"false", "False", "FALSE"};
	struct str text =
		str_span((const char *)event->data.scalar.value, event->data.scalar.length);

	if (event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
		json_put_str(w, text);
	else if (is_one_of(text, nulls, ARRAY_LEN(nulls)))
		json_put_null(w);
	else if (is_one_of(text, yes, ARRAY_LEN(yes)))
		json_put_bool(w, true);
	else if (is_one_of(text, no, ARRAY_LEN(no)))
		json_put_bool(w, false);
	else if (is_number(text))
		json_put_raw(w, text);
	else
		json_put_str(w, text);
}

static int fail(const yaml_mark_t *mark, const char *what, struct err *e)
{
	return err_set(e, ERR_INVALID, "line %zu: %s", mark->line + 1,
		       what ? what : "not understood");
}

static int open_nest(struct reader *r, const yaml_event_t *event, struct err *e)
{
	bool mapping = event->type == YAML_MAPPING_START_EVENT;

	if (r->depth == ARRAY_LEN(r->nest))
		return fail(&event->start_mark, "nested too deep", e);
	r->nest[r->depth].mapping = r->nest[r->depth].want_key = mapping;
	r->depth++;
	if (mapping)
		json_object_open(&r->w);
	else
		json_array_open(&r->w);
	return 0;
}

/* A value is complete: the next thing in a mapping is a key. */
static void after_value(struct reader *r)
{
	if (r->depth)
		r->nest[r->depth - 1].want_key = r->nest[r->depth - 1].mapping;
}

static int take(struct reader *r, const yaml_event_t *event, struct err *e)
{
	bool key = r->depth && r->nest[r->depth - 1].want_key;

	switch (event->type) {
	case YAML_SCALAR_EVENT:
		if (!key) {
			put_scalar(&r->w, event);
			after_value(r);
			return 0;
		}
		json_key_str(&r->w, str_span((const char *)event->data.scalar.value,
					     event->data.scalar.length));
		r->nest[r->depth - 1].want_key = false;
		return 0;
	case YAML_MAPPING_START_EVENT:
	case YAML_SEQUENCE_START_EVENT:
		if (key)
			return fail(&event->start_mark, "a key that is no text", e);
		return open_nest(r, event, e);
	case YAML_MAPPING_END_EVENT:
		json_object_close(&r->w);
		break;
	case YAML_SEQUENCE_END_EVENT:
		json_array_close(&r->w);
		break;
	case YAML_ALIAS_EVENT:
		return fail(&event->start_mark, "aliases are not taken", e);
	default:
		return 0;
	}
	r->depth--;
	after_value(r);
	return 0;
}

static int read_document(struct reader *r, struct buf *out, struct err *e)
{
	bool over = false;
	int rc = 0;

	while (!over && rc == 0) {
		yaml_event_t event;

		if (!yaml_parser_parse(&r->parser, &event))
			return fail(&r->parser.problem_mark, r->parser.problem, e);
		if (event.type == YAML_STREAM_END_EVENT) {
			json_put_null(&r->w);
			over = true;
		}
		over = over || event.type == YAML_DOCUMENT_END_EVENT;
		rc = take(r, &event, e);
		yaml_event_delete(&event);
		if (out->failed)
			rc = err_set(e, ERR_TOO_LARGE, "the document is too large");
	}
	return rc;
}

int yaml_to_json(struct str yaml, struct buf *out, struct err *e)
{
	struct reader r = {0};
	int rc;

	if (!yaml_parser_initialize(&r.parser))
		return err_set(e, ERR_UNAVAILABLE, "no memory to read YAML");
	yaml_parser_set_input_string(&r.parser, (const unsigned char *)yaml.p, yaml.n);
	json_begin(&r.w, out);
	rc = read_document(&r, out, e);
	yaml_parser_delete(&r.parser);
	return rc;
}
