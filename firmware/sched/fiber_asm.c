/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The assembly back end: contexts are stack pointers. This file lays out a new fiber's first stack
 * frame and tells memory checkers of each switch.
 */
#include <stdint.h>
#include <string.h>

#include "firmware/core/sanitize.h"
#include "firmware/sched/fiber_private.h"

#if defined(CONFIG_VALGRIND) && __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#define HAS_VALGRIND 1
#endif

#if !defined(__x86_64__) && !defined(__aarch64__)
#error "no fiber switch for this architecture: choose FIBER_PTHREAD"
#endif

void fiber_switch(void **save_sp, void *sp);
void fiber_begin(void);

static void *loop_sp;

#ifdef HAS_ASAN
void __sanitizer_start_switch_fiber(void **save, const void *bottom, size_t size);
void __sanitizer_finish_switch_fiber(void *save, const void **old_bottom, size_t *old_size);

static const void *loop_bottom;
static size_t loop_size;
static void *loop_fake;
#endif

#ifdef HAS_TSAN
void *__tsan_get_current_fiber(void);
void *__tsan_create_fiber(unsigned flags);
void __tsan_destroy_fiber(void *fiber);
void __tsan_switch_to_fiber(void *fiber, unsigned flags);

static void *loop_tsan;
#endif

/* About to leave the loop's stack for ctx's, and arrived back on the loop's. */
static void leave_loop(struct fiber_ctx *ctx)
{
#ifdef HAS_ASAN
	__sanitizer_start_switch_fiber(&loop_fake, ctx->stack, ctx->stack_size);
#elif defined(HAS_TSAN)
	loop_tsan = __tsan_get_current_fiber();
	__tsan_switch_to_fiber(ctx->checker, 0);
#else
	(void)ctx;
#endif
}

static void arrive_loop(void)
{
#ifdef HAS_ASAN
	__sanitizer_finish_switch_fiber(loop_fake, NULL, NULL);
#endif
}

/* About to leave a fiber's stack, for the last time or not, and arrived on it. */
static void leave_fiber(struct fiber_ctx *ctx, bool last)
{
#ifdef HAS_ASAN
	__sanitizer_start_switch_fiber(last ? NULL : &ctx->checker, loop_bottom, loop_size);
#elif defined(HAS_TSAN)
	(void)ctx;
	(void)last;
	__tsan_switch_to_fiber(loop_tsan, 0);
#else
	(void)ctx;
	(void)last;
#endif
}

static void arrive_fiber(struct fiber_ctx *ctx)
{
#ifdef HAS_ASAN
	__sanitizer_finish_switch_fiber(ctx->checker, &loop_bottom, &loop_size);
#else
	(void)ctx;
#endif
}

static void first_function(struct fiber_ctx *ctx)
{
	void *unused;

	arrive_fiber(ctx);
	ctx->entry(ctx->arg);
	leave_fiber(ctx, true);
	fiber_switch(&unused, loop_sp);
	__builtin_trap();
}

/* What fiber_switch takes from a stack, as each architecture's file describes it. */
struct first_frame {
#if defined(__x86_64__)
	uint32_t mxcsr;
	uint16_t x87_control, pad;
	uint64_t r15, r14, r13, r12, rbx, rbp, return_address;
	uint64_t end[2]; /* the callee of fiber_begin then finds its stack aligned */
#else
	uint64_t x19, x20, x21_x28[8], x29, x30, d8_d15[8], fpcr, pad;
#endif
};

int fiber_ctx_make(struct fiber_ctx *ctx, void *stack, size_t size, void (*entry)(void *arg),
		   void *arg)
{
	uintptr_t top = ((uintptr_t)stack + size) & ~(uintptr_t)15;
	struct first_frame *frame = (struct first_frame *)(top - sizeof(*frame));

	*ctx = (struct fiber_ctx){.entry = entry, .arg = arg, .stack = stack, .stack_size = size};
#if defined(__x86_64__)
	*frame = (struct first_frame){
		.mxcsr = 0x1f80,
		.x87_control = 0x037f,
		.r12 = (uint64_t)(uintptr_t)first_function,
		.rbx = (uint64_t)(uintptr_t)ctx,
		.return_address = (uint64_t)(uintptr_t)fiber_begin,
	};
#else
	*frame = (struct first_frame){
		.x19 = (uint64_t)(uintptr_t)ctx,
		.x20 = (uint64_t)(uintptr_t)first_function,
		.x30 = (uint64_t)(uintptr_t)fiber_begin,
	};
#endif
	ctx->sp = frame;
#ifdef HAS_TSAN
	ctx->checker = __tsan_create_fiber(0);
#endif
#ifdef HAS_VALGRIND
	ctx->stack_id = VALGRIND_STACK_REGISTER(stack, (char *)stack + size);
#endif
	return 0;
}

void fiber_ctx_resume(struct fiber_ctx *ctx)
{
	leave_loop(ctx);
	fiber_switch(&loop_sp, ctx->sp);
	arrive_loop();
}

void fiber_ctx_suspend(struct fiber_ctx *ctx)
{
	leave_fiber(ctx, false);
	fiber_switch(&ctx->sp, loop_sp);
	arrive_fiber(ctx);
}

void fiber_ctx_release(struct fiber_ctx *ctx)
{
#ifdef HAS_TSAN
	__tsan_destroy_fiber(ctx->checker);
#endif
#ifdef HAS_VALGRIND
	VALGRIND_STACK_DEREGISTER(ctx->stack_id);
#endif
	(void)ctx;
}
