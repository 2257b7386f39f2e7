/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fenv.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/sched/fixture.h"

static char trace[64];

static void note(const char *text)
{
	strncat(trace, text, sizeof(trace) - strlen(trace) - 1);
}

static void two_turns(void *arg)
{
	note(arg);
	assert_int_equal(fiber_yield(), 0);
	note(arg);
	assert_string_equal(fiber_name(fiber_self()), "test");
}

static void test_yield(void **state)
{
	char names[3][2] = {"a", "b", "c"};

	(void)state;
	trace[0] = '\0';
	assert_null(fiber_self());
	assert_int_equal(fiber_yield(), -EDEADLK);
	for (int i = 0; i < 3; i++)
		spawn(two_turns, names[i]);
	assert_int_equal(fiber_count(), 3);
	run_loop();
	assert_string_equal(trace, "abcabc");
}

/* What the ABI says a call keeps is kept over a switch. */
static void keep_state(void *arg)
{
	volatile double d[8];
	double kept = *(int *)arg * 1.5;
	int round = *(int *)arg % 2 ? FE_UPWARD : FE_DOWNWARD;

	fesetround(round);
	for (int i = 0; i < 8; i++)
		d[i] = kept * i;
	for (int i = 0; i < 50; i++) {
		assert_int_equal(fiber_yield(), 0);
		assert_int_equal(fegetround(), round);
		kept += 1.0;
	}
	assert_true(kept > 0);
	for (int i = 0; i < 8; i++)
		assert_true(d[i] - (*(int *)arg * 1.5) * i == 0);
	assert_true((uintptr_t)__builtin_frame_address(0) % 16 == 0);
}

static void test_state(void **state)
{
	int numbers[5] = {1, 2, 3, 4, 5};

	(void)state;
	for (int i = 0; i < 5; i++)
		spawn(keep_state, &numbers[i]);
	run_loop();
	assert_int_equal(fegetround(), FE_TONEAREST);
}

static NOINLINE void go_deep(void)
{
	volatile char deep[12000];

	memset((void *)(uintptr_t)deep, 0x5a, sizeof(deep));
}

/* What lies above the call stays; what lies below may be used again. */
static void trimmer(void *arg)
{
	volatile char kept[6000];

	(void)arg;
	memset((void *)(uintptr_t)kept, 0x33, sizeof(kept));
	for (int i = 0; i < 3; i++) {
		go_deep();
		fiber_trim();
		assert_int_equal(fiber_yield(), 0);
	}
	for (size_t i = 0; i < sizeof(kept); i++)
		assert_int_equal(kept[i], 0x33);
}

static void test_trim(void **state)
{
	(void)state;
	fiber_trim(); /* no fiber: nothing */
	spawn(trimmer, NULL);
	run_fiber(trimmer);
}

static void sleeper(void *arg)
{
	int64_t before = clock_mono();

	(void)arg;
	assert_int_equal(fiber_sleep_ms(20), 0);
	assert_true(clock_mono() - before >= 20 * NSEC_PER_MSEC);
	assert_int_equal(fiber_sleep_until(0), 0);
}

static void test_sleep(void **state)
{
	(void)state;
	run_fiber(sleeper);
}

static struct waitq queue;
static struct fiber *waiter;

static void wait_for_it(void *arg)
{
	int r = waitq_wait(&queue, DEADLINE_NEVER);

	assert_int_equal(r, 0);
	note(arg);
}

static void waker(void *arg)
{
	(void)arg;
	assert_int_equal(fiber_yield(), 0);
	waitq_wake_one(&queue);
	assert_int_equal(fiber_yield(), 0);
	assert_string_equal(trace, "1");
	assert_false(waitq_empty(&queue));
	waitq_wake_all(&queue);
	assert_true(waitq_empty(&queue));
	waitq_wake_one(&queue);
}

static void test_waitq(void **state)
{
	char names[3][2] = {"1", "2", "3"};

	(void)state;
	trace[0] = '\0';
	waitq_init(&queue);
	for (int i = 0; i < 3; i++)
		spawn(wait_for_it, names[i]);
	spawn(waker, NULL);
	run_loop();
	assert_string_equal(trace, "123");
}

static void times_out(void *arg)
{
	(void)arg;
	assert_int_equal(waitq_wait(&queue, clock_in_ms(5)), -ETIMEDOUT);
	assert_true(waitq_empty(&queue));
	assert_int_equal(waitq_wait(&queue, 0), -ETIMEDOUT);
}

static void test_timeout(void **state)
{
	(void)state;
	waitq_init(&queue);
	run_fiber(times_out);
}

static void is_cancelled(void *arg)
{
	(void)arg;
	assert_int_equal(waitq_wait(&queue, DEADLINE_NEVER), -ECONNRESET);
	assert_true(waitq_empty(&queue));
	assert_int_equal(fiber_cancelled(), -ECONNRESET);
	assert_int_equal(fiber_sleep_ms(10000), -ECONNRESET);
	assert_int_equal(fiber_yield(), -ECONNRESET);
	assert_int_equal(waitq_wait(&queue, DEADLINE_NEVER), -ECONNRESET);
	assert_true(waitq_empty(&queue));

	fiber_shield();
	fiber_shield();
	assert_int_equal(fiber_sleep_ms(5), 0);
	fiber_unshield();
	assert_int_equal(fiber_yield(), 0);
	assert_int_equal(fiber_cancelled(), -ECONNRESET);
	fiber_unshield();
	assert_int_equal(fiber_yield(), -ECONNRESET);

	fiber_clear_cancel();
	assert_int_equal(fiber_cancelled(), 0);
	assert_int_equal(fiber_sleep_ms(1), 0);
}

