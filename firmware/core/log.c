/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/core/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "firmware/core/clock.h"

#define LINE_MAX_BYTES 1024

static atomic_int current_level = LOG_LEVEL_INFO;

static const char *const level_names[] = {
	[LOG_LEVEL_DEBUG] = "debug", [LOG_LEVEL_INFO] = "info",	  [LOG_LEVEL_WARN] = "warning",
	[LOG_LEVEL_ERROR] = "error", [LOG_LEVEL_FATAL] = "fatal",
};

void log_set_level(enum log_level level)
{
	atomic_store_explicit(&current_level, level, memory_order_relaxed);
}

enum log_level log_get_level(void)
{
	return (enum log_level)atomic_load_explicit(&current_level, memory_order_relaxed);
}

int log_level_parse(const char *text, enum log_level *ret_level)
{
	if (strcmp(text, "warn") == 0) {
		*ret_level = LOG_LEVEL_WARN;
		return 0;
	}
	for (size_t i = 0; i < ARRAY_LEN(level_names); i++) {
		if (strcmp(text, level_names[i]) == 0) {
			*ret_level = (enum log_level)i;
			return 0;
		}
	}
	return -EINVAL;
}

/*
 * Put text between quotes, escaped as Go's %q does for what can break a line or a terminal.
 * Returns the new length; room for the closing quote and the newline is always kept.
 */
static size_t put_quoted(char *line, size_t n, const char *text)
{
	static const char hex[] = "0123456789abcdef";
	static const char special[] = "\"\\\n\t\r";
	const size_t end = LINE_MAX_BYTES - 2;

	line[n++] = '"';
	for (const char *p = text; *p; p++) {
		unsigned char c = (unsigned char)*p;
		const char *at = strchr(special, c);

		if (at && n + 2 <= end) {
			line[n++] = '\\';
			line[n++] = "\"\\ntr"[at - special];
		} else if (!at && (c < 0x20 || c == 0x7f) && n + 4 <= end) {
			line[n++] = '\\';
			line[n++] = 'x';
			line[n++] = hex[c >> 4];
			line[n++] = hex[c & 15];
		} else if (!at && c >= 0x20 && c != 0x7f && n + 1 <= end) {
			line[n++] = (char)c;
		} else {
			break;
		}
	}
	line[n++] = '"';
	return n;
}

void log_write(enum log_level level, const char *fmt, ...)
{
	char text[LINE_MAX_BYTES - 352];
	char line[LINE_MAX_BYTES];
	char stamp[CLOCK_RFC3339_MAX];
	int saved = errno;
	va_list ap;
	size_t n;

	if (level < log_get_level())
		return;
	va_start(ap, fmt);
	if (vsnprintf(text, sizeof(text), fmt, ap) < 0)
		text[0] = '\0';
	va_end(ap);
	clock_format_rfc3339fixed(clock_wall(), stamp);
	n = (size_t)snprintf(line, sizeof(line), "time=\"%s\" level=%s msg=", stamp,
			     level_names[level]);
	n = put_quoted(line, n, text);
	line[n++] = '\n';
	/* Nobody can be told when this fails. */
	while (write(STDERR_FILENO, line, n) < 0 && errno == EINTR)
		continue;
	errno = saved;
}
