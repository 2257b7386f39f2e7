/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A fiber's slot, from low to high addresses: a guard page, the stack, struct fiber at the very
 * top. So a fiber that stays shallow owns one or two pages and no more. The guard is set when a
 * slot is first used, and its memory given back when its fiber ends, but for a few slots that stay
 * warm for the next ones.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "firmware/core/clock.h"
#include "firmware/sched/fiber_private.h"

#define WARM_MAX 16
#define WARM_BYTES 8192 /* kept at the top of a warm slot */
#define BURST_MAX 32
#define BELOW_STACK 512 /* what our callee and a red zone may use */

_Static_assert(CONFIG_FIBER_RESERVED < CONFIG_FIBER_COUNT, "FIBER_RESERVED must be below COUNT");

static struct pool pool;
static struct list all = LIST_INIT(all);
static struct list ready = LIST_INIT(ready);
static struct fiber *current;
static size_t count;
static size_t page;
static int warm;
static uint8_t slot_guarded[CONFIG_FIBER_COUNT];
static uint8_t slot_warm[CONFIG_FIBER_COUNT];

int fiber_system_init(struct err *e)
{
	size_t stack;

	page = (size_t)sysconf(_SC_PAGESIZE);
	stack = (CONFIG_FIBER_STACK + page - 1) / page * page;
	return pool_init(&pool, "fiber", page + stack, CONFIG_FIBER_COUNT, CONFIG_FIBER_RESERVED,
			 e);
}

void fiber_system_fini(void)
{
	pool_fini(&pool);
	warm = 0;
	memset(slot_guarded, 0, sizeof(slot_guarded));
	memset(slot_warm, 0, sizeof(slot_warm));
}

/* Runs on the new fiber's own stack. */
static void fiber_main(void *arg) FIBER_ENTRY
{
	struct fiber *f = arg;

	f->fn(f->arg);
	f->state = FIBER_DEAD;
}

static char *slot_of(struct fiber *f)
{
	return (char *)(f + 1) - pool.slot_size;
}

/* -EAGAIN when the guard cannot be set: no stack goes without. */
static int slot_prepare(char *slot)
{
	uint32_t i = pool_index(&pool, slot);

	if (!slot_guarded[i]) {
		if (mprotect(slot, page, PROT_NONE) < 0)
			return -EAGAIN;
		slot_guarded[i] = 1;
	}
	if (slot_warm[i]) {
		slot_warm[i] = 0;
		warm--;
	}
	return 0;
}

static void slot_give_back(char *slot)
{
	uint32_t i = pool_index(&pool, slot);
	size_t keep = 0;

	if (warm < WARM_MAX) {
		warm++;
		slot_warm[i] = 1;
		keep = WARM_BYTES;
	}
	madvise(slot + page, pool.slot_size - page - keep, MADV_DONTNEED);
	pool_put(&pool, slot);
}

int fiber_spawn(const char *name, void (*fn)(void *arg), void *arg, enum pool_class cls,
		struct fiber **ret_fiber)
{
	char *slot = pool_get(&pool, cls);
	struct fiber *f;

	if (!slot)
		return -EAGAIN;
	if (slot_prepare(slot) < 0) {
		pool_put(&pool, slot);
		return -EAGAIN;
	}
	f = (struct fiber *)(void *)(slot + pool.slot_size) - 1;
	*f = (struct fiber){.name = name, .fn = fn, .arg = arg, .state = FIBER_READY};
	list_init(&f->wait);
	if (fiber_ctx_make(&f->ctx, slot + page, (size_t)((char *)f - slot) - page, fiber_main, f) <
	    0) {
		slot_give_back(slot);
		return -EAGAIN;
	}
	list_push_back(&all, &f->all);
	list_push_back(&ready, &f->ready);
	count++;
	if (ret_fiber)
		*ret_fiber = f;
	return 0;
}

