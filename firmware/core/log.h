/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon's own log: lines of key=value text on standard error, as dockerd prints them
 * (time="…" level=info msg="…"). Library code in firmware/ does not log; runtime/, api/ and main
 * do.
 *
 * Thread: any (a line is one write). Yields: no. Limits: a line is cut at 1 KiB.
 */
#ifndef FIRMWARE_CORE_LOG_H
#define FIRMWARE_CORE_LOG_H

#include "firmware/core/attr.h"

enum log_level {
	LOG_LEVEL_DEBUG,
	LOG_LEVEL_INFO,
	LOG_LEVEL_WARN,
	LOG_LEVEL_ERROR,
	LOG_LEVEL_FATAL
};

void log_set_level(enum log_level level);
enum log_level log_get_level(void);

/* "debug", "info", "warn", "error", "fatal" (as dockerd's --log-level); -EINVAL for others. */
int log_level_parse(const char *text, enum log_level *ret_level) WARN_UNUSED;

void log_write(enum log_level level, const char *fmt, ...) PRINTF_LIKE(2, 3);

#define log_debug(...) log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)
#define log_info(...) log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_warn(...) log_write(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_error(...) log_write(LOG_LEVEL_ERROR, __VA_ARGS__)

#endif
