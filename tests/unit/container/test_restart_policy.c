/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after the four above */
#include <cmocka.h>

#include "firmware/core/clock.h"
#include "runtime/container/restart_policy.h"

static struct restart_policy policy(const char *name, int64_t most)
{
	return (struct restart_policy){name, most};
}

static void checked(void **state)
{
	static const struct {
		const char *name;
		int64_t most;
		bool auto_remove;
		const char *message; /* NULL: fine */
	} cases[] = {
		{NULL, 0, true, NULL},
		{"", 7, true, NULL},
		{"no", 0, true, NULL},
		{"always", 0, false, NULL},
		{"unless-stopped", 0, false, NULL},
		{"on-failure", 0, false, NULL},
		{"on-failure", 9, false, NULL},
		{"never", 0, false,
		 "invalid restart policy: unknown policy 'never'; use one of 'no', 'always', "
		 "'on-failure', or 'unless-stopped'"},
		{"Always", 0, false,
		 "invalid restart policy: unknown policy 'Always'; use one of 'no', 'always', "
		 "'on-failure', or 'unless-stopped'"},
		{"no", 1, false,
		 "invalid restart policy: maximum retry count can only be used with 'on-failure'"},
		{"always", -1, false,
		 "invalid restart policy: maximum retry count can only be used with 'on-failure' "
		 "and "
		 "cannot be negative"},
		{"on-failure", -1, false,
		 "invalid restart policy: maximum retry count cannot be negative"},
		{"on-failure", 1, true, "can't create 'AutoRemove' container with restart policy"},
		{"always", 0, true, "can't create 'AutoRemove' container with restart policy"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct restart_policy p = policy(cases[i].name, cases[i].most);
		struct err e = ERR_INIT;
		int r = restart_policy_check(&p, cases[i].auto_remove, &e);

		assert_int_equal(r < 0, cases[i].message != NULL);
		assert_string_equal(e.msg, cases[i].message ? cases[i].message : "");
		assert_int_equal(e.kind, r < 0 ? ERR_INVALID : ERR_NONE);
	}
}

static void any(void **state)
{
	static const char *const never[] = {NULL, "", "no"}, *const some[] = {"always",
									      "on-failure",
									      "unless-stopped"};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct restart_policy a = policy(never[i], 0), b = policy(some[i], 0);

		assert_false(restart_policy_any(&a));
		assert_true(restart_policy_any(&b));
	}
}

static void decided(void **state)
{
	static const struct {
		const char *name;
		int64_t most;
		struct restart_case now;
		bool wants, revives;
	} cases[] = {
		{"no", 0, {.exit_code = 1}, false, false},
		{NULL, 0, {.exit_code = 1}, false, false},
		{"always", 0, {.exit_code = 0}, true, true},
		{"always", 0, {.restarts = 1000000}, true, true},
		{"always", 0, {.stopped = true}, true, true},
		{"always", 0, {.stopped = true, .cancelled = true}, false, true},
		{"unless-stopped", 0, {.exit_code = 0}, true, true},
		{"unless-stopped", 0, {.stopped = true}, false, false},
		{"unless-stopped", 0, {.stopped = true, .cancelled = true}, false, false},
		{"on-failure", 0, {.exit_code = 0}, false, false},
		{"on-failure", 0, {.exit_code = 1, .restarts = 1000000}, true, true},
		{"on-failure", 3, {.exit_code = 1, .restarts = 2}, true, true},
		{"on-failure", 3, {.exit_code = 1, .restarts = 3}, false, false},
		{"on-failure", 0, {.exit_code = 137, .stopped = true}, true, false},
		{"on-failure",
		 0,
		 {.exit_code = 137, .stopped = true, .cancelled = true},
		 false,
		 false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct restart_policy p = policy(cases[i].name, cases[i].most);

		assert_int_equal(restart_policy_wants(&p, &cases[i].now), cases[i].wants);
		assert_int_equal(restart_policy_revives(&p, &cases[i].now), cases[i].revives);
	}
}

static void delays(void **state)
{
	static const int64_t ms[] = {100,  200,	  400,	 800,	1600,  3200,
				     6400, 12800, 25600, 51200, 60000, 60000};
	int64_t last = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(ms) / sizeof(ms[0]); i++) {
		last = restart_delay(last, NSEC_PER_SEC);
		assert_int_equal(last, ms[i] * NSEC_PER_MSEC);
	}
	assert_int_equal(restart_delay(last, 10 * NSEC_PER_SEC - 1), 60 * NSEC_PER_SEC);
	assert_int_equal(restart_delay(last, 10 * NSEC_PER_SEC), 100 * NSEC_PER_MSEC);
	/* A clock that was set back. */
	assert_int_equal(restart_delay(100 * NSEC_PER_MSEC, -5), 200 * NSEC_PER_MSEC);
	assert_int_equal(restart_delay(INT64_MAX, 0), 60 * NSEC_PER_SEC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(checked),
		cmocka_unit_test(any),
		cmocka_unit_test(decided),
		cmocka_unit_test(delays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
