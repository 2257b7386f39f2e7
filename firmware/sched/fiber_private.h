/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of this folder share and nobody else uses: the two back ends' interface, parking
 * and waking, and what the loop calls.
 *
 * Thread: loop. Yields: fiber_park.
 */
#ifndef FIRMWARE_SCHED_FIBER_PRIVATE_H
#define FIRMWARE_SCHED_FIBER_PRIVATE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "firmware/core/list.h"
#include "firmware/sched/fiber.h"
#include "firmware/sched/loop.h"

/*
 * A context: where a fiber stopped. entry(arg) runs when it is first resumed; when entry returns,
 * control is back in fiber_ctx_resume for the last time, and fiber_ctx_release follows.
 */
struct fiber_ctx {
	void (*entry)(void *arg);
	void *arg;
	void *stack; /* lowest address */
	size_t stack_size;
#ifdef CONFIG_FIBER_PTHREAD
	pthread_t thread;
	pthread_cond_t turn;
#else
	void *sp;
	void *checker;	       /* what a memory checker keeps of this stack */
	unsigned int stack_id; /* valgrind's */
#endif
};

/* 0 or -EAGAIN. */
int fiber_ctx_make(struct fiber_ctx *ctx, void *stack, size_t size, void (*entry)(void *arg),
		   void *arg) WARN_UNUSED;
void fiber_ctx_resume(struct fiber_ctx *ctx);  /* from the loop */
void fiber_ctx_suspend(struct fiber_ctx *ctx); /* from the fiber, to the loop */
void fiber_ctx_release(struct fiber_ctx *ctx); /* from the loop, after the end */

enum fiber_state { FIBER_READY, FIBER_RUNNING, FIBER_WAITING, FIBER_DEAD };

struct fiber {
	struct fiber_ctx ctx;
	const char *name;
	void (*fn)(void *arg);
	void *arg;
	enum fiber_state state;
	int result;	/* of the wait that ended */
	int cancel;	/* 0, or what waits return */
	int shield;	/* > 0: waits ignore cancel */
	unsigned burst; /* system calls that did not wait, since it last did */
	struct list all;
	struct list ready;
	struct list wait; /* in a waitq */
	struct loop_timer timer;
};

/*
 * Wait until fiber_wake, the deadline or a cancel. A caller that is to be found in a waitq links
 * ->wait first; it is unlinked when this returns.
 */
int fiber_park(int64_t deadline) FIBER_FN WARN_UNUSED;
/* End f's wait with result, unless something else ended it before. */
void fiber_wake(struct fiber *f, int result);
/* What a wait of the running fiber would return at once: 0 or cancel code. */
int fiber_pending_cancel(void);
/* A fiber whose system calls never have to wait lets others run now and then: 0 or cancel code. */
int fiber_be_fair(void) FIBER_FN WARN_UNUSED;

bool fiber_any_ready(void);
/* Run the first fiber that is ready; returns its name, NULL when there was none. */
const char *fiber_run_next(void);

/* Fire what is due at now. */
void loop_timers_run(int64_t now);
/* Deadline of the first timer, DEADLINE_NEVER when there is none. */
int64_t loop_timers_next(void);

#endif
