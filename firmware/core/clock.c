/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calendar arithmetic is done here and not by the C library: no locale, no time zone files, and
 * the same answer on every host. Days are counted in eras of 400 years, from 1 March, so that the
 * leap day is the last of its year.
 */
#include "firmware/core/clock.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define SEC_PER_DAY 86400

int64_t clock_mono(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
}

int64_t clock_wall(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
}

int64_t clock_in_ms(int64_t ms)
{
	int64_t ns;

	if (__builtin_mul_overflow(ms, NSEC_PER_MSEC, &ns) ||
	    __builtin_add_overflow(clock_mono(), ns, &ns))
		return ms < 0 ? 0 : DEADLINE_NEVER;
	return ns;
}

static int64_t days_from_civil(int64_t year, int month, int day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t year_of_era = y - era * 400;
	int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;

	return era * 146097 + day_of_era - 719468;
}

static void civil_from_days(int64_t days, int64_t *ret_year, int *ret_month, int *ret_day)
{
	int64_t z = days + 719468;
	int64_t era = (z >= 0 ? z : z - 146096) / 146097;
	int64_t day_of_era = z - era * 146097;
	int64_t year_of_era =
		(day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	int64_t day_of_year =
		day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	int64_t mp = (5 * day_of_year + 2) / 153;

	*ret_day = (int)(day_of_year - (153 * mp + 2) / 5 + 1);
	*ret_month = (int)(mp < 10 ? mp + 3 : mp - 9);
	*ret_year = year_of_era + era * 400 + (*ret_month <= 2 ? 1 : 0);
}

static char *put_digits(char *p, int64_t v, int n)
{
	for (int i = n - 1; i >= 0; i--) {
		p[i] = (char)('0' + v % 10);
		v /= 10;
	}
	return p + n;
}

static size_t format(int64_t wall_ns, char *out, bool fixed)
{
	int64_t sec = wall_ns / NSEC_PER_SEC;
	int64_t nsec = wall_ns % NSEC_PER_SEC;
	int64_t days, year;
	int month, day;
	char *p = out;

	if (wall_ns == CLOCK_GO_ZERO) {
		strcpy(out, fixed ? "0001-01-01T00:00:00.000000000Z" : "0001-01-01T00:00:00Z");
		return strlen(out);
	}
	if (nsec < 0) {
		nsec += NSEC_PER_SEC;
		sec--;
	}
	days = sec / SEC_PER_DAY;
	sec %= SEC_PER_DAY;
	if (sec < 0) {
		sec += SEC_PER_DAY;
		days--;
	}
	civil_from_days(days, &year, &month, &day);
	p = put_digits(p, year, 4);
	*p++ = '-';
	p = put_digits(p, month, 2);
	*p++ = '-';
	p = put_digits(p, day, 2);
	*p++ = 'T';
	p = put_digits(p, sec / 3600, 2);
	*p++ = ':';
	p = put_digits(p, sec / 60 % 60, 2);
	*p++ = ':';
	p = put_digits(p, sec % 60, 2);
	if (fixed || nsec) {
		*p++ = '.';
		p = put_digits(p, nsec, 9);
		while (!fixed && p[-1] == '0')
			p--;
	}
	*p++ = 'Z';
	*p = '\0';
	return (size_t)(p - out);
}

size_t clock_format_rfc3339nano(int64_t wall_ns, char out[CLOCK_RFC3339_MAX])
{
	return format(wall_ns, out, false);
}

size_t clock_format_rfc3339fixed(int64_t wall_ns, char out[CLOCK_RFC3339_MAX])
{
	return format(wall_ns, out, true);
}

void clock_format_http(int64_t wall_ns, char out[CLOCK_HTTP_SIZE])
{
	static const char weekdays[] = "ThuFriSatSunMonTueWed"; /* the epoch was a Thursday */
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	char date[CLOCK_RFC3339_MAX];
	int64_t days = MAX(wall_ns, 0) / NSEC_PER_SEC / SEC_PER_DAY;
	int month;

	clock_format_rfc3339fixed(MAX(wall_ns, 0), date);
	month = (date[5] - '0') * 10 + date[6] - '1';
	snprintf(out, CLOCK_HTTP_SIZE, "%.3s, %.2s %.3s %.4s %.8s GMT", weekdays + days % 7 * 3,
		 date + 8, months + (month % 12) * 3, date, date + 11);
}

/* Exactly n digits at the front of *s. */
static bool get_digits(struct str *s, size_t n, int *ret)
{
	int v = 0;

	if (s->n < n)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (s->p[i] < '0' || s->p[i] > '9')
			return false;
		v = v * 10 + (s->p[i] - '0');
	}
	*s = str_span(s->p + n, s->n - n);
	*ret = v;
	return true;
}

