/* SPDX-License-Identifier: Apache-2.0 */
/* From the text of a checked JSON value to what it means: escapes and numbers. */
#include "firmware/fmt/json_private.h"

#include <math.h>
#include <stdlib.h>

static unsigned hex4(const char *p)
{
	unsigned v = 0;

	for (int i = 0; i < 4; i++) {
		unsigned c = (unsigned char)p[i];

		v = v << 4 | (c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
	}
	return v;
}

static size_t utf8_put(char out[4], unsigned c)
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xe0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 0x3f));
		out[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 0x3f));
	out[2] = (char)(0x80 | (c >> 6 & 0x3f));
	out[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

/*
 * Decode the escape at *p (which points at the backslash of a checked text) and step over it.
 * A surrogate without its other half becomes U+FFFD, as in Go.
 */
static size_t unescape_one(const char **p, const char *end, char out[4])
{
	static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
	char c = (*p)[1];
	const char *known;
	unsigned code;

	*p += 2;
	if (c != 'u') {
		known = strchr(from, c);
		out[0] = known ? to[known - from] : c;
		return 1;
	}
	code = hex4(*p);
	*p += 4;
	if (code < 0xd800 || code > 0xdfff)
		return utf8_put(out, code);
	if (code <= 0xdbff && end - *p >= 6 && (*p)[0] == '\\' && (*p)[1] == 'u') {
		unsigned low = hex4(*p + 2);

		if (low >= 0xdc00 && low <= 0xdfff) {
			*p += 6;
			return utf8_put(out, 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00));
		}
	}
	return utf8_put(out, 0xfffd);
}

int json_unescape(struct str body, struct arena *a, struct str *ret)
{
	const char *p = body.p, *end = body.p + body.n;
	const char *escape = body.n ? memchr(p, '\\', body.n) : NULL;
	char *out, *o;

	if (!escape) {
		*ret = body;
		return 0;
	}
	/* No escape is shorter than what it stands for. */
	out = o = arena_alloc(a, body.n + 1);
	if (!out)
		return -ENOMEM;
	while (escape) {
		memcpy(o, p, (size_t)(escape - p));
		o += escape - p;
		p = escape;
		o += unescape_one(&p, end, o);
		escape = memchr(p, '\\', (size_t)(end - p));
	}
	memcpy(o, p, (size_t)(end - p));
	o += end - p;
	*ret = str_span(out, (size_t)(o - out));
	return 0;
}

static char fold(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

int json_key_match(struct str body, const char *name)
{
	const char *p = body.p, *end = body.p + body.n;
	int match = 2;

	while (p < end) {
		char c[4];
		size_t n = 1;

		if (*p == '\\')
			n = unescape_one(&p, end, c);
		else
			c[0] = *p++;
		for (size_t i = 0; i < n; i++, name++) {
			if (*name == 0 || c[i] == 0)
				return 0;
			if (*name == c[i])
				continue;
			if (fold(*name) != fold(c[i]))
				return 0;
			match = 1;
		}
	}
	return *name ? 0 : match;
}

/* A decimal number taken apart: the digits without point or zeros at either end, times 10^exp. */
struct decimal {
	bool negative;
	int64_t exp;
	size_t n; /* digits */
	char digits[20];
};

#define EXP_MAX 1000000000

/* False when there are more digits than fit any 64-bit integer. */
static bool decimal_read(struct str raw, struct decimal *d)
{
	const char *p = raw.p, *end = raw.p + raw.n;
	int64_t exp = 0, zeros = 0;
	bool fraction = false, down = false, fits = true;

	*d = (struct decimal){.negative = *p == '-'};
	if (d->negative)
		p++;
	for (; p < end && (*p | 0x20) != 'e'; p++) {
		if (*p == '.') {
			fraction = true;
			continue;
		}
		if (fraction)
			d->exp--;
		if (*p == '0') {
			zeros += d->n > 0; /* kept back: they count only before another digit */
			continue;
		}
		for (; zeros > 0 && fits; zeros--) {
			fits = d->n < sizeof(d->digits) - 1;
			if (fits)
				d->digits[d->n++] = '0';
		}
		fits = fits && d->n < sizeof(d->digits) - 1;
		if (fits)
			d->digits[d->n++] = *p;
	}
	d->exp += zeros;
	if (p < end)
		p++;
	if (p < end && (*p == '+' || *p == '-'))
		down = *p++ == '-';
	for (; p < end; p++)
		exp = exp < EXP_MAX ? exp * 10 + (*p - '0') : exp;
	d->exp += down ? -exp : exp;
	return fits;
}

int json_i64(struct json_node n, int64_t *ret)
{
	struct decimal d;
	uint64_t v = 0;
	bool fits;

	if (json_type(n) != JSON_NUMBER)
		return -EINVAL;
	fits = decimal_read(json_raw(n), &d);
	if (d.n == 0) {
		*ret = 0;
		return 0;
	}
	if (d.exp < 0)
		return -EINVAL;
	if (!fits || d.exp > 19 || d.n + (size_t)d.exp > 19)
		return -ERANGE;
	for (size_t i = 0; i < d.n; i++)
		v = v * 10 + (uint64_t)(d.digits[i] - '0');
	for (; d.exp > 0; d.exp--)
		v *= 10;
	if (v > (uint64_t)INT64_MAX + d.negative)
		return -ERANGE;
	*ret = (int64_t)(d.negative ? 0 - v : v);
	return 0;
}

int json_f64(struct json_node n, double *ret)
{
	struct str raw = json_raw(n);
	char text[512];
	double v;

	if (json_type(n) != JSON_NUMBER)
		return -EINVAL;
	if (!str_copy(text, sizeof(text), raw))
		return -ERANGE;
	v = strtod(text, NULL);
	if (isinf(v))
		return -ERANGE;
	*ret = v;
	return 0;
}
