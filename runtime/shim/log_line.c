/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nearly all bytes of nearly all logs need no escape, so runs of those are found eight bytes at a
 * time with the usual tricks of arithmetic on words, and copied in one piece.
 */
#include "runtime/shim/log_line.h"

#include <string.h>

#include "firmware/fmt/utf8.h"

#define ONES 0x0101010101010101ULL
#define HIGHS 0x8080808080808080ULL
#define HAS_ZERO(v) (((v)-ONES) & ~(v)&HIGHS)
#define HAS_BYTE(v, c) HAS_ZERO((v) ^ (ONES * (c)))

static bool is_plain(uint8_t c)
{
	return c >= 0x20 && c < 0x80 && c != '"' && c != '\\' && c != '<' && c != '>' && c != '&';
}

/* Length of the run at p that can be copied as it is. */
static size_t plain_run(const uint8_t *p, size_t n)
{
	size_t i = 0;

	for (; i + 8 <= n; i += 8) {
		uint64_t v, special;

		memcpy(&v, p + i, 8);
		special = v & HIGHS;			   /* not ASCII */
		special |= (v - ONES * 0x20) & ~v & HIGHS; /* control characters */
		special |= HAS_BYTE(v, '"') | HAS_BYTE(v, '\\') | HAS_BYTE(v, '&');
		/* '<' and '>' differ in one bit */
		special |= HAS_BYTE(v | (ONES * 2), '>');
		if (special)
			break;
	}
	while (i < n && is_plain(p[i]))
		i++;
	return i;
}

static char *put(char *out, const char *text, size_t n)
{
	memcpy(out, text, n);
	return out + n;
}

static char *escape_ascii(char *out, uint8_t c)
{
	static const char digits[] = "0123456789abcdef";

	switch (c) {
	case '"':
	case '\\':
		*out++ = '\\';
		*out++ = (char)c;
		return out;
	case '\n':
		return put(out, "\\n", 2);
	case '\r':
		return put(out, "\\r", 2);
	default:
		out = put(out, "\\u00", 4);
		*out++ = digits[c >> 4];
		*out++ = digits[c & 15];
		return out;
	}
}

char *log_escape(char *out, const uint8_t *p, size_t n)
{
	while (n) {
		size_t run = plain_run(p, n);

		out = put(out, (const char *)p, run);
		p += run;
		n -= run;
		if (!n)
			break;
		run = 1;
		if (*p < 0x80) {
			out = escape_ascii(out, *p);
		} else {
			run = utf8_length(p, p + n);
			if (!run) {
				out = put(out, "\\ufffd", 6);
				run = 1;
			} else if (run == 3 && p[0] == 0xe2 && p[1] == 0x80 &&
				   (p[2] == 0xa8 || p[2] == 0xa9)) {
				/* line and paragraph separators break JavaScript */
				out = put(out, p[2] == 0xa8 ? "\\u2028" : "\\u2029", 6);
			} else {
				out = put(out, (const char *)p, run);
			}
		}
		p += run;
		n -= run;
	}
	return out;
}

char *log_format_line(char *out, const struct log_entry *e, struct str attrs)
{
	out = put(out, "{\"log\":\"", 8);
	out = log_escape(out, e->p, e->n);
	if (e->newline)
		out = put(out, "\\n", 2);
	out = put(out, e->is_stderr ? "\",\"stream\":\"stderr\"" : "\",\"stream\":\"stdout\"", 19);
	if (attrs.n) {
		out = put(out, ",\"attrs\":", 9);
		out = put(out, attrs.p, attrs.n);
	}
	out = put(out, ",\"time\":\"", 9);
	out = put(out, e->time, e->time_len);
	return put(out, "\"}\n", 3);
}