NOINLINE void fiber_trim(void)
{
	uintptr_t here = (uintptr_t)__builtin_frame_address(0) - BELOW_STACK;
	uintptr_t low;

	if (!current)
		return;
	low = (uintptr_t)slot_of(current) + page;
	here &= ~(uintptr_t)(page - 1);
	/* Elsewhere (a checker's own stack) there is nothing of ours to give back. */
	if (here > low && here < (uintptr_t)current)
		(void)madvise((void *)low, here - low, MADV_DONTNEED);
}

bool fiber_any_ready(void)
{
	return !list_empty(&ready);
}

const char *fiber_run_next(void)
{
	struct fiber *f;
	const char *name;

	if (list_empty(&ready))
		return NULL;
	f = list_first(&ready, struct fiber, ready);
	list_remove(&f->ready);
	name = f->name;
	f->state = FIBER_RUNNING;
	current = f;
	fiber_ctx_resume(&f->ctx);
	current = NULL;
	if (f->state == FIBER_DEAD) {
		fiber_ctx_release(&f->ctx);
		list_remove(&f->all);
		count--;
		slot_give_back(slot_of(f));
	}
	return name;
}

struct fiber *fiber_self(void)
{
	return current;
}

const char *fiber_name(const struct fiber *f)
{
	return f->name;
}

size_t fiber_count(void)
{
	return count;
}

static int pending_cancel(const struct fiber *f)
{
	return f->shield ? 0 : f->cancel;
}

int fiber_pending_cancel(void)
{
	return current ? pending_cancel(current) : 0;
}

static void timed_out(struct loop_timer *t)
{
	fiber_wake(container_of(t, struct fiber, timer), -ETIMEDOUT);
}

int fiber_park(int64_t deadline)
{
	struct fiber *f = current;

	if (!f)
		return -EDEADLK;
	if (pending_cancel(f)) {
		list_remove(&f->wait);
		return f->cancel;
	}
	f->state = FIBER_WAITING;
	f->burst = 0;
	if (deadline != DEADLINE_NEVER)
		loop_timer_arm(&f->timer, deadline, timed_out);
	fiber_ctx_suspend(&f->ctx);
	return f->result;
}

void fiber_wake(struct fiber *f, int result)
{
	if (f->state != FIBER_WAITING)
		return;
	loop_timer_disarm(&f->timer);
	list_remove(&f->wait);
	f->result = result;
	f->state = FIBER_READY;
	list_push_back(&ready, &f->ready);
}

int fiber_yield(void)
{
	struct fiber *f = current;

	if (!f)
		return -EDEADLK;
	f->state = FIBER_READY;
	f->burst = 0;
	list_push_back(&ready, &f->ready);
	fiber_ctx_suspend(&f->ctx);
	return pending_cancel(f);
}

int fiber_be_fair(void)
{
	if (!current)
		return -EDEADLK;
	return ++current->burst > BURST_MAX ? fiber_yield() : 0;
}

int fiber_sleep_until(int64_t deadline)
{
	int r = fiber_park(deadline);

	return r == -ETIMEDOUT ? 0 : r;
}

int fiber_sleep_ms(int64_t ms)
{
	return fiber_sleep_until(clock_in_ms(ms));
}

void fiber_cancel(struct fiber *f, int code)
{
	if (!f->cancel)
		f->cancel = code;
	if (pending_cancel(f))
		fiber_wake(f, f->cancel);
}

void fiber_cancel_all(int code)
{
	struct fiber *f;

	list_for_each (f, &all, all) {
		if (f != current)
			fiber_cancel(f, code);
	}
}

int fiber_cancelled(void)
{
	return current ? current->cancel : 0;
}

void fiber_shield(void)
{
	if (current)
		current->shield++;
}

void fiber_unshield(void)
{
	if (current && current->shield > 0)
		current->shield--;
}

void fiber_clear_cancel(void)
{
	if (current)
		current->cancel = 0;
}
