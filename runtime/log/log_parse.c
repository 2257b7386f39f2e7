/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/log/log_parse.h"

#include <errno.h>

#include "firmware/core/clock.h"
#include "firmware/fmt/json.h"

#define ONES 0x0101010101010101ULL
#define HIGHS 0x8080808080808080ULL
#define HAS_BYTE(v, c) (((v) ^ (ONES * (c))) - ONES) & ~((v) ^ (ONES * (c))) & HIGHS

/* First quote or backslash at or after p; end when there is none. */
static char *find_special(char *p, char *end)
{
	for (; end - p >= 8; p += 8) {
		uint64_t v;

		memcpy(&v, p, 8);
		if ((HAS_BYTE(v, '"')) | (HAS_BYTE(v, '\\')))
			break;
	}
	while (p < end && *p != '"' && *p != '\\')
		p++;
	return p;
}

/* The quote that ends a string which begins at p; NULL when there is none. */
static char *find_end(char *p, char *end, bool *ret_escapes)
{
	for (;;) {
		p = find_special(p, end);
		if (p >= end)
			return NULL;
		if (*p == '"')
			return p;
		*ret_escapes = true;
		p += 2;
	}
}

static int hex4(const char *p, const char *end)
{
	int v = 0;

	if (end - p < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		int c = (unsigned char)p[i];
		int d = c >= '0' && c <= '9'		     ? c - '0'
			: (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10
							     : -1;

		if (d < 0)
			return -1;
		v = v << 4 | d;
	}
	return v;
}

static char *put_utf8(char *out, uint32_t c)
{
	if (c < 0x80) {
		*out++ = (char)c;
	} else if (c < 0x800) {
		*out++ = (char)(0xc0 | c >> 6);
		*out++ = (char)(0x80 | (c & 0x3f));
	} else if (c < 0x10000) {
		*out++ = (char)(0xe0 | c >> 12);
		*out++ = (char)(0x80 | (c >> 6 & 0x3f));
		*out++ = (char)(0x80 | (c & 0x3f));
	} else {
		*out++ = (char)(0xf0 | c >> 18);
		*out++ = (char)(0x80 | (c >> 12 & 0x3f));
		*out++ = (char)(0x80 | (c >> 6 & 0x3f));
		*out++ = (char)(0x80 | (c & 0x3f));
	}
	return out;
}

/* \uXXXX at *in (behind the u); a lone half of a pair becomes U+FFFD. */
static char *decode_u(char *out, const char **in, const char *end)
{
	int c = hex4(*in, end), low;

	if (c < 0)
		return NULL;
	*in += 4;
	if (c < 0xd800 || c > 0xdfff)
		return put_utf8(out, (uint32_t)c);
	if (c < 0xdc00 && end - *in >= 6 && (*in)[0] == '\\' && (*in)[1] == 'u') {
		low = hex4(*in + 2, end);
		if (low >= 0xdc00 && low <= 0xdfff) {
			*in += 6;
			return put_utf8(out, 0x10000 + ((uint32_t)(c - 0xd800) << 10) +
						     (uint32_t)(low - 0xdc00));
		}
	}
	return put_utf8(out, 0xfffd);
}

/* In place: no escape is shorter than what it stands for. Unknown escapes stay as they are. */
static size_t decode(char *p, const char *end)
{
	const char *in = p;
	char *out = p;

	while (in < end) {
		static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
		const char *run = memchr(in, '\\', (size_t)(end - in)), *known;
		size_t n = (size_t)((run ? run : end) - in);
		char *next;

		if (out != in)
			memmove(out, in, n);
		out += n;
		in += n;
		if (!run || in + 1 >= end)
			break;
		known = strchr(from, in[1]);
		if (in[1] == 'u') {
			in += 2;
			next = decode_u(out, &in, end);
			if (next) {
				out = next;
				continue;
			}
			*out++ = '\\';
			*out++ = 'u';
			continue;
		}
		*out++ = known && *known ? to[known - from] : in[1];
		in += 2;
	}
	return (size_t)(out - p);
}

static bool skip(char **p, const char *end, const char *text, size_t n)
{
	if ((size_t)(end - *p) < n || memcmp(*p, text, n))
		return false;
	*p += n;
	return true;
}
#define SKIP(p, end, text) skip(p, end, text, sizeof(text) - 1)

/* An object, as raw JSON; *p stands on its brace. */
static bool take_object(char **p, char *end, struct str *ret)
{
	char *from = *p, *at = from;
	int depth = 0;
	bool escapes;

	for (; at < end; at++) {
		if (*at == '"') {
			at = find_end(at + 1, end, &escapes);
			if (!at)
				return false;
		} else if (*at == '{') {
			depth++;
		} else if (*at == '}' && --depth == 0) {
			*ret = str_span(from, (size_t)(at + 1 - from));
			*p = at + 1;
			return true;
		}
	}
	return false;
}

/* Nanoseconds of "2006-01-02T15:04:05[.999999999]Z"; whole seconds are remembered. */
static int parse_time(struct log_parser *lp, struct str t, int64_t *ret)
{
	int64_t fraction = 0, scale = NSEC_PER_SEC;

	if (t.n < 20 || t.p[t.n - 1] != 'Z')
		return clock_parse_rfc3339(t, ret);
	if (memcmp(lp->second, t.p, 19)) {
		char whole[20];
		int64_t ns;

		memcpy(whole, t.p, 19);
		whole[19] = 'Z';
		if (clock_parse_rfc3339(str_span(whole, 20), &ns) < 0)
			return -EBADMSG;
		memcpy(lp->second, t.p, 19);
		lp->second_ns = ns;
	}
	if (t.n > 20) {
		if (t.p[19] != '.' || t.n > 30 || t.n < 22)
			return -EBADMSG;
		for (size_t i = 20; i < t.n - 1; i++) {
			if (t.p[i] < '0' || t.p[i] > '9')
				return -EBADMSG;
			scale /= 10;
			fraction += (t.p[i] - '0') * scale;
		}
	}
	*ret = lp->second_ns + fraction;
	return 0;
}

int log_parse_fast(struct log_parser *lp, char *p, size_t n, struct log_record *ret)
{
	char *end = p + n, *log, *log_end, *time;
	struct log_record r = {0};
	bool escapes = false, more = false;

	if (!SKIP(&p, end, "{\"log\":\""))
		return -EBADMSG;
	log = p;
	log_end = p = find_end(p, end, &escapes);
	if (!p || !SKIP(&p, end, "\",\"stream\":\"std"))
		return -EBADMSG;
	if (SKIP(&p, end, "out\""))
		r.stream = LOG_STDOUT;
	else if (SKIP(&p, end, "err\""))
		r.stream = LOG_STDERR;
	else
		return -EBADMSG;
	if (SKIP(&p, end, ",\"attrs\":") &&
	    (p >= end || *p != '{' || !take_object(&p, end, &r.attrs)))
		return -EBADMSG;
	if (!SKIP(&p, end, ",\"time\":\""))
		return -EBADMSG;
	time = p;
	p = find_end(p, end, &more);
	if (!p || more || end - p != 2 || p[1] != '}')
		return -EBADMSG;
	r.time_text = str_span(time, (size_t)(p - time));
	if (parse_time(lp, r.time_text, &r.time_ns) < 0)
		return -EBADMSG;
	r.line = str_span(log, escapes ? decode(log, log_end) : (size_t)(log_end - log));
	*ret = r;
	return 0;
}

int log_parse_json(struct str line, struct arena *a, struct log_record *ret)
{
	struct log_record r = {0};
	struct json_node root, attrs;
	struct str stream;

	if (json_parse(line, a, &root, NULL) < 0 || json_type(root) != JSON_OBJECT)
		return -EBADMSG;
	if (json_string(json_get(root, "log"), a, &r.line) < 0 ||
	    json_string(json_get(root, "stream"), a, &stream) < 0 ||
	    json_string(json_get(root, "time"), a, &r.time_text) < 0 ||
	    clock_parse_rfc3339(r.time_text, &r.time_ns) < 0)
		return -EBADMSG;
	if (str_eqz(stream, "stdout"))
		r.stream = LOG_STDOUT;
	else if (str_eqz(stream, "stderr"))
		r.stream = LOG_STDERR;
	else
		return -EBADMSG;
	attrs = json_get(root, "attrs");
	if (json_type(attrs) == JSON_OBJECT)
		r.attrs = json_raw(attrs);
	*ret = r;
	return 0;
}
