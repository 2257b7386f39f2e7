/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mbedTLS asks gmtime_r for the date that certificates are held against. libc's would bring its
 * time zone files, and with them its scanner of formatted text, into a static program: 90 KB for
 * what the clock module does already. This one takes its place in the whole program.
 */
#include <errno.h>
#include <time.h>

#include "firmware/core/clock.h"

static int two_digits(const char *p)
{
	return (p[0] - '0') * 10 + (p[1] - '0');
}

/* From 1678 to 2261, as nanoseconds reach. */
struct tm *gmtime_r(const time_t *restrict when, struct tm *restrict ret)
{
	static const short before_month[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
	int64_t days = *when / 86400 - (*when % 86400 < 0);
	char text[CLOCK_RFC3339_MAX]; /* 2006-01-02T15:04:05… */
	int year;

	if (*when > INT64_MAX / NSEC_PER_SEC || *when < INT64_MIN / NSEC_PER_SEC) {
		errno = EOVERFLOW;
		return NULL;
	}
	clock_format_rfc3339fixed(*when * NSEC_PER_SEC, text);
	year = two_digits(text) * 100 + two_digits(text + 2);
	*ret = (struct tm){
		.tm_year = year - 1900,
		.tm_mon = (two_digits(text + 5) - 1) % 12,
		.tm_mday = two_digits(text + 8),
		.tm_hour = two_digits(text + 11),
		.tm_min = two_digits(text + 14),
		.tm_sec = two_digits(text + 17),
		.tm_wday = (int)((days % 7 + 11) % 7), /* the epoch was a Thursday */
		.tm_zone = "GMT",
	};
	ret->tm_yday = before_month[ret->tm_mon] + ret->tm_mday - 1 +
		       (ret->tm_mon > 1 && ((year % 4 == 0 && year % 100) || year % 400 == 0));
	return ret;
}
