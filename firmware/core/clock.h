/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time. Monotonic nanoseconds for deadlines, wall-clock nanoseconds since 1970 for what users see,
 * and the RFC 3339 texts the Docker API speaks.
 *
 * Thread: any. Yields: no.
 */
#ifndef FIRMWARE_CORE_CLOCK_H
#define FIRMWARE_CORE_CLOCK_H

#include <stdint.h>

#include "firmware/core/attr.h"
#include "firmware/core/str.h"

#define NSEC_PER_SEC 1000000000LL
#define NSEC_PER_MSEC 1000000LL
#define DEADLINE_NEVER INT64_MAX

int64_t clock_mono(void); /* nanoseconds, CLOCK_MONOTONIC */
int64_t clock_wall(void); /* nanoseconds since the epoch, CLOCK_REALTIME */
/* A deadline that many milliseconds from now (monotonic). */
int64_t clock_in_ms(int64_t ms);

#define CLOCK_RFC3339_MAX 40
/* Go's zero time, 0001-01-01T00:00:00Z: written and read as such, though no int64 can count it. */
#define CLOCK_GO_ZERO INT64_MIN
/* Go's RFC3339Nano: fraction without trailing zeros, "Z". Returns the length. */
size_t clock_format_rfc3339nano(int64_t wall_ns, char out[CLOCK_RFC3339_MAX]);
/* Always nine fractional digits, as log lines carry. Returns the length (30). */
size_t clock_format_rfc3339fixed(int64_t wall_ns, char out[CLOCK_RFC3339_MAX]);
/* "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110), always of that length. */
#define CLOCK_HTTP_SIZE 30
void clock_format_http(int64_t wall_ns, char out[CLOCK_HTTP_SIZE]);
/* A Go duration ("1h30m", "1.5s", "-2ms", "0") in nanoseconds. 0 or -EINVAL. */
int clock_parse_duration(struct str text, int64_t *ret_ns) WARN_UNUSED;
/* RFC 3339 with optional fraction and any offset to nanoseconds. 0 or -EINVAL. */
int clock_parse_rfc3339(struct str text, int64_t *ret_wall_ns) WARN_UNUSED;
/*
 * What since and until carry: "sec[.nanos]", or a Go duration ("10m") before now, or RFC 3339 that
 * may lack its zone, seconds, minutes or time (then UTC and zero). 0 or -EINVAL.
 */
int clock_parse_query(struct str text, int64_t now_wall_ns, int64_t *ret_wall_ns) WARN_UNUSED;

#endif
