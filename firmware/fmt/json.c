/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Documents: jsmn's tokens over a text that json_check has passed. What is behind the tokens is
 * known to be sound, so nothing here checks grammar again.
 *
 * jsmn links each token to its parent, which it needs while parsing. Afterwards the link is turned
 * into "first token behind my subtree", so that stepping over a value costs one read however much
 * is inside it.
 */
#include "firmware/fmt/json_private.h"

#define JSMN_STATIC
#define JSMN_PARENT_LINKS
#include <jsmn.h>

struct json_doc {
	const char *text;
	jsmntok_t *tokens; /* parent: index of the token behind the subtree */
	uint32_t n_tokens;
};

static void link_subtrees(struct json_doc *d)
{
	jsmntok_t *t = d->tokens;

	for (uint32_t i = d->n_tokens; i-- > 0;) {
		uint32_t next = i + 1;

		if (t[i].type == JSMN_OBJECT || t[i].type == JSMN_ARRAY) {
			while (next < d->n_tokens && t[next].start < t[i].end)
				next = (uint32_t)t[next].parent;
		}
		t[i].parent = (int)next;
	}
}

int json_parse(struct str text, struct arena *a, struct json_node *ret_root, struct err *e)
{
	struct json_doc *d;
	uint32_t n_tokens;
	jsmn_parser parser;
	int r;

	r = json_check(text, &n_tokens, e);
	if (r < 0)
		return r;
	d = arena_alloc(a, sizeof(*d));
	if (d)
		d->tokens = arena_alloc_array(a, n_tokens, sizeof(*d->tokens));
	if (!d || !d->tokens)
		return err_set(e, ERR_UNAVAILABLE, "no memory left to read JSON");
	d->text = text.p;
	d->n_tokens = n_tokens;
	jsmn_init(&parser);
	r = jsmn_parse(&parser, text.p, text.n, d->tokens, n_tokens);
	if (r < 0 || (uint32_t)r != n_tokens)
		return err_set(e, ERR_INVALID, "JSON cannot be split into values");
	link_subtrees(d);
	*ret_root = (struct json_node){d, 0};
	return 0;
}

static const jsmntok_t *token_of(struct json_node n)
{
	return n.doc ? &n.doc->tokens[n.index] : NULL;
}

enum json_type json_type(struct json_node n)
{
	const jsmntok_t *t = token_of(n);

	if (!t)
		return JSON_NONE;
	switch (t->type) {
	case JSMN_OBJECT:
		return JSON_OBJECT;
	case JSMN_ARRAY:
		return JSON_ARRAY;
	case JSMN_STRING:
		return JSON_STRING;
	default:
		break;
	}
	switch (n.doc->text[t->start]) {
	case 'n':
		return JSON_NULL;
	case 't':
	case 'f':
		return JSON_BOOL;
	default:
		return JSON_NUMBER;
	}
}

struct str json_raw(struct json_node n)
{
	const jsmntok_t *t = token_of(n);
	int quote;

	if (!t)
		return str_span(NULL, 0);
	quote = t->type == JSMN_STRING;
	return str_span(n.doc->text + t->start - quote, (size_t)(t->end - t->start + 2 * quote));
}

size_t json_count(struct json_node n)
{
	const jsmntok_t *t = token_of(n);

	return t && (t->type == JSMN_OBJECT || t->type == JSMN_ARRAY) ? (size_t)t->size : 0;
}

static struct str body_of(const struct json_doc *d, uint32_t index)
{
	const jsmntok_t *t = &d->tokens[index];

	return str_span(d->text + t->start, (size_t)(t->end - t->start));
}

struct json_node json_get(struct json_node object, const char *name)
{
	struct json_node exact = {0}, folded = {0};
	const struct json_doc *d = object.doc;
	uint32_t key = object.index + 1;

	if (json_type(object) != JSON_OBJECT)
		return folded;
	for (size_t left = json_count(object); left > 0; left--) {
		struct json_node value = {d, key + 1};
		int match = json_key_match(body_of(d, key), name);

		if (match == 2)
			exact = value;
		else if (match == 1)
			folded = value;
		key = (uint32_t)d->tokens[key + 1].parent;
	}
	return exact.doc ? exact : folded;
}

bool json_next(struct json_node container, struct json_iter *it, struct arena *a,
	       struct str *ret_key, struct json_node *ret_value)
{
	const struct json_doc *d = container.doc;
	uint32_t value;

	if (!it->started) {
		it->started = true;
		it->left = (uint32_t)json_count(container);
		it->next = container.index + 1;
	}
	if (it->left == 0)
		return false;
	value = it->next;
	if (json_type(container) == JSON_OBJECT) {
		if (ret_key && json_unescape(body_of(d, value), a, ret_key) < 0) {
			it->failed = true;
			it->left = 0;
			return false;
		}
		value++;
	}
	it->left--;
	it->next = (uint32_t)d->tokens[value].parent;
	*ret_value = (struct json_node){d, value};
	return true;
}

int json_string(struct json_node n, struct arena *a, struct str *ret)
{
	if (json_type(n) != JSON_STRING)
		return -EINVAL;
	return json_unescape(body_of(n.doc, n.index), a, ret);
}

int json_bool(struct json_node n, bool *ret)
{
	if (json_type(n) != JSON_BOOL)
		return -EINVAL;
	*ret = n.doc->text[token_of(n)->start] == 't';
	return 0;
}
