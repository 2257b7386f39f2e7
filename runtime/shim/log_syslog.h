/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One record as a syslog message, in the forms that the engine knows: without a host name as for a
 * local daemon (no syslog-format given), RFC 3164, and RFC 5424 with times in seconds or in
 * microseconds. Times are local ones.
 *
 * Thread: any. Yields: no. Owns: nothing.
 */
#ifndef RUNTIME_SHIM_LOG_SYSLOG_H
#define RUNTIME_SHIM_LOG_SYSLOG_H

#include "firmware/core/str.h"
#include "runtime/shim/log_entry.h"

enum syslog_format { SYSLOG_UNIX, SYSLOG_RFC3164, SYSLOG_RFC5424, SYSLOG_RFC5424_MICRO };

struct log_syslog {
	enum syslog_format format;
	unsigned facility;    /* 0 to 23 */
	bool counted;	      /* each message is preceded by its length (RFC 5425) */
	struct str host, tag; /* the caller's; host in its place is "-" when empty */
	int pid;
	int64_t second; /* the last time that was formatted */
	char stamp[24], date[24], zone[8];
};

#define LOG_SYSLOG_HEAD 160
/* Most bytes that a message takes. */
size_t log_syslog_room(const struct log_syslog *l, size_t n);
/* The end of what was written. */
char *log_syslog_put(struct log_syslog *l, char *out, const struct log_entry *e);
/* 0 to 23 by name or number; -1 when it is none. NULL or "": daemon. */
int log_syslog_facility(const char *name);
/* -1 when it is none. */
int log_syslog_format(const char *name);

#endif