static bool get_char(struct str *s, char c)
{
	if (s->n == 0 || s->p[0] != c)
		return false;
	*s = str_span(s->p + 1, s->n - 1);
	return true;
}

/* One or more digits as a fraction of a second; digits past the ninth are dropped. */
static bool get_fraction(struct str *s, int64_t *ret_ns)
{
	int64_t ns = 0, unit = NSEC_PER_SEC / 10;
	int digit;

	if (!get_digits(s, 1, &digit))
		return false;
	do {
		ns += digit * unit;
		unit /= 10;
	} while (get_digits(s, 1, &digit));
	*ret_ns = ns;
	return true;
}

struct civil {
	int year, month, day, hour, minute, second;
	int64_t ns;
	int offset_min;
};

static bool civil_valid(const struct civil *c)
{
	static const int month_days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = (c->year % 4 == 0 && c->year % 100 != 0) || c->year % 400 == 0;
	int last;

	if (c->month < 1 || c->month > 12)
		return false;
	last = month_days[c->month - 1] + (c->month == 2 && leap ? 1 : 0);
	return c->day >= 1 && c->day <= last && c->hour <= 23 && c->minute <= 59 && c->second <= 59;
}

static int civil_to_ns(const struct civil *c, int64_t *ret)
{
	int64_t sec, ns;

	if (!civil_valid(c))
		return -EINVAL;
	sec = days_from_civil(c->year, c->month, c->day) * SEC_PER_DAY + c->hour * 3600 +
	      c->minute * 60 + c->second - c->offset_min * 60;
	if (sec == -62135596800LL && c->ns == 0) {
		*ret = CLOCK_GO_ZERO;
		return 0;
	}
	if (__builtin_mul_overflow(sec, NSEC_PER_SEC, &ns) ||
	    __builtin_add_overflow(ns, c->ns, &ns) || ns == CLOCK_GO_ZERO)
		return -EINVAL;
	*ret = ns;
	return 0;
}

static bool get_zone(struct str *s, int *ret_offset_min)
{
	bool minus = s->n && s->p[0] == '-';
	int hours, minutes;

	if (get_char(s, 'Z') || get_char(s, 'z')) {
		*ret_offset_min = 0;
		return true;
	}
	if (!(get_char(s, '+') || get_char(s, '-')) || !get_digits(s, 2, &hours) ||
	    !get_char(s, ':') || !get_digits(s, 2, &minutes) || hours > 23 || minutes > 59)
		return false;
	*ret_offset_min = (minus ? -1 : 1) * (hours * 60 + minutes);
	return true;
}

/*
 * partial: the time may end after the day, hour or minute, and the zone may be missing (UTC), as
 * people write --since.
 */
static int parse_civil(struct str s, bool partial, int64_t *ret)
{
	struct civil c = {.year = 0};

	if (!get_digits(&s, 4, &c.year) || !get_char(&s, '-') || !get_digits(&s, 2, &c.month) ||
	    !get_char(&s, '-') || !get_digits(&s, 2, &c.day))
		return -EINVAL;
	if (get_char(&s, 'T') || get_char(&s, 't')) {
		if (!get_digits(&s, 2, &c.hour))
			return -EINVAL;
		if (get_char(&s, ':')) {
			if (!get_digits(&s, 2, &c.minute))
				return -EINVAL;
			if (get_char(&s, ':')) {
				if (!get_digits(&s, 2, &c.second))
					return -EINVAL;
				if (get_char(&s, '.') && !get_fraction(&s, &c.ns))
					return -EINVAL;
			} else if (!partial) {
				return -EINVAL;
			}
		} else if (!partial) {
			return -EINVAL;
		}
	} else if (!partial) {
		return -EINVAL;
	}
	if (!(partial && s.n == 0) && !get_zone(&s, &c.offset_min))
		return -EINVAL;
	return s.n == 0 ? civil_to_ns(&c, ret) : -EINVAL;
}

