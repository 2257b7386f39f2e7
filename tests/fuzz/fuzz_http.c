/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP from a stranger: request and response heads, the chunked coding, URLs and queries. Each is
 * given whole and byte by byte (heads) or in uneven pieces (chunks), and must come out the same.
 */
#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include "firmware/net/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct http_head whole, part;
static struct err e;

static void inside(struct str s, struct str all)
{
	if (s.n > 0)
		assert(s.p >= all.p && s.p + s.n <= all.p + all.n);
}

static void heads(struct str in, bool request)
{
	ssize_t n = request ? http_parse_request(in, &whole, &e)
			    : http_parse_response(in, false, &whole, &e);
	ssize_t k = 0;

	assert(n <= (ssize_t)in.n);
	/* Quadratic: long inputs step further. */
	for (size_t i = 1; i <= in.n && k == 0; i += 1 + in.n / 512)
		k = request ? http_parse_request(str_span(in.p, i), &part, &e)
			    : http_parse_response(str_span(in.p, i), false, &part, &e);
	if (k == 0)
		k = request ? http_parse_request(in, &part, &e)
			    : http_parse_response(in, false, &part, &e);
	assert(k == n);
	if (n <= 0)
		return;
	assert(whole.n_headers <= HTTP_HEADERS_MAX && whole.n_headers == part.n_headers);
	assert(whole.chunked == part.chunked && whole.content_length == part.content_length);
	assert(!request || !(whole.chunked && whole.content_length >= 0));
	inside(whole.target, in);
	inside(whole.method_text, in);
	for (size_t i = 0; i < whole.n_headers; i++) {
		inside(whole.headers[i].name, in);
		inside(whole.headers[i].value, in);
		assert(!memchr(whole.headers[i].value.p ? whole.headers[i].value.p : "", '\n',
			       whole.headers[i].value.n));
	}
}

/* The payload and the outcome, fed step bytes at a time. */
static int decode(struct str in, size_t step, char *out, size_t *ret_n, size_t *ret_used)
{
	struct http_chunked c;
	size_t at = 0, n = 0;
	int r = 0;

	http_chunked_init(&c);
	while (r == 0 && at < in.n) {
		size_t give = in.n - at < step ? in.n - at : step, used = 0;
		struct str payload = {NULL, 0};

		r = http_chunked_step(&c, str_span(in.p + at, give), &used, &payload);
		if (r < 0)
			break;
		assert(used <= give && (used > 0 || r == 1));
		inside(payload, in);
		if (payload.n > 0)
			memcpy(out + n, payload.p, payload.n);
		n += payload.n;
		at += used;
	}
	*ret_n = n;
	*ret_used = at;
	return r;
}

static void chunks(struct str in)
{
	char *a = malloc(in.n + 1), *b = malloc(in.n + 1);
	size_t n = 0, used = 0, n2 = 0, used2 = 0;
	int r = decode(in, in.n + 1, a, &n, &used);

	for (size_t step = 1; step < 8; step += 3) {
		int r2 = decode(in, step, b, &n2, &used2);

		assert(r == r2 && n == n2 && memcmp(a, b, n) == 0);
		assert(r < 0 || used == used2);
	}
	free(a);
	free(b);
}

static void texts(struct str in)
{
	struct arena a;
	struct str out = {NULL, 0}, rest = {NULL, 0}, again = {NULL, 0};
	struct http_url u;

	arena_open_heap(&a, 1 << 22);
	if (http_percent_decode(in, true, &a, &out) == 0)
		assert(out.n <= in.n && strlen(out.p) == out.n);
	(void)!http_query_get(in, "key", 0, &a, &out);
	(void)!http_query_get(in, "k", 1, &a, &out);
	if (http_url_parse(in, &u, &e) == 0)
		assert(u.host.n > 0 && u.target.n > 0 && u.port > 0);
	out = str_cut(in, '\n', &rest);
	if (http_url_resolve(out, rest, &a, &again, &e) == 0)
		assert(http_url_parse(again, &u, &e) == 0);
	arena_done(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = str_span((const char *)data, size);

	heads(in, true);
	heads(in, false);
	chunks(in);
	texts(in);
	return 0;
}
