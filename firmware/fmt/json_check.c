/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The strict half of reading JSON. jsmn finds tokens quickly but takes much that is not JSON, so
 * this checker goes over the text first: a small state machine without recursion, one bit a level
 * to remember whether it is inside an object. It also counts the tokens jsmn will want, so that
 * they are allocated once and exactly. Its messages are those of Go's encoding/json, which clients
 * know.
 */
#include "firmware/fmt/json_private.h"

#include <limits.h>
#include <stdio.h>

struct check {
	const unsigned char *p, *end;
	struct err *e;
	uint32_t tokens;
	unsigned depth;
	uint64_t objects; /* bit d: level d is an object */
};

_Static_assert(CONFIG_JSON_DEPTH >= 1 && CONFIG_JSON_DEPTH <= 64, "one bit a level");

static bool is_space(unsigned char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_digit(unsigned char c)
{
	return c >= '0' && c <= '9';
}

static int hex_value(unsigned char c)
{
	if (is_digit(c))
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void skip_space(struct check *k)
{
	while (k->p < k->end && is_space(*k->p))
		k->p++;
}

/* The byte as Go quotes it in messages. */
static void quote_char(unsigned char c, char out[12])
{
	static const char named[] = "abtnvfr";

	if (c == '\'')
		snprintf(out, 12, "'\\''");
	else if (c == '\\')
		snprintf(out, 12, "'\\\\'");
	else if (c >= 7 && c <= 13)
		snprintf(out, 12, "'\\%c'", named[c == 7 ? 0 : c - 7]);
	else if (c < 0x20 || c == 0x7f)
		snprintf(out, 12, "'\\x%02x'", c);
	else if (c < 0x80)
		snprintf(out, 12, "'%c'", c);
	else if (c <= 0xa0 || c == 0xad)
		snprintf(out, 12, "'\\u%04x'", c);
	else
		snprintf(out, 12, "'%c%c'", 0xc0 | (c >> 6), 0x80 | (c & 0x3f));
}

/* The text does not go on as it must: at its end, or with a wrong byte. */
static int refuse(struct check *k, const char *where)
{
	char quoted[12];

	if (k->p >= k->end)
		return err_set(k->e, ERR_INVALID, "unexpected end of JSON input");
	quote_char(*k->p, quoted);
	return err_set(k->e, ERR_INVALID, "invalid character %s %s", quoted, where);
}

static int check_escape(struct check *k)
{
	k->p++;
	if (k->p >= k->end)
		return refuse(k, "");
	if (*k->p == 'u') {
		k->p++;
		for (int i = 0; i < 4; i++, k->p++) {
			if (k->p >= k->end || hex_value(*k->p) < 0)
				return refuse(k, "in \\u hexadecimal character escape");
		}
		return 0;
	}
	if (*k->p == 0 || !strchr("\"\\/bfnrt", *k->p))
		return refuse(k, "in string escape code");
	k->p++;
	return 0;
}

static int check_string(struct check *k)
{
	k->tokens++;
	k->p++;
	for (;;) {
		size_t n;

		k->p += json_plain_length(k->p, k->end);
		if (k->p >= k->end || *k->p < 0x20)
			return refuse(k, "in string literal");
		if (*k->p == '"') {
			k->p++;
			return 0;
		}
		if (*k->p == '\\') {
			int r = check_escape(k);

			if (r < 0)
				return r;
			continue;
		}
		n = utf8_length(k->p, k->end);
		if (n == 0)
			return err_set(k->e, ERR_INVALID, "invalid UTF-8 in string literal");
		k->p += n;
	}
}

static int check_digits(struct check *k, const char *where)
{
	if (k->p >= k->end || !is_digit(*k->p))
		return refuse(k, where);
	while (k->p < k->end && is_digit(*k->p))
		k->p++;
	return 0;
}

static int check_number(struct check *k)
{
	int r = 0;

	k->tokens++;
	if (*k->p == '-')
		k->p++;
	if (k->p < k->end && *k->p == '0')
		k->p++;
	else
		r = check_digits(k, "in numeric literal");
	if (r == 0 && k->p < k->end && *k->p == '.') {
		k->p++;
		r = check_digits(k, "after decimal point in numeric literal");
	}
	if (r == 0 && k->p < k->end && (*k->p | 0x20) == 'e') {
		k->p++;
		if (k->p < k->end && (*k->p == '+' || *k->p == '-'))
			k->p++;
		r = check_digits(k, "in exponent of numeric literal");
	}
	return r;
}

static int check_literal(struct check *k, const char *word)
{
	char where[48];

	k->tokens++;
	for (const char *w = word; *w; w++, k->p++) {
		if (k->p < k->end && *k->p == (unsigned char)*w)
			continue;
		snprintf(where, sizeof(where), "in literal %s (expecting '%c')", word, *w);
		return refuse(k, where);
	}
	return 0;
}

static int check_key(struct check *k)
{
	int r;

	if (k->p >= k->end || *k->p != '"')
		return refuse(k, "looking for beginning of object key string");
	r = check_string(k);
	if (r < 0)
		return r;
	skip_space(k);
	if (k->p >= k->end || *k->p != ':')
		return refuse(k, "after object key");
	k->p++;
	skip_space(k);
	return 0;
}

/* Enter a container. 1: it has members and p stands at the first value; 0: it was empty. */
static int check_open(struct check *k)
{
	bool object = *k->p == '{';
	int r;

	if (k->depth == CONFIG_JSON_DEPTH)
		return err_set(k->e, ERR_TOO_LARGE, "JSON is nested deeper than %d levels",
			       CONFIG_JSON_DEPTH);
	k->tokens++;
	k->p++;
	skip_space(k);
	if (k->p < k->end && *k->p == (object ? '}' : ']')) {
		k->p++;
		return 0;
	}
	if (object)
		k->objects |= 1ULL << k->depth;
	else
		k->objects &= ~(1ULL << k->depth);
	k->depth++;
	if (object) {
		r = check_key(k);
		if (r < 0)
			return r;
	}
	return 1;
}

/* One value; 1 when it was the opening of a container whose first value follows. */
static int check_value(struct check *k)
{
	unsigned char c = k->p < k->end ? *k->p : 0;

	if (k->tokens > CONFIG_JSON_TOKENS)
		return err_set(k->e, ERR_TOO_LARGE, "JSON has more than %d values",
			       CONFIG_JSON_TOKENS);
	switch (c) {
	case '{':
	case '[':
		return check_open(k);
	case '"':
		return check_string(k);
	case 't':
		return check_literal(k, "true");
	case 'f':
		return check_literal(k, "false");
	case 'n':
		return check_literal(k, "null");
	default:
		if (c == '-' || is_digit(c))
			return check_number(k);
		return refuse(k, "looking for beginning of value");
	}
}

/* What stands behind a value: closings, then 1 at a comma's next value or 0 at the very end. */
static int check_after(struct check *k)
{
	while (k->depth > 0) {
		bool object = (k->objects >> (k->depth - 1)) & 1;
		int r;

		skip_space(k);
		if (k->p < k->end && *k->p == (object ? '}' : ']')) {
			k->p++;
			k->depth--;
			continue;
		}
		if (k->p >= k->end || *k->p != ',')
			return refuse(k, object ? "after object key:value pair"
						: "after array element");
		k->p++;
		skip_space(k);
		if (object) {
			r = check_key(k);
			if (r < 0)
				return r;
		}
		return 1;
	}
	return 0;
}

int json_check(struct str text, uint32_t *ret_tokens, struct err *e)
{
	struct check k = {.e = e};
	int r;

	if (text.n > INT_MAX / 2)
		return err_set(e, ERR_TOO_LARGE, "JSON text is too long");
	k.p = (const unsigned char *)(text.p ? text.p : "");
	k.end = k.p + text.n;
	skip_space(&k);
	do {
		do
			r = check_value(&k);
		while (r == 1);
		if (r == 0)
			r = check_after(&k);
	} while (r == 1);
	if (r < 0)
		return r;
	if (k.tokens > CONFIG_JSON_TOKENS)
		return err_set(e, ERR_TOO_LARGE, "JSON has more than %d values",
			       CONFIG_JSON_TOKENS);
	skip_space(&k);
	if (k.p < k.end)
		return err_set(e, ERR_INVALID, "unexpected content after JSON");
	*ret_tokens = k.tokens;
	return 0;
}