int clock_parse_rfc3339(struct str text, int64_t *ret_wall_ns)
{
	return parse_civil(text, false, ret_wall_ns);
}

static int64_t clamp_add(int64_t a, int64_t b)
{
	int64_t r;

	if (__builtin_add_overflow(a, b, &r))
		return b < 0 ? CLOCK_GO_ZERO + 1 : INT64_MAX;
	return r;
}

/* "[-]sec[.nanos]"; what nanoseconds cannot hold becomes the end of time. */
static int parse_seconds(struct str s, int64_t *ret)
{
	int64_t sec = 0, frac = 0, ns;
	bool minus = get_char(&s, '-');
	int digit;

	if (s.n == 0 || s.p[0] < '0' || s.p[0] > '9')
		return -EINVAL;
	while (get_digits(&s, 1, &digit)) {
		if (sec > INT64_MAX / 100)
			sec = INT64_MAX / 100;
		else
			sec = sec * 10 + digit;
	}
	if (get_char(&s, '.') && s.n && !get_fraction(&s, &frac))
		return -EINVAL;
	if (s.n)
		return -EINVAL;
	if (__builtin_mul_overflow(minus ? -sec : sec, NSEC_PER_SEC, &ns))
		ns = minus ? CLOCK_GO_ZERO + 1 : INT64_MAX;
	*ret = clamp_add(ns, minus ? -frac : frac);
	return 0;
}

static bool get_unit(struct str *s, int64_t *ret_unit)
{
	static const struct {
		const char *name;
		int64_t ns;
	} units[] = {
		{"ns", 1},
		{"us", 1000},
		{"\xc2\xb5s", 1000},
		{"\xce\xbcs", 1000},
		{"ms", NSEC_PER_MSEC},
		{"s", NSEC_PER_SEC},
		{"m", 60 * NSEC_PER_SEC},
		{"h", 3600 * NSEC_PER_SEC},
	};

	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		if (str_starts(*s, units[i].name)) {
			size_t n = strlen(units[i].name);

			*s = str_span(s->p + n, s->n - n);
			*ret_unit = units[i].ns;
			return true;
		}
	}
	return false;
}

int clock_parse_duration(struct str s, int64_t *ret_ns)
{
	bool minus = get_char(&s, '-');
	int64_t total = 0;

	if (!minus)
		(void)get_char(&s, '+');
	if (s.n == 0)
		return -EINVAL;
	if (s.n == 1 && s.p[0] == '0') {
		*ret_ns = 0;
		return 0;
	}
	while (s.n) {
		int64_t whole = 0, frac = 0, unit, part;
		bool any = false;
		int digit;

		while (get_digits(&s, 1, &digit)) {
			any = true;
			if (__builtin_mul_overflow(whole, 10, &whole) ||
			    __builtin_add_overflow(whole, digit, &whole))
				return -EINVAL;
		}
		if (get_char(&s, '.') && get_fraction(&s, &frac))
			any = true;
		if (!any || !get_unit(&s, &unit) || __builtin_mul_overflow(whole, unit, &part) ||
		    __builtin_add_overflow(total, part, &total) ||
		    __builtin_add_overflow(total, (int64_t)((double)frac * (double)unit / 1e9),
					   &total))
			return -EINVAL;
	}
	*ret_ns = minus ? -total : total;
	return 0;
}

int clock_parse_query(struct str text, int64_t now_wall_ns, int64_t *ret_wall_ns)
{
	int64_t ns;

	if (parse_seconds(text, ret_wall_ns) == 0)
		return 0;
	if (clock_parse_duration(text, &ns) == 0) {
		*ret_wall_ns = clamp_add(now_wall_ns, -ns);
		return 0;
	}
	return parse_civil(text, true, ret_wall_ns);
}
