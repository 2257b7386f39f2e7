/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/container/health_state.h"

#include <errno.h>
#include <string.h>

#include "firmware/core/clock.h"
#include "firmware/core/config.h"
#include "firmware/core/mem.h"

#define INTERVAL_NS (30 * NSEC_PER_SEC)
#define TIMEOUT_NS (30 * NSEC_PER_SEC)
#define START_INTERVAL_NS (5 * NSEC_PER_SEC)
#define RETRIES 3
#define LEAST_NS NSEC_PER_MSEC
#define MOST_NS (INT64_MAX / 4) /* so that a deadline can be reckoned */

static const char *const status_names[] = {
	[HEALTH_STARTING] = "starting",
	[HEALTH_HEALTHY] = "healthy",
	[HEALTH_UNHEALTHY] = "unhealthy",
};

const char *health_status_name(enum health_status s)
{
	return status_names[s];
}

int health_status_parse(struct str text, enum health_status *ret)
{
	for (size_t i = 0; i < ARRAY_LEN(status_names); i++) {
		if (str_eqz(text, status_names[i])) {
			*ret = (enum health_status)i;
			return 0;
		}
	}
	return -EINVAL;
}

struct health *health_new(void)
{
	return mem_alloc(sizeof(struct health));
}

void health_free(struct health *h)
{
	if (!h)
		return;
	for (size_t i = 0; i < h->n_log; i++)
		mem_free(h->log[i].output);
	mem_free(h);
}

void health_log(struct health *h, struct health_result *r)
{
	if (h->n_log == HEALTH_LOG_MAX) {
		mem_free(h->log[0].output);
		h->n_log--;
		memmove(h->log, h->log + 1, h->n_log * sizeof(*h->log));
	}
	h->log[h->n_log++] = *r;
	r->output = NULL;
}

static int check_duration(const char *name, int64_t ns, struct err *e)
{
	if (ns && ns < LEAST_NS)
		return err_set(e, ERR_INVALID, "%s in Healthcheck cannot be less than 1ms", name);
	return 0;
}

int health_config_check(const struct health_config *h, struct err *e)
{
	if (!h)
		return 0;
	if (check_duration("Interval", h->interval, e) < 0 ||
	    check_duration("Timeout", h->timeout, e) < 0)
		return err_code(e);
	if (h->retries < 0)
		return err_set(e, ERR_INVALID, "Retries in Healthcheck cannot be negative");
	if (check_duration("StartPeriod", h->start_period, e) < 0 ||
	    check_duration("StartInterval", h->start_interval, e) < 0)
		return err_code(e);
	if (!CONFIG(HEALTH) && h->test.n && strcmp(h->test.items[0], "NONE"))
		return err_set(e, ERR_NOT_IMPLEMENTED,
			       "Config.Healthcheck is not built into this engine (CONFIG_HEALTH)");
	return 0;
}

bool health_config_probes(const struct health_config *h)
{
	return CONFIG(HEALTH) && h && h->test.n &&
	       (!strcmp(h->test.items[0], "CMD") || !strcmp(h->test.items[0], "CMD-SHELL"));
}

/* An image may say anything; a probe every nanosecond is not what it gets. */
static int64_t duration_or(int64_t ns, int64_t otherwise)
{
	return ns < LEAST_NS ? otherwise : MIN(ns, MOST_NS);
}

int64_t health_interval(const struct health_config *cfg, const struct health *h, int64_t ran_ns)
{
	if (h->status == HEALTH_STARTING && ran_ns < duration_or(cfg->start_period, 0))
		return duration_or(cfg->start_interval, START_INTERVAL_NS);
	return duration_or(cfg->interval, INTERVAL_NS);
}

int64_t health_timeout(const struct health_config *cfg)
{
	return duration_or(cfg->timeout, TIMEOUT_NS);
}

bool health_take(struct health *h, const struct health_config *cfg, struct health_result *r,
		 int64_t started_ns)
{
	enum health_status before = h->status;
	int64_t retries = cfg->retries > 0 ? cfg->retries : RETRIES;
	bool forgiven = before == HEALTH_STARTING &&
			r->start_ns - started_ns < duration_or(cfg->start_period, 0);

	if (!r->exit_code) {
		h->failing_streak = 0;
		h->status = HEALTH_HEALTHY;
	} else if (!forgiven && ++h->failing_streak >= retries) {
		h->status = HEALTH_UNHEALTHY;
	}
	health_log(h, r);
	return h->status != before;
}

/* n units of 10^-digits, without the zeros at the end. */
static void put_decimal(struct buf *out, int64_t n, size_t digits, const char *unit)
{
	char fraction[24];
	int64_t scale = 1;

	for (size_t i = 0; i < digits; i++)
		scale *= 10;
	text_format(fraction, sizeof(fraction), "%0*lld", (int)digits, (long long)(n % scale));
	while (digits && fraction[digits - 1] == '0')
		digits--;
	buf_printf(out, "%lld", (long long)(n / scale));
	if (digits)
		buf_putc(out, '.');
	buf_put(out, fraction, digits);
	buf_puts(out, unit);
}

void health_put_duration(struct buf *out, int64_t ns)
{
	int64_t minutes = ns / (60 * NSEC_PER_SEC);

	if (ns < 1000)
		put_decimal(out, ns, 0, ns ? "ns" : "s");
	else if (ns < NSEC_PER_MSEC)
		put_decimal(out, ns, 3, "µs");
	else if (ns < NSEC_PER_SEC)
		put_decimal(out, ns, 6, "ms");
	if (ns < NSEC_PER_SEC)
		return;
	if (minutes >= 60)
		buf_printf(out, "%lldh", (long long)(minutes / 60));
	if (minutes)
		buf_printf(out, "%lldm", (long long)(minutes % 60));
	put_decimal(out, ns % (60 * NSEC_PER_SEC), 9, "s");
}
