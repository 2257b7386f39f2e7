/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "firmware/sched/job.h"
#include "tests/unit/sched/fixture.h"

static int setup(void **state)
{
	struct err e = ERR_INIT;

	return fixture_setup(state) < 0 || job_system_init(&e) < 0;
}

static int teardown(void **state)
{
	job_system_fini();
	return fixture_teardown(state);
}

struct sum {
	struct job job;
	int a, b, sum;
};

static int add(struct job *job)
{
	struct sum *s = container_of(job, struct sum, job);

	s->sum = s->a + s->b;
	return s->sum == 7 ? err_set(&job->err, ERR_CONFLICT, "seven") : 0;
}

static void many_sums(void *arg)
{
	(void)arg;
	for (int i = 0; i < 100; i++) {
		struct sum s = {.a = i, .b = 1};
		int r = job_run(&s.job, add, i % 2 ? JOB_LONG : JOB_SHORT);

		assert_int_equal(r, i == 6 ? -EBUSY : 0);
		assert_int_equal(s.sum, i + 1);
		if (i == 6)
			assert_string_equal(s.job.err.msg, "seven");
	}
}

static void test_run(void **state)
{
	(void)state;
	for (int i = 0; i < 8; i++)
		spawn(many_sums, NULL);
	run_loop();
}

static atomic_int running, most;
static atomic_bool release;

static int hold(struct job *job)
{
	int now = atomic_fetch_add(&running, 1) + 1, seen = atomic_load(&most);

	while (now > seen && !atomic_compare_exchange_weak(&most, &seen, now))
		continue;
	while (!atomic_load(&release) && !job_stopped(job))
		usleep(500);
	atomic_fetch_sub(&running, 1);
	return job_stopped(job) ? -ECANCELED : 0;
}

static void run_long(void *arg)
{
	struct job job;

	(void)arg;
	assert_int_equal(job_run(&job, hold, JOB_LONG), 0);
}

static void run_short_past_long(void *arg)
{
	struct sum s = {.a = 1, .b = 1};

	(void)arg;
	for (int i = 0; i < 20000 && atomic_load(&running) < CONFIG_WORKERS - 1; i++)
		assert_int_equal(fiber_sleep_ms(1), 0);
	assert_int_equal(atomic_load(&running), CONFIG_WORKERS - 1);
	assert_int_equal(job_run(&s.job, add, JOB_SHORT), 0);
	atomic_store(&release, true);
}

/* However many long jobs there are, a short one finds a worker. */
static void test_last_worker(void **state)
{
	(void)state;
	atomic_store(&release, false);
	atomic_store(&most, 0);
	for (int i = 0; i < CONFIG_WORKERS * 2; i++)
		spawn(run_long, NULL);
	spawn(run_short_past_long, NULL);
	run_loop();
	assert_int_equal(atomic_load(&most), CONFIG_WORKERS - 1);
}

static struct fiber *victim;

static void run_cancelled(void *arg)
{
	struct job job;

	(void)arg;
	assert_int_equal(job_run(&job, hold, JOB_LONG), -ECANCELED);
	assert_int_equal(fiber_cancelled(), -ECONNRESET);
	/* A cancelled fiber starts nothing more, unless it is shielded. */
	assert_int_equal(job_run(&job, hold, JOB_LONG), -ECONNRESET);
	assert_int_equal(job.err.sys_errno, ECONNRESET);
	atomic_store(&release, true);
	fiber_shield();
	assert_int_equal(job_run(&job, hold, JOB_LONG), 0);
	fiber_unshield();
}

static void cancel_victim(void *arg)
{
	(void)arg;
	while (atomic_load(&running) == 0)
		assert_int_equal(fiber_sleep_ms(1), 0);
	fiber_cancel(victim, -ECONNRESET);
}

static void test_cancel(void **state)
{
	(void)state;
	atomic_store(&release, false);
	assert_int_equal(fiber_spawn("v", run_cancelled, NULL, POOL_NORMAL, &victim), 0);
	spawn(cancel_victim, NULL);
	run_loop();
}

