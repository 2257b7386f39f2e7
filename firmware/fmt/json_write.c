/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing JSON. The writer keeps one bit a level (was there a member already?), so it costs no
 * memory and cannot be made to write unbalanced commas. Escapes are those of Go's encoder without
 * HTML escaping, so that bytes compare equal where clients compare bytes.
 */
#include "firmware/fmt/json_private.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

void json_begin(struct json_writer *w, struct buf *out)
{
	*w = (struct json_writer){.out = out};
}

static void new_line(struct json_writer *w)
{
	buf_putc(w->out, '\n');
	for (unsigned i = 0; i < w->depth; i++)
		buf_put(w->out, "  ", 2);
}

/* What stands before a value or a key at this level. */
static void separate(struct json_writer *w)
{
	uint64_t bit;

	if (w->after_key) {
		w->after_key = false;
		return;
	}
	if (w->depth == 0)
		return;
	bit = 1ULL << (w->depth - 1);
	if (w->comma & bit)
		buf_putc(w->out, ',');
	w->comma |= bit;
	if (w->pretty)
		new_line(w);
}

static void open_level(struct json_writer *w, char c)
{
	separate(w);
	buf_putc(w->out, c);
	if (w->depth == 64) {
		w->out->failed = true;
		return;
	}
	w->depth++;
	w->comma &= ~(1ULL << (w->depth - 1));
}

static void close_level(struct json_writer *w, char c)
{
	bool filled;

	if (w->depth == 0) {
		w->out->failed = true;
		return;
	}
	w->depth--;
	filled = (w->comma >> w->depth) & 1;
	if (w->pretty && filled)
		new_line(w);
	buf_putc(w->out, c);
}

void json_object_open(struct json_writer *w)
{
	open_level(w, '{');
}

void json_object_close(struct json_writer *w)
{
	close_level(w, '}');
}

void json_array_open(struct json_writer *w)
{
	open_level(w, '[');
}

void json_array_close(struct json_writer *w)
{
	close_level(w, ']');
}

static void escape_control(struct buf *b, unsigned char c)
{
	static const char hex[] = "0123456789abcdef";
	char text[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
	char short_form = 0;

	switch (c) {
	case '"':
	case '\\':
		short_form = (char)c;
		break;
	case '\b':
		short_form = 'b';
		break;
	case '\f':
		short_form = 'f';
		break;
	case '\n':
		short_form = 'n';
		break;
	case '\r':
		short_form = 'r';
		break;
	case '\t':
		short_form = 't';
		break;
	default:
		buf_put(b, text, sizeof(text));
		return;
	}
	text[1] = short_form;
	buf_put(b, text, 2);
}

/* U+2028 and U+2029 end a line in JavaScript; Go escapes them always. */
static bool is_line_separator(const unsigned char *p)
{
	return p[0] == 0xe2 && p[1] == 0x80 && (p[2] | 1) == 0xa9;
}

void json_escape(struct buf *b, struct str s)
{
	const unsigned char *p = (const unsigned char *)s.p, *end, *run = p;

	buf_putc(b, '"');
	if (s.n == 0) {
		buf_putc(b, '"');
		return;
	}
	for (end = p + s.n;;) {
		size_t n;

		p += json_plain_length(p, end);
		if (p >= end)
			break;
		n = *p < 0x80 ? 0 : utf8_length(p, end);
		if (n > 0 && !(n == 3 && is_line_separator(p))) {
			p += n;
			continue;
		}
		buf_put(b, run, (size_t)(p - run));
		if (*p < 0x80)
			escape_control(b, *p);
		else if (n == 0)
			buf_put(b, "\\ufffd", 6);
		else
			buf_put(b, p[2] == 0xa8 ? "\\u2028" : "\\u2029", 6);
		p += n ? n : 1;
		run = p;
	}
	buf_put(b, run, (size_t)(p - run));
	buf_putc(b, '"');
}

void json_key_str(struct json_writer *w, struct str key)
{
	separate(w);
	json_escape(w->out, key);
	buf_putc(w->out, ':');
	if (w->pretty)
		buf_putc(w->out, ' ');
	w->after_key = true;
}

void json_key(struct json_writer *w, const char *key)
{
	json_key_str(w, str_from(key));
}

void json_put_str(struct json_writer *w, struct str s)
{
	separate(w);
	json_escape(w->out, s);
}

void json_put_text(struct json_writer *w, const char *s)
{
	json_put_str(w, str_from(s));
}

void json_put_u64(struct json_writer *w, uint64_t v)
{
	char text[20], *p = text + sizeof(text);

	do
		*--p = (char)('0' + v % 10);
	while (v /= 10);
	separate(w);
	buf_put(w->out, p, (size_t)(text + sizeof(text) - p));
}

void json_put_i64(struct json_writer *w, int64_t v)
{
	if (v >= 0) {
		json_put_u64(w, (uint64_t)v);
		return;
	}
	separate(w);
	buf_putc(w->out, '-');
	w->after_key = true; /* the digits follow the sign, not a comma */
	json_put_u64(w, 0 - (uint64_t)v);
}

/* Go's form: shortest digits that read back the same, an exponent only outside 1e-6 .. 1e21. */
void json_put_f64(struct json_writer *w, double v)
{
	char text[40], *e;
	int precision = 0, exp;

	if (!isfinite(v)) {
		json_put_null(w);
		return;
	}
	do
		snprintf(text, sizeof(text), "%.*e", precision, v);
	while (strtod(text, NULL) != v && ++precision < 17);
	e = strchr(text, 'e');
	exp = (int)strtol(e + 1, NULL, 10);
	if (v != 0 && (fabs(v) < 1e-6 || fabs(v) >= 1e21)) {
		if (e[2] == '0')
			memmove(e + 2, e + 3, strlen(e + 3) + 1); /* e-07 is e-7 */
	} else if (precision >= exp) {
		snprintf(text, sizeof(text), "%.*f", precision - exp, v);
	} else {
		/* Whole, with more digits than count: zeros for the others. */
		*e = 0;
		if (precision > 0)
			memmove(e - precision - 1, e - precision, (size_t)precision + 1);
		for (e = text + strlen(text); precision < exp; precision++)
			*e++ = '0';
		*e = 0;
	}
	separate(w);
	buf_puts(w->out, text);
}

void json_put_bool(struct json_writer *w, bool v)
{
	separate(w);
	buf_puts(w->out, v ? "true" : "false");
}

void json_put_null(struct json_writer *w)
{
	separate(w);
	buf_put(w->out, "null", 4);
}

void json_put_raw(struct json_writer *w, struct str json)
{
	if (json.n == 0) {
		json_put_null(w);
		return;
	}
	separate(w);
	buf_put_str(w->out, json);
}

void json_kv_text(struct json_writer *w, const char *key, const char *s)
{
	json_key(w, key);
	json_put_text(w, s);
}

void json_kv_str(struct json_writer *w, const char *key, struct str s)
{
	json_key(w, key);
	json_put_str(w, s);
}

void json_kv_i64(struct json_writer *w, const char *key, int64_t v)
{
	json_key(w, key);
	json_put_i64(w, v);
}

void json_kv_bool(struct json_writer *w, const char *key, bool v)
{
	json_key(w, key);
	json_put_bool(w, v);
}

void json_kv_null(struct json_writer *w, const char *key)
{
	json_key(w, key);
	json_put_null(w);
}
