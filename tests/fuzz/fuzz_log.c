/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log lines, both ways: what we write is read back as it was (but for invalid UTF-8, which becomes
 * U+FFFD), and reading what others wrote comes to no harm.
 */
#include <stdlib.h>
#include <string.h>

#include "firmware/fmt/utf8.h"
#include "runtime/log/log_parse.h"
#include "runtime/shim/log_line.h"

#define INPUT_MAX 16384

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
	if (!ok)
		abort();
}

/* What the reader has to see for these bytes. */
static size_t expected(const uint8_t *p, size_t n, uint8_t *out)
{
	size_t o = 0;

	for (size_t i = 0; i < n;) {
		size_t len = utf8_length(p + i, p + n);

		if (len) {
			memcpy(out + o, p + i, len);
			o += len;
			i += len;
		} else {
			memcpy(out + o, "\xef\xbf\xbd", 3);
			o += 3;
			i++;
		}
	}
	return o;
}

static void round_trip(const uint8_t *data, size_t size)
{
	static const char time[] = "2026-01-02T03:04:05.6Z";
	static char line[LOG_LINE_MAX(INPUT_MAX)];
	static uint8_t want[INPUT_MAX * 3 + 1];
	struct log_parser lp = {0};
	struct log_record rec;
	size_t n = expected(data, size, want);
	struct log_entry entry = {
		.p = data, .n = size, .newline = true, .time = time, .time_len = sizeof(time) - 1};
	char *end;

	want[n++] = '\n';
	end = log_format_line(line, &entry, STR(""));
	check((size_t)(end - line) <= sizeof(line) && end[-1] == '\n');
	check(!memchr(line, '\n', (size_t)(end - line) - 1));
	check(log_parse_fast(&lp, line, (size_t)(end - line) - 1, &rec) == 0);
	check(rec.stream == LOG_STDOUT && rec.time_ns == 1767323045600000000);
	check(rec.line.n == n && !memcmp(rec.line.p, want, n));
}

static void read_foreign(const uint8_t *data, size_t size)
{
	struct log_parser lp = {0};
	struct arena arena = {0};
	struct log_record rec;
	char *line = malloc(size ? size : 1); /* exact, so that one byte beyond is seen */

	check(line != NULL);
	memcpy(line, data, size);
	if (log_parse_fast(&lp, line, size, &rec) == 0)
		check(rec.line.p >= line && rec.line.p + rec.line.n <= line + size);
	memcpy(line, data, size);
	arena_open_heap(&arena, 1 << 20);
	if (log_parse_json(str_span(line, size), &arena, &rec) == 0)
		check(rec.stream == LOG_STDOUT || rec.stream == LOG_STDERR);
	arena_done(&arena);
	free(line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size > INPUT_MAX)
		return 0;
	round_trip(data, size);
	read_foreign(data, size);
	return 0;
}
