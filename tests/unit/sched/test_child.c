/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "firmware/core/mem.h"
#include "firmware/sched/child.h"
#include "firmware/sched/job.h"
#include "tests/unit/needs.h"
#include "tests/unit/sched/fixture.h"

static struct arena arena;

static int setup(void **state)
{
	struct err e = ERR_INIT;

	arena_open_heap(&arena, 1 << 20);
	return fixture_setup(state) < 0 || job_system_init(&e) < 0;
}

static int teardown(void **state)
{
	struct mem_stats stats;

	job_system_fini();
	arena_done(&arena);
	mem_get_stats(&stats);
	assert_int_equal(stats.live, 0);
	/* No child, running or dead, is left. */
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
	return fixture_teardown(state);
}

/* Run a shell script; what it printed. */
static struct str shell(const char *script, int *ret_status)
{
	const char *argv[] = {"sh", "-c", script, NULL};
	struct child_spec spec = {.path = "sh", .argv = argv};
	struct err e = ERR_INIT;
	struct str out = {0};
	int r = child_run(&spec, clock_in_ms(8000), &arena, ret_status, &out, &e);

	assert_string_equal(e.msg, "");
	assert_int_equal(r, 0);
	return out;
}

static void runs(void *arg)
{
	struct str out;
	int status;

	(void)arg;
	out = shell("echo out; echo err >&2; exit 3", &status);
	assert_true(str_eqz(out, "out\nerr\n"));
	assert_int_equal(WEXITSTATUS(status), 3);
	out = shell("kill -9 $$", &status);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	/* More than is kept: the end of it. */
	out = shell("i=0; while [ $i -lt 5000 ]; do echo line-$i; i=$((i+1)); done", &status);
	assert_int_equal(out.n, CONFIG_CHILD_OUTPUT_MAX);
	assert_true(str_ends(out, "line-4998\nline-4999\n"));
	/* Somebody else keeps the output open. */
	out = shell("sleep 30 & echo $!", &status);
	assert_int_equal(status, 0);
	assert_int_equal(kill(atoi(out.p), SIGKILL), 0);
}

static void test_run(void **state)
{
	(void)state;
	run_fiber(runs);
}

static void clean(void *arg)
{
	int extra = dup(0); /* not close-on-exec */
	struct str out;
	int status;

	(void)arg;
	assert_true(extra > 2);
	out = shell("ls /proc/self/fd | tr '\\n' ' '; grep -E 'Sig(Blk|Ign|Cgt)' /proc/self/status"
		    " | tr '\\n' ' '; env",
		    &status);
	close(extra);
	/* 3 is ls reading the directory. */
	assert_memory_equal(out.p,
			    "0 1 2 3 SigBlk:\t0000000000000000 SigIgn:\t0000000000000000 "
			    "SigCgt:\t0000000000000000 ",
			    60);
	assert_non_null(memmem(out.p, out.n, "PATH=", 5));
}

static void test_clean(void **state)
{
	(void)state;
	signal(SIGPIPE, SIG_IGN);
	signal(SIGUSR1, SIG_IGN);
	run_fiber(clean);
	signal(SIGPIPE, SIG_DFL);
	signal(SIGUSR1, SIG_DFL);
}

static int try_spawn(const char *path, const char *cwd, struct err *e) FIBER_FN
{
	const char *argv[] = {"x", NULL};
	struct child_spec spec = {.path = path, .argv = argv, .cwd = cwd};
	struct child c = {.pid = 0};
	int r = child_spawn(&c, &spec, e);

	assert_int_equal(c.pid, 0);
	child_done(&c);
	return r;
}

static void refused(void *arg)
{
	struct err e = ERR_INIT;
	char program[] = "/tmp/serin-test-XXXXXX";
	int fd = mkstemp(program);

	(void)arg;
	assert_int_equal(try_spawn("no-such", NULL, &e), -ENOENT);
	assert_string_equal(e.msg, "exec no-such: no such file or directory");
	assert_int_equal(try_spawn("/no/such", NULL, &e), -ENOENT);
	assert_int_equal(try_spawn(program, NULL, &e), -EACCES);
	assert_int_equal(try_spawn("/tmp", NULL, &e), -EACCES);
	/* Executable, but no program: only exec itself can tell. */
	assert_int_equal(write(fd, "\0\0\0\0", 4), 4);
	assert_int_equal(fchmod(fd, 0755), 0);
	close(fd);
	assert_int_equal(try_spawn(program, NULL, &e), -ENOEXEC);
	unlink(program);
	assert_int_equal(try_spawn("true", "/no/such", &e), -ENOENT);
	assert_string_equal(e.msg, "chdir true: no such file or directory");
}

static void test_refused(void **state)
{
	(void)state;
	run_fiber(refused);
}

/* Descriptors that lie in each other's way. */
static void shuffles(void *arg)
{
	const char *argv[] = {"sh", "-c", "cat <&4; cat <&3; echo x >&5", NULL};
	struct child_spec spec = {.path = "sh", .argv = argv, .n_fds = 6, .cwd = "/"};
	int pipes[3][2], status;
	struct err e = ERR_INIT;
	struct str out;
	char c[4];

	(void)arg;
	for (int i = 0; i < 3; i++)
		assert_int_equal(pipe2(pipes[i], O_CLOEXEC), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(write(pipes[i][1], i ? "one" : "two", 3), 3);
		close(pipes[i][1]);
	}
	spec.fds[0] = -1;
	spec.fds[3] = pipes[0][0];
	spec.fds[4] = pipes[1][0];
	spec.fds[5] = pipes[2][1];
	assert_int_equal(child_run(&spec, clock_in_ms(8000), &arena, &status, &out, &e), 0);
	assert_true(str_eqz(out, "onetwo"));
	assert_int_equal(read(pipes[2][0], c, 4), 2);
	for (int i = 0; i < 3; i++)
		close(pipes[i][0]);
	close(pipes[2][1]);
}