static void canceller(void *arg)
{
	(void)arg;
	assert_int_equal(fiber_yield(), 0);
	fiber_cancel(waiter, -ECONNRESET);
	fiber_cancel(waiter, -ECANCELED); /* the first one counts */
}

static void test_cancel(void **state)
{
	(void)state;
	waitq_init(&queue);
	assert_int_equal(fiber_spawn("w", is_cancelled, NULL, POOL_NORMAL, &waiter), 0);
	spawn(canceller, NULL);
	run_loop();
}

/* Woken first, cancelled then, before it runs: the wake-up is not lost. */
static void woken_then_cancelled(void *arg)
{
	(void)arg;
	assert_int_equal(waitq_wait(&queue, DEADLINE_NEVER), 0);
	assert_int_equal(fiber_yield(), -ECANCELED);
}

static void wake_and_cancel(void *arg)
{
	(void)arg;
	assert_int_equal(fiber_yield(), 0);
	waitq_wake_one(&queue);
	fiber_cancel_all(-ECANCELED);
	assert_int_equal(fiber_cancelled(), 0);
}

static void test_wake_then_cancel(void **state)
{
	(void)state;
	waitq_init(&queue);
	spawn(woken_then_cancelled, NULL);
	spawn(wake_and_cancel, NULL);
	run_loop();
}

static struct fiber_lock lock;
static int inside, turns;

static void locker(void *arg)
{
	(void)arg;
	for (int i = 0; i < 5; i++) {
		assert_int_equal(fiber_lock_take(&lock, DEADLINE_NEVER), 0);
		assert_int_equal(inside++, 0);
		assert_int_equal(fiber_lock_take(&lock, DEADLINE_NEVER), -EDEADLK);
		assert_int_equal(fiber_sleep_ms(1), 0);
		inside--;
		turns++;
		fiber_lock_release(&lock);
	}
}

static void impatient(void *arg)
{
	(void)arg;
	assert_int_equal(fiber_lock_take(&lock, 0), -ETIMEDOUT);
}

static void test_lock(void **state)
{
	(void)state;
	turns = 0;
	fiber_lock_init(&lock);
	for (int i = 0; i < 4; i++)
		spawn(locker, NULL);
	spawn(impatient, NULL);
	run_loop();
	assert_int_equal(turns, 20);
	assert_null(lock.owner);
}

static void nothing(void *arg)
{
	(void)arg;
}

static void test_pool_empty(void **state)
{
	int normal = 0;

	(void)state;
	while (fiber_spawn("n", nothing, NULL, POOL_NORMAL, NULL) == 0)
		normal++;
	assert_int_equal(normal, CONFIG_FIBER_COUNT - CONFIG_FIBER_RESERVED);
	for (int i = 0; i < CONFIG_FIBER_RESERVED; i++)
		assert_int_equal(fiber_spawn("r", nothing, NULL, POOL_RESERVED, NULL), 0);
	assert_int_equal(fiber_spawn("r", nothing, NULL, POOL_RESERVED, NULL), -EAGAIN);
	run_loop();
	/* And again, on used slots. */
	for (int i = 0; i < normal; i++)
		spawn(nothing, NULL);
	run_loop();
}

static int NOINLINE deep(int n)
{
	volatile char frame[512];

	memset((void *)(uintptr_t)frame, n, sizeof(frame));
	return n == 0 ? frame[0] : deep(n - 1) + frame[1];
}

static void goes_deep(void *arg)
{
	(void)arg;
	assert_true(deep(60) != 12345);
	assert_int_equal(fiber_yield(), 0);
	assert_true(deep(60) != 12345);
}

static void test_deep_stack(void **state)
{
	(void)state;
	for (int i = 0; i < 50; i++)
		spawn(goes_deep, NULL);
	run_loop();
}

static void overflows(void *arg)
{
	(void)arg;
	(void)!deep(1000000);
}

/* Running out of stack ends in the guard page and not in a neighbour's memory. */
static void test_guard(void **state)
{
	pid_t pid;
	int status;

	(void)state;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || defined(CONFIG_FIBER_PTHREAD)
	skip();
#endif
	pid = fork();
	if (pid == 0) {
		run_fiber(overflows);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) != 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(test_yield),
		FIXTURE_TEST(test_state),
		FIXTURE_TEST(test_trim),
		FIXTURE_TEST(test_sleep),
		FIXTURE_TEST(test_waitq),
		FIXTURE_TEST(test_timeout),
		FIXTURE_TEST(test_cancel),
		FIXTURE_TEST(test_lock),
		FIXTURE_TEST(test_wake_then_cancel),
		FIXTURE_TEST(test_pool_empty),
		FIXTURE_TEST(test_deep_stack),
		FIXTURE_TEST(test_guard),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
