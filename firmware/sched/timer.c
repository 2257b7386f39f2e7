/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Timers are a pairing heap whose links lie in the timers: arming is one comparison, and disarming
 * (which is how nearly every timer ends) mostly just unlinks.
 */
#include "firmware/sched/fiber_private.h"

#define FIRE_MAX 1024 /* in one turn, so that timers cannot starve the rest */

enum { CHILD, NEXT, PREV }; /* PREV: left sibling, or parent of a first child */

static struct loop_timer *root;

static struct loop_timer *meld(struct loop_timer *a, struct loop_timer *b)
{
	if (!a)
		return b;
	if (!b)
		return a;
	if (b->deadline < a->deadline) {
		struct loop_timer *swap = a;

		a = b;
		b = swap;
	}
	b->heap[PREV] = a;
	b->heap[NEXT] = a->heap[CHILD];
	if (b->heap[NEXT])
		b->heap[NEXT]->heap[PREV] = b;
	a->heap[CHILD] = b;
	a->heap[NEXT] = a->heap[PREV] = NULL;
	return a;
}

/* One heap of a chain of siblings: meld neighbours left to right, then the pairs back again. */
static struct loop_timer *merge_pairs(struct loop_timer *first)
{
	struct loop_timer *pairs = NULL, *all = NULL;

	while (first) {
		struct loop_timer *a = first, *b = a->heap[NEXT];

		first = b ? b->heap[NEXT] : NULL;
		a->heap[NEXT] = a->heap[PREV] = NULL;
		if (b)
			b->heap[NEXT] = b->heap[PREV] = NULL;
		a = meld(a, b);
		a->heap[NEXT] = pairs;
		pairs = a;
	}
	while (pairs) {
		struct loop_timer *next = pairs->heap[NEXT];

		pairs->heap[NEXT] = NULL;
		all = meld(all, pairs);
		pairs = next;
	}
	return all;
}

void loop_timer_disarm(struct loop_timer *t)
{
	struct loop_timer *rest;

	if (!t->armed)
		return;
	t->armed = false;
	rest = merge_pairs(t->heap[CHILD]);
	if (t == root) {
		root = rest;
	} else {
		if (t->heap[PREV]->heap[CHILD] == t)
			t->heap[PREV]->heap[CHILD] = t->heap[NEXT];
		else
			t->heap[PREV]->heap[NEXT] = t->heap[NEXT];
		if (t->heap[NEXT])
			t->heap[NEXT]->heap[PREV] = t->heap[PREV];
		root = meld(root, rest);
	}
	t->heap[CHILD] = t->heap[NEXT] = t->heap[PREV] = NULL;
}

void loop_timer_arm(struct loop_timer *t, int64_t deadline, void (*fire)(struct loop_timer *t))
{
	loop_timer_disarm(t);
	t->fire = fire;
	t->deadline = deadline;
	t->heap[CHILD] = t->heap[NEXT] = t->heap[PREV] = NULL;
	t->armed = true;
	root = meld(root, t);
}

void loop_timers_run(int64_t now)
{
	for (int i = 0; i < FIRE_MAX && root && root->deadline <= now; i++) {
		struct loop_timer *t = root;

		loop_timer_disarm(t);
		t->fire(t);
	}
}

int64_t loop_timers_next(void)
{
	return root ? root->deadline : DEADLINE_NEVER;
}
