/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after the four above */
#include <cmocka.h>
#include <stdio.h>

#include "firmware/core/clock.h"
#include "firmware/core/config.h"
#include "firmware/core/mem.h"
#include "runtime/container/health_state.h"

#define MS NSEC_PER_MSEC
#define S NSEC_PER_SEC

static void checked(void **state)
{
	const char *words[] = {"CMD", "true"};
	struct health_config h = {.test = {words, 2, true}};
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(health_config_check(NULL, &e), 0);
	assert_int_equal(health_config_check(&h, &e) == 0, CONFIG(HEALTH));
	h.test.n = 0;
	err_clear(&e);
	h.interval = h.timeout = h.start_period = h.start_interval = MS;
	assert_int_equal(health_config_check(&h, &e), 0);
	h.start_interval = MS - 1;
	assert_true(health_config_check(&h, &e) < 0);
	assert_string_equal(e.msg, "StartInterval in Healthcheck cannot be less than 1ms");
	h.start_period = -1;
	assert_true(health_config_check(&h, &e) < 0);
	assert_string_equal(e.msg, "StartPeriod in Healthcheck cannot be less than 1ms");
	h.retries = -1;
	assert_true(health_config_check(&h, &e) < 0);
	assert_string_equal(e.msg, "Retries in Healthcheck cannot be negative");
	h.timeout = 1;
	assert_true(health_config_check(&h, &e) < 0);
	assert_string_equal(e.msg, "Timeout in Healthcheck cannot be less than 1ms");
	h.interval = 1;
	assert_true(health_config_check(&h, &e) < 0);
	assert_string_equal(e.msg, "Interval in Healthcheck cannot be less than 1ms");
	assert_int_equal(e.kind, ERR_INVALID);
}

static void probes(void **state)
{
	static const struct {
		const char *word;
		bool probes;
	} cases[] = {
		{"CMD", true}, {"CMD-SHELL", true}, {"NONE", false}, {"cmd", false}, {"", false},
	};
	struct health_config none = {.interval = S};

	(void)state;
	assert_false(health_config_probes(NULL));
	assert_false(health_config_probes(&none));
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *words[] = {cases[i].word, "true"};
		struct health_config h = {.test = {words, 2, true}};

		assert_int_equal(health_config_probes(&h), cases[i].probes && CONFIG(HEALTH));
	}
}

static void intervals(void **state)
{
	struct health_config cfg = {0};
	struct health h = {0};

	(void)state;
	assert_int_equal(health_interval(&cfg, &h, 0), 30 * S);
	assert_int_equal(health_timeout(&cfg), 30 * S);
	cfg = (struct health_config){.interval = 7 * S, .timeout = S, .start_period = 10 * S};
	assert_int_equal(health_timeout(&cfg), S);
	assert_int_equal(health_interval(&cfg, &h, 10 * S - 1), 5 * S);
	assert_int_equal(health_interval(&cfg, &h, 10 * S), 7 * S);
	cfg.start_interval = 200 * MS;
	assert_int_equal(health_interval(&cfg, &h, 0), 200 * MS);
	h.status = HEALTH_HEALTHY;
	assert_int_equal(health_interval(&cfg, &h, 0), 7 * S);
	/* What an image may say. */
	cfg = (struct health_config){
		.interval = -1, .timeout = INT64_MAX, .start_period = INT64_MIN};
	assert_int_equal(health_interval(&cfg, &h, 0), 30 * S);
	assert_true(health_timeout(&cfg) > 0 && health_timeout(&cfg) < INT64_MAX / 2);
}

static bool take(struct health *h, const struct health_config *cfg, int64_t start_ns, int code)
{
	char text[32];
	struct health_result r = {.start_ns = start_ns, .end_ns = start_ns + 1, .exit_code = code};
	bool changed;

	snprintf(text, sizeof(text), "%d", code);
	r.output = mem_strdup(text);
	assert_non_null(r.output);
	changed = health_take(h, cfg, &r, 1000 * S);
	assert_null(r.output);
	return changed;
}

static void states(void **state)
{
	struct health_config cfg = {.retries = 2, .start_period = 10 * S};
	struct health *h = health_new();
	int64_t t = 1000 * S;

	(void)state;
	assert_non_null(h);
	/* Failures in the start period do not count; the first success ends it. */
	assert_false(take(h, &cfg, t, 1));
	assert_false(take(h, &cfg, t + 9 * S, -1));
	assert_int_equal(h->failing_streak, 0);
	assert_int_equal(h->status, HEALTH_STARTING);
	assert_true(take(h, &cfg, t + 9 * S, 0));
	assert_int_equal(h->status, HEALTH_HEALTHY);
	assert_false(take(h, &cfg, t + 9 * S, 1));
	assert_int_equal(h->failing_streak, 1);
	assert_true(take(h, &cfg, t + 9 * S, 2));
	assert_int_equal(h->status, HEALTH_UNHEALTHY);
	assert_false(take(h, &cfg, t + 20 * S, 137));
	assert_int_equal(h->failing_streak, 3);
	assert_true(take(h, &cfg, t + 21 * S, 0));
	assert_int_equal(h->failing_streak, 0);
	assert_false(take(h, &cfg, t + 22 * S, 0));
	/* The last five. */
	assert_int_equal(h->n_log, HEALTH_LOG_MAX);
	assert_string_equal(h->log[0].output, "1");
	assert_string_equal(h->log[2].output, "137");
	assert_string_equal(h->log[4].output, "0");
	assert_int_equal(h->log[4].start_ns, t + 22 * S);
	health_free(h);
	health_free(NULL);
}

static void never_healthy(void **state)
{
	struct health_config cfg = {0};
	struct health *h = health_new();

	(void)state;
	assert_non_null(h);
	assert_false(take(h, &cfg, 1000 * S, 1));
	assert_false(take(h, &cfg, 1001 * S, 1));
	assert_true(take(h, &cfg, 1002 * S, 1));
	assert_int_equal(h->status, HEALTH_UNHEALTHY);
	health_free(h);
}

static void names(void **state)
{
	enum health_status s;

	(void)state;
	for (int i = HEALTH_STARTING; i <= HEALTH_UNHEALTHY; i++) {
		assert_int_equal(health_status_parse(
					 str_from(health_status_name((enum health_status)i)), &s),
				 0);
		assert_int_equal(s, i);
	}
	assert_true(health_status_parse(STR("none"), &s) < 0);
}

static void durations(void **state)
{
	static const struct {
		int64_t ns;
		const char *text;
	} cases[] = {
		{0, "0s"},
		{1, "1ns"},
		{1500, "1.5µs"},
		{MS, "1ms"},
		{1234567, "1.234567ms"},
		{300 * MS, "300ms"},
		{S, "1s"},
		{1500 * MS, "1.5s"},
		{30 * S, "30s"},
		{90 * S, "1m30s"},
		{3600 * S, "1h0m0s"},
		{3661 * S + 50 * MS, "1h1m1.05s"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP_BUF struct buf b = {0};

		buf_init_heap(&b, 64);
		health_put_duration(&b, cases[i].ns);
		assert_string_equal(buf_text(&b), cases[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(checked),	 cmocka_unit_test(probes),
		cmocka_unit_test(intervals),	 cmocka_unit_test(states),
		cmocka_unit_test(never_healthy), cmocka_unit_test(names),
		cmocka_unit_test(durations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
