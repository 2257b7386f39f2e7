/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/sched/fixture.h"

/* Then a fiber waits for a CPU by itself, and the loop's thread is not told. */
#if defined(__SANITIZE_THREAD__) || defined(CONFIG_FIBER_PTHREAD)
#define FIBERS_ARE_THREADS 1
#else
#define FIBERS_ARE_THREADS 0
#endif

static int calls;

static struct loop_watch a, b;
static int a_pipe[2], b_pipe[2];

/* Both are ready in one batch: the first one served takes the other away. */
static void remove_other(struct loop_watch *w, uint32_t events)
{
	struct loop_watch *other = w == &a ? &b : &a;

	assert_true(events & EPOLLIN);
	calls++;
	loop_watch_remove(other);
	memset(other, 0xee, sizeof(*other));
	loop_watch_remove(w);
	loop_stop();
}

static void test_remove_in_batch(void **state)
{
	(void)state;
	calls = 0;
	assert_int_equal(pipe(a_pipe), 0);
	assert_int_equal(pipe(b_pipe), 0);
	assert_int_equal(write(a_pipe[1], "x", 1), 1);
	assert_int_equal(write(b_pipe[1], "x", 1), 1);
	assert_int_equal(loop_watch_add(&a, a_pipe[0], EPOLLIN, remove_other), 0);
	assert_int_equal(loop_watch_add(&b, b_pipe[0], EPOLLIN, remove_other), 0);
	assert_int_equal(loop_watch_add(&b, b_pipe[0], EPOLLIN, remove_other), -EEXIST);
	loop_run();
	assert_int_equal(calls, 1);
	for (int i = 0; i < 2; i++) {
		close(a_pipe[i]);
		close(b_pipe[i]);
	}
}

#define POSTERS 3
#define POSTS 2000

struct counted {
	struct loop_post post;
	int thread, number;
};

static struct counted counted[POSTERS][POSTS];
static int next_number[POSTERS];
static int arrived;

static void count_post(struct loop_post *p)
{
	struct counted *c = container_of(p, struct counted, post);

	assert_int_equal(c->number, next_number[c->thread]++); /* in each thread's order */
	if (++arrived == POSTERS * POSTS)
		loop_stop();
}

static void *poster(void *arg)
{
	struct counted *mine = arg;

	for (int i = 0; i < POSTS; i++)
		loop_post(&mine[i].post);
	return NULL;
}

static void test_posts(void **state)
{
	pthread_t threads[POSTERS];

	(void)state;
	for (int t = 0; t < POSTERS; t++) {
		for (int i = 0; i < POSTS; i++)
			counted[t][i] =
				(struct counted){.post.run = count_post, .thread = t, .number = i};
		assert_int_equal(pthread_create(&threads[t], NULL, poster, counted[t]), 0);
	}
	loop_run();
	for (int t = 0; t < POSTERS; t++)
		pthread_join(threads[t], NULL);
	assert_int_equal(arrived, POSTERS * POSTS);
}

static int signals;

static void on_signal(int signo)
{
	signals = signals * 100 + signo;
	if (signo == SIGUSR2)
		loop_stop();
}

static void test_signals(void **state)
{
	(void)state;
	assert_int_equal(loop_signal(SIGUSR1, on_signal), 0);
	assert_int_equal(loop_signal(SIGUSR2, on_signal), 0);
	assert_int_equal(loop_signal(0, on_signal), -EINVAL);
	assert_int_equal(loop_signal(65, on_signal), -EINVAL);
	kill(getpid(), SIGUSR1);
	kill(getpid(), SIGUSR2);
	loop_run();
	assert_int_equal(signals, SIGUSR1 * 100 + SIGUSR2);
}

static const char *stalled;
static int64_t stalled_ns;

static void on_stall(const char *name, int64_t ns)
{
	stalled = name;
	stalled_ns = ns;
}

static void block(void *arg)
{
	(void)arg;
	usleep((CONFIG_LOOP_STALL_MS + 20) * 1000);
}

static void test_stall(void **state)
{
	struct loop_stats stats;

	(void)state;
	loop_on_stall(on_stall);
	assert_int_equal(fiber_spawn("sleeper", block, NULL, POOL_NORMAL, NULL), 0);
	run_loop();
	loop_get_stats(&stats);
	assert_true(stats.stalls >= 1);
	/* Less what it waited for a CPU, which may be counted from a little before the turn. */
	assert_true(stats.longest_stall_ns >= (CONFIG_LOOP_STALL_MS + 10) * NSEC_PER_MSEC);
	assert_string_equal(stats.longest_name, "sleeper");
	assert_string_equal(stalled, "sleeper");
	assert_true(stalled_ns > CONFIG_LOOP_STALL_MS * NSEC_PER_MSEC);
}

/* Two thirds of the limit of work on a CPU that others want as well. */
static void work(void *arg)
{
	struct timespec t;
	int64_t until;

	(void)arg;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	until = t.tv_sec * NSEC_PER_SEC + t.tv_nsec + CONFIG_LOOP_STALL_MS * NSEC_PER_MSEC * 2 / 3;
	do
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	while (t.tv_sec * NSEC_PER_SEC + t.tv_nsec < until);
}

/* Waiting for a CPU is no stall, where the kernel tells it from one. */
static void test_crowd(void **state)
{
	struct loop_stats before = {.stalls = 0}, stats;
	cpu_set_t all, one;
	pid_t crowd[6];
	int64_t began = 0;
	int fd = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);

	(void)state;
	if (fd >= 0)
		close(fd);
	if (fd < 0 || FIBERS_ARE_THREADS)
		skip();
	assert_int_equal(sched_getaffinity(0, sizeof(all), &all), 0);
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	for (size_t i = 0; i < ARRAY_LEN(crowd); i++) {
		crowd[i] = fork();
		if (crowd[i] == 0)
			for (;;)
				sched_getcpu();
	}
	loop_on_stall(on_stall);
	/* A machine below this one may take its CPU away, untold: once it must go well. */
	for (int i = 0; i < 8 && (i == 0 || stalled); i++) {
		stalled = NULL;
		loop_get_stats(&before);
		assert_int_equal(fiber_spawn("worker", work, NULL, POOL_NORMAL, NULL), 0);
		began = clock_mono();
		run_loop();
		began = clock_mono() - began;
	}
	for (size_t i = 0; i < ARRAY_LEN(crowd); i++) {
		kill(crowd[i], SIGKILL);
		waitpid(crowd[i], NULL, 0);
	}
	sched_setaffinity(0, sizeof(all), &all);
	loop_get_stats(&stats);
	print_message("%lld ms of turns\n", (long long)(began / NSEC_PER_MSEC));
	assert_null(stalled);
	assert_int_equal(stats.stalls, before.stalls);
}

static struct loop_timer timer;
static int64_t due, late;

static void on_time(struct loop_timer *t)
{
	(void)t;
	late = clock_mono() - due;
	loop_stop();
}

static void test_timer_not_early(void **state)
{
	(void)state;
	for (int i = 0; i < 20; i++) {
		due = clock_mono() + 1300000 + i * 50000;
		loop_timer_arm(&timer, due, on_time);
		loop_run();
		assert_true(late >= 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(test_remove_in_batch), FIXTURE_TEST(test_posts),
		FIXTURE_TEST(test_signals),	    FIXTURE_TEST(test_stall),
		FIXTURE_TEST(test_crowd),	    FIXTURE_TEST(test_crowd),
		FIXTURE_TEST(test_timer_not_early),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
