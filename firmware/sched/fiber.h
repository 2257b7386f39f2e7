/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fibers: stackful coroutines on the loop thread. One runs at a time and it switches only where it
 * waits, so state shared between fibers needs no locks, but may have changed after every call
 * marked FIBER_FN. Two back ends behind this header: assembly (x86_64, aarch64) and pthread
 * baton-passing (CONFIG_FIBER_PTHREAD, for TSan and new architectures).
 *
 * Every wait takes a deadline (monotonic ns, DEADLINE_NEVER) and returns 0, -ETIMEDOUT, or the
 * cancel code (-ECANCELED, or -ECONNRESET when the client's connection was lost). A cancelled fiber
 * sees that code from every further wait and unwinds the ordinary way. While a fiber is shielded
 * (fiber_shield) waits ignore the cancel, so that an engine operation runs to its end.
 *
 * Thread: loop. Yields: what carries FIBER_FN. Owns: stacks come from a pool.
 * Limits: CONFIG_FIBER_COUNT, CONFIG_FIBER_RESERVED, CONFIG_FIBER_STACK (bytes).
 */
#ifndef FIRMWARE_SCHED_FIBER_H
#define FIRMWARE_SCHED_FIBER_H

#include <stdbool.h>
#include <stdint.h>

#include "firmware/core/attr.h"
#include "firmware/core/clock.h"
#include "firmware/core/err.h"
#include "firmware/core/list.h"
#include "firmware/core/pool.h"

struct fiber;

int fiber_system_init(struct err *e) WARN_UNUSED;
void fiber_system_fini(void);

/*
 * Start fn(arg) on a new fiber; it first runs when the caller next waits or returns to the loop.
 * name must be static text. -EAGAIN when no fiber is left for this class. ret_fiber may be NULL;
 * the pointer is valid until the fiber ends (use a waitq to learn of that).
 */
int fiber_spawn(const char *name, void (*fn)(void *arg), void *arg, enum pool_class cls,
		struct fiber **ret_fiber) WARN_UNUSED;
struct fiber *fiber_self(void); /* NULL outside of fibers */
const char *fiber_name(const struct fiber *f);
size_t fiber_count(void); /* alive now */

/* Ask f to unwind: its present and later waits return code (-ECANCELED or -ECONNRESET). */
void fiber_cancel(struct fiber *f, int code);
/* Cancel every fiber but the caller's (shutdown). */
void fiber_cancel_all(int code);
/* 0, or the code this fiber was cancelled with (also while shielded). */
int fiber_cancelled(void);
/* Waits ignore the cancel between these two; calls nest. */
void fiber_shield(void);
void fiber_unshield(void);
/* Forget a pending cancel of the running fiber (a connection fiber between two requests). */
void fiber_clear_cancel(void);

/*
 * Give back the memory of the running fiber's stack that deeper calls have touched, before a long
 * wait. A system call, and page faults when it goes deep again: not for every wait.
 */
void fiber_trim(void);

int fiber_yield(void) FIBER_FN;			  /* let others run once; 0 or cancel code */
int fiber_sleep_until(int64_t deadline) FIBER_FN; /* 0 when the time came, or cancel code */
int fiber_sleep_ms(int64_t ms) FIBER_FN;

/* A queue of waiting fibers: a condition without a lock. */
struct waitq {
	struct list waiters;
};
void waitq_init(struct waitq *q);
int waitq_wait(struct waitq *q, int64_t deadline) FIBER_FN WARN_UNUSED;
void waitq_wake_one(struct waitq *q);
void waitq_wake_all(struct waitq *q);
bool waitq_empty(const struct waitq *q);

/* A lock held across waits; waiters queue in order. Not recursive. */
struct fiber_lock {
	struct fiber *owner;
	struct waitq q;
};
void fiber_lock_init(struct fiber_lock *l);
int fiber_lock_take(struct fiber_lock *l, int64_t deadline) FIBER_FN WARN_UNUSED;
void fiber_lock_release(struct fiber_lock *l);

#endif
