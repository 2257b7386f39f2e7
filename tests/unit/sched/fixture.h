/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A loop for one test: run_fibers spawns the functions given, runs the loop until no fiber is
 * left, and fails when that takes more than ten seconds.
 *
 * Thread: the test's. Yields: no.
 */
#ifndef TESTS_UNIT_SCHED_FIXTURE_H
#define TESTS_UNIT_SCHED_FIXTURE_H

#include <errno.h>

#include "firmware/core/clock.h"
#include "firmware/sched/fiber.h"
#include "firmware/sched/loop.h"

static struct loop_timer fixture_poll;
static int64_t fixture_end;

static inline int fixture_setup(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	if (loop_init(&e) < 0)
		return -1;
	return fiber_system_init(&e);
}

static inline int fixture_teardown(void **state)
{
	(void)state;
	fiber_system_fini();
	loop_fini();
	return 0;
}

static inline void fixture_check(struct loop_timer *t)
{
	if (fiber_count() == 0 || clock_mono() > fixture_end)
		loop_stop();
	else
		loop_timer_arm(t, clock_in_ms(1), fixture_check);
}

static inline void spawn(void (*fn)(void *arg), void *arg)
{
	assert_int_equal(fiber_spawn("test", fn, arg, POOL_NORMAL, NULL), 0);
}

static inline void run_loop(void)
{
	fixture_end = clock_in_ms(10000);
	loop_timer_arm(&fixture_poll, 0, fixture_check);
	loop_run();
	assert_int_equal(fiber_count(), 0);
}

static inline void run_fiber(void (*fn)(void *arg))
{
	spawn(fn, NULL);
	run_loop();
}

#define FIXTURE_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

#endif