static void fill_queue(void *arg)
{
	static struct job jobs[CONFIG_JOB_QUEUE + CONFIG_WORKERS + 1];
	struct sum refused, must = {0};
	size_t n = 0;

	(void)arg;
	/* Full for good once each worker that takes long jobs has taken one out. */
	for (int i = 0; i < 20000 && n < CONFIG_JOB_QUEUE + CONFIG_WORKERS - 1; i++) {
		while (n < ARRAY_LEN(jobs) && job_start(&jobs[n], hold, JOB_LONG) == 0)
			n++;
		assert_true(n >= CONFIG_JOB_QUEUE);
		assert_int_equal(fiber_sleep_ms(1), 0);
	}
	assert_int_equal(n, CONFIG_JOB_QUEUE + CONFIG_WORKERS - 1);
	assert_int_equal(job_run(&refused.job, add, JOB_SHORT), -EAGAIN);
	assert_int_equal(refused.job.err.kind, ERR_UNAVAILABLE);
	assert_int_equal(job_start(&must.job, add, JOB_SHORT_MUST), 0);
	assert_int_equal(job_wait(&must.job, DEADLINE_NEVER), 0);
	assert_int_equal(job_wait(&jobs[0], clock_in_ms(2)), -ETIMEDOUT);
	job_stop(&jobs[n - 1]);
	assert_int_equal(job_wait(&jobs[n - 1], DEADLINE_NEVER), 0);
	assert_int_equal(jobs[n - 1].result, -ECANCELED);
	atomic_store(&release, true);
	for (size_t i = 0; i < n - 1; i++) {
		assert_int_equal(job_wait(&jobs[i], DEADLINE_NEVER), 0);
		assert_int_equal(jobs[i].result, 0);
	}
}

static void test_full(void **state)
{
	(void)state;
	atomic_store(&release, false);
	run_fiber(fill_queue);
}

struct progress {
	struct job job;
	atomic_int done;
	atomic_bool seen;
};

static int tell(struct job *job)
{
	struct progress *p = container_of(job, struct progress, job);

	for (int i = 0; i < 100; i++) {
		atomic_store(&p->done, i + 1);
		job_notify(job);
		while (!atomic_load(&p->seen)) /* or the end may overtake all of them */
			usleep(500);
		if (i % 10 == 0)
			usleep(500);
	}
	return 5;
}

static void watch_progress(void *arg)
{
	struct progress p = {.done = 0};
	int r, notes = 0;

	(void)arg;
	assert_int_equal(job_start(&p.job, tell, JOB_LONG), 0);
	while ((r = job_wait(&p.job, DEADLINE_NEVER)) == 1) {
		notes++;
		atomic_store(&p.seen, true);
	}
	assert_int_equal(r, 0);
	assert_int_equal(p.job.result, 5);
	assert_int_equal(atomic_load(&p.done), 100);
	assert_true(notes >= 1 && notes <= 100);
}

static void test_notify(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++)
		spawn(watch_progress, NULL);
	run_loop();
}

static int surroundings(struct job *job)
{
	sigset_t set;

	(void)job;
	pthread_sigmask(SIG_BLOCK, NULL, &set);
	return chdir("/") == 0 && sigismember(&set, SIGTERM) ? 0 : -EINVAL;
}

static void check_surroundings(void *arg)
{
	struct job job;
	char before[500], after[500];

	(void)arg;
	assert_non_null(getcwd(before, sizeof(before)));
	assert_int_equal(job_run(&job, surroundings, JOB_SHORT), 0);
	assert_non_null(getcwd(after, sizeof(after)));
	assert_string_equal(before, after);
}

static void test_surroundings(void **state)
{
	(void)state;
	run_fiber(check_surroundings);
}

#define JOB_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		JOB_TEST(test_run),  JOB_TEST(test_last_worker), JOB_TEST(test_cancel),
		JOB_TEST(test_full), JOB_TEST(test_notify),	 JOB_TEST(test_surroundings),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
