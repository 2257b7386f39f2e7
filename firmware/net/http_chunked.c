/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The chunked coding as a byte machine. A size has at most 15 hex digits; extensions are skipped
 * and, like the trailers, bounded, so that a sender cannot keep a reader busy without payload.
 */
#include "firmware/net/http.h"

#include <errno.h>

enum {
	SIZE_DIGITS_MAX = 15,
	EXTENSION_MAX = 256,
	TRAILERS_MAX = 4096,
};

enum state {
	SIZE_FIRST,
	SIZE,
	EXTENSION,
	SIZE_LF,
	DATA,
	DATA_CR,
	DATA_LF,
	TRAILER_START,
	TRAILER,
	TRAILER_LF,
	END_LF,
	DONE,
};

void http_chunked_init(struct http_chunked *c)
{
	c->state = SIZE_FIRST;
	c->left = 0;
	c->line = 0;
}

static int hex_value(unsigned char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static bool is_text(unsigned char c)
{
	return (c >= 0x20 && c != 0x7f) || c == '\t';
}

static int size_byte(struct http_chunked *c, unsigned char b)
{
	int v = hex_value(b);

	if (v >= 0) {
		if (++c->line > SIZE_DIGITS_MAX)
			return -EINVAL;
		c->left = c->left << 4 | (uint64_t)v;
		c->state = SIZE;
		return 0;
	}
	if (c->state == SIZE_FIRST)
		return -EINVAL;
	c->line = 0;
	if (b == '\r')
		c->state = SIZE_LF;
	else if (b == ';')
		c->state = EXTENSION;
	else
		return -EINVAL;
	return 0;
}

static int trailer_byte(struct http_chunked *c, unsigned char b)
{
	if (++c->line > TRAILERS_MAX)
		return -EINVAL;
	if (b == '\r')
		c->state = c->state == TRAILER_START ? END_LF : TRAILER_LF;
	else if (!is_text(b) || (c->state == TRAILER_START && (b == ' ' || b == '\t')))
		return -EINVAL;
	else
		c->state = TRAILER;
	return 0;
}

/* One byte outside of the payload. */
static int framing_byte(struct http_chunked *c, unsigned char b)
{
	switch (c->state) {
	case SIZE_FIRST:
	case SIZE:
		return size_byte(c, b);
	case EXTENSION:
		if (++c->line > EXTENSION_MAX || (b != '\r' && !is_text(b)))
			return -EINVAL;
		if (b == '\r')
			c->state = SIZE_LF;
		return 0;
	case DATA_CR:
		c->state = DATA_LF;
		return b == '\r' ? 0 : -EINVAL;
	case TRAILER_START:
	case TRAILER:
		return trailer_byte(c, b);
	default:
		break;
	}
	/* all that is left wants a line feed */
	if (b != '\n')
		return -EINVAL;
	if (c->state == SIZE_LF) {
		c->line = 0;
		c->state = c->left > 0 ? DATA : TRAILER_START;
	} else if (c->state == DATA_LF)
		http_chunked_init(c);
	else if (c->state == TRAILER_LF)
		c->state = TRAILER_START;
	else
		c->state = DONE;
	return 0;
}

int http_chunked_step(struct http_chunked *c, struct str in, size_t *ret_used, struct str *ret_out)
{
	size_t at = 0;

	*ret_out = str_span(in.p, 0);
	*ret_used = 0;
	while (c->state != DONE && at < in.n) {
		if (c->state == DATA) {
			size_t n = in.n - at;

			if (n > c->left)
				n = (size_t)c->left;
			c->left -= n;
			if (c->left == 0)
				c->state = DATA_CR;
			*ret_out = str_span(in.p + at, n);
			*ret_used = at + n;
			return 0;
		}
		if (framing_byte(c, (unsigned char)in.p[at]) < 0)
			return -EINVAL;
		at++;
	}
	*ret_used = at;
	return c->state == DONE ? 1 : 0;
}
