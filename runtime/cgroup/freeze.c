/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The freezer. v1 may stay in FREEZING for ever when a process forked at a bad moment or waits in
 * the kernel: the order is repeated with every look, and now and then all are let go for a moment,
 * so that those that hang can get past what they hang in.
 */
#include <errno.h>
#include <time.h>

#include "firmware/core/clock.h"
#include "runtime/cgroup/parse.h"

#define FREEZE_MS 10000
#define AGAIN_MS 100
#define LET_GO_STEP 4	/* 16 ms */
#define STEP_NS 1000000 /* grows to 16 times that */

static void rest(unsigned step)
{
	struct timespec t = {.tv_nsec = STEP_NS << (step < 4 ? step : 4)};

	nanosleep(&t, NULL);
}

static bool state_is(const struct cgroup *cg, const char *want)
{
	CLEANUP_ARENA struct arena a = {0};
	struct str text;

	arena_open_heap(&a, 64 << 10);
	if (cgroup_read(cg, "freezer", "freezer.state", &a, &text) < 0)
		return false;
	return str_starts(text, want);
}

static bool event_is(const struct cgroup *cg, uint64_t want)
{
	CLEANUP_ARENA struct arena a = {0};
	struct cgroup_number *list;
	struct str text;
	size_t n;

	arena_open_heap(&a, 64 << 10);
	return cgroup_read(cg, "", "cgroup.events", &a, &text) == 0 &&
	       cgroup_parse_numbers(text, &a, &list, &n) == 0 &&
	       cgroup_number(list, n, "frozen") == want;
}

bool cgroup_is_frozen(const struct cgroup *cg)
{
	return cg->v2 ? event_is(cg, 1) : state_is(cg, "FROZEN");
}

static bool reached(const struct cgroup *cg, bool frozen)
{
	if (cg->v2)
		return event_is(cg, frozen);
	return state_is(cg, frozen ? "FROZEN" : "THAWED");
}

static int order(const struct cgroup *cg, bool frozen)
{
	if (cg->v2)
		return cgroup_write(cg, "", "cgroup.freeze", frozen ? "1" : "0");
	return cgroup_write(cg, "freezer", "freezer.state", frozen ? "FROZEN" : "THAWED");
}

int cgroup_freeze(const struct cgroup *cg, bool frozen, const struct job *job, struct err *e)
{
	int64_t deadline = clock_in_ms(FREEZE_MS), again = clock_in_ms(AGAIN_MS);
	int r = order(cg, frozen);

	for (unsigned step = 0; r == 0 && !reached(cg, frozen); step++) {
		int64_t now = clock_mono();

		if (now >= deadline)
			r = -ETIMEDOUT;
		else if (job && job_stopped(job))
			r = -ECANCELED;
		else
			rest(step);
		if (r < 0 || !frozen || cg->v2)
			continue;
		if (now >= again) {
			(void)!order(cg, false);
			rest(LET_GO_STEP);
			again = clock_in_ms(AGAIN_MS);
		}
		r = order(cg, true);
	}
	if (r == 0)
		return 0;
	if (frozen)
		(void)!order(cg, false);
	return err_sys(e, -r, "%s the control group %s", frozen ? "freezing" : "thawing", cg->path);
}