/* The same within the range the child gets: two change places, one stays. */
static void swaps(void *arg)
{
	const char *argv[] = {"sh", "-c", "cd /proc/self/fd; cat 30 31 32", NULL};
	struct child_spec spec = {.path = "sh", .argv = argv, .n_fds = 40};
	struct err e = ERR_INIT;
	struct str out;
	int status;

	(void)arg;
	for (int i = 0; i < 40; i++)
		spec.fds[i] = -1;
	for (int i = 0; i < 3; i++) {
		int fds[2];

		assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
		assert_int_equal(write(fds[1], &"abc"[i], 1), 1);
		close(fds[1]);
		assert_int_equal(dup3(fds[0], 30 + i, O_CLOEXEC), 30 + i);
		close(fds[0]);
	}
	spec.fds[30] = 31;
	spec.fds[31] = 30;
	spec.fds[32] = 32;
	assert_int_equal(child_run(&spec, clock_in_ms(8000), &arena, &status, &out, &e), 0);
	for (int i = 0; i < 3; i++)
		close(30 + i);
	assert_true(str_eqz(out, "bac"));
}

static void test_fds(void **state)
{
	(void)state;
	run_fiber(shuffles);
}

static void time_out(void *arg)
{
	const char *argv[] = {"sleep", "30", NULL};
	struct child_spec spec = {.path = "sleep", .argv = argv, .new_session = true};
	struct err e = ERR_INIT;
	int64_t before = clock_mono();
	int status;

	(void)arg;
	assert_int_equal(child_run(&spec, clock_in_ms(20), &arena, &status, NULL, &e), -ETIMEDOUT);
	assert_int_equal(e.kind, ERR_TIMEOUT);
	assert_true(clock_mono() - before < 20 * NSEC_PER_SEC);
}

static void test_timeout(void **state)
{
	(void)state;
	run_fiber(time_out);
}

static struct fiber *victim;

static void is_cancelled(void *arg)
{
	const char *argv[] = {"sleep", "30", NULL};
	struct child_spec spec = {.path = "sleep", .argv = argv};
	struct err e = ERR_INIT;
	int status;

	(void)arg;
	assert_int_equal(child_run(&spec, DEADLINE_NEVER, &arena, &status, NULL, &e), -ECONNRESET);
	assert_int_equal(child_run(&spec, DEADLINE_NEVER, &arena, &status, NULL, &e), -ECONNRESET);
}

static void cancel(void *arg)
{
	(void)arg;
	assert_int_equal(fiber_sleep_ms(20), 0);
	fiber_cancel(victim, -ECONNRESET);
}

static void test_cancel(void **state)
{
	(void)state;
	assert_int_equal(fiber_spawn("v", is_cancelled, NULL, POOL_NORMAL, &victim), 0);
	spawn(cancel, NULL);
	run_loop();
}

static void waits(void *arg)
{
	const char *argv[] = {"sleep", "1", NULL};
	struct child_spec spec = {.path = "sleep", .argv = argv, .oom_score_adj = 500};
	struct err e = ERR_INIT;
	char path[64], text[16] = "";
	struct child c;
	int fd, status;

	(void)arg;
	assert_int_equal(child_spawn(&c, &spec, &e), 0);
	snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", c.pid);
	fd = open(path, O_RDONLY);
	assert_int_equal(read(fd, text, sizeof(text) - 1), 4);
	close(fd);
	assert_string_equal(text, "500\n");
	assert_int_equal(child_wait(&c, clock_in_ms(1), &status), -ETIMEDOUT);
	assert_int_equal(child_wait(&c, clock_in_ms(8000), &status), 0);
	assert_int_equal(status, 0);
	assert_int_equal(child_wait(&c, clock_in_ms(8000), &status), 0);
	assert_int_equal(child_kill(&c, SIGTERM), -ESRCH);
	child_done(&c);
	child_done(&c);
}

static void test_wait(void **state)
{
	(void)state;
	run_fiber(waits);
}

static void lets_go(void *arg)
{
	const char *argv[] = {"sleep", "0.03", NULL};
	struct child_spec spec = {.path = "sleep", .argv = argv};
	struct err e = ERR_INIT;

	(void)arg;
	for (int i = 0; i < 3; i++) {
		struct child c;

		assert_int_equal(child_spawn(&c, &spec, &e), 0);
		child_done(&c);
	}
	/* They are reaped behind our back. */
	for (int i = 0; i < 3000; i++) {
		struct mem_stats stats;

		mem_get_stats(&stats);
		if (stats.live == 0)
			break;
		assert_int_equal(fiber_sleep_ms(1), 0);
	}
}

static void test_let_go(void **state)
{
	(void)state;
	run_fiber(lets_go);
}

static void test_swap(void **state)
{
	(void)state;
	run_fiber(swaps);
}

#define CHILD_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CHILD_TEST(test_run),	 CHILD_TEST(test_clean), CHILD_TEST(test_refused),
		CHILD_TEST(test_fds),	 CHILD_TEST(test_swap),	 CHILD_TEST(test_timeout),
		CHILD_TEST(test_cancel), CHILD_TEST(test_wait),	 CHILD_TEST(test_let_go),
	};
	NEEDS_ALL(tests, lacks_clone_pidfd());
	NEEDS_ALL(tests, lacks_vfork());
	return cmocka_run_group_tests(tests, NULL, NULL);
}
