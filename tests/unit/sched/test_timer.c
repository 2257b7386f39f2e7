/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "firmware/sched/fiber_private.h"

#define N 500

static struct loop_timer timers[N];
static int64_t last;
static int fired;

static void fire(struct loop_timer *t)
{
	assert_true(t->deadline >= last);
	assert_false(t->armed);
	last = t->deadline;
	fired++;
}

static void test_order(void **state)
{
	int expect = 0;

	(void)state;
	srand(1);
	for (int round = 0; round < 50; round++) {
		last = 0;
		fired = 0;
		expect = 0;
		for (int i = 0; i < N; i++)
			loop_timer_arm(&timers[i], rand() % 1000, fire);
		for (int i = 0; i < N; i++) {
			if (rand() % 3 == 0)
				loop_timer_disarm(&timers[i]);
			else if (rand() % 3 == 0)
				loop_timer_arm(&timers[i], rand() % 1000, fire);
		}
		loop_timers_run(500);
		for (int i = 0; i < N; i++) {
			if (timers[i].armed) {
				assert_true(timers[i].deadline > 500);
				if (i % 2)
					loop_timer_disarm(&timers[i]);
			}
		}
		for (int i = 0; i < N; i++)
			expect += timers[i].armed ? 1 : 0;
		fired = 0;
		loop_timers_run(1000);
		assert_int_equal(fired, expect);
		assert_true(loop_timers_next() == DEADLINE_NEVER);
	}
}

static struct loop_timer again;

static void rearm(struct loop_timer *t)
{
	fired++;
	loop_timer_arm(t, 5, rearm);
}

/* A timer that is always due does not keep the loop for ever. */
static void test_rearm(void **state)
{
	(void)state;
	fired = 0;
	loop_timer_arm(&again, 5, rearm);
	loop_timers_run(10);
	assert_true(fired > 0 && fired < 100000);
	assert_int_equal(loop_timers_next(), 5);
	loop_timer_disarm(&again);
	loop_timer_disarm(&again);
}

static struct loop_timer victim;

static void disarm_other(struct loop_timer *t)
{
	(void)t;
	loop_timer_disarm(&victim);
}

static void never(struct loop_timer *t)
{
	(void)t;
	fail();
}

static void test_disarm_in_fire(void **state)
{
	(void)state;
	loop_timer_arm(&victim, 6, never);
	loop_timer_arm(&again, 5, disarm_other);
	loop_timers_run(10);
	assert_true(loop_timers_next() == DEADLINE_NEVER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_rearm),
		cmocka_unit_test(test_disarm_in_fire),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
