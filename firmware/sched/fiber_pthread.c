/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The thread back end: every fiber is a thread, and whoever holds the baton runs. All switches go
 * through one mutex, so tools see each hand-over as the ordering it is.
 */
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>

#include "firmware/sched/fiber_private.h"

#define STACK_MIN 524288 /* tools need room of their own */

static pthread_mutex_t baton = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t loop_turn = PTHREAD_COND_INITIALIZER;
static struct fiber_ctx *holder; /* NULL: the loop */

static void *thread_main(void *arg)
{
	struct fiber_ctx *ctx = arg;

	pthread_mutex_lock(&baton);
	while (holder != ctx)
		pthread_cond_wait(&ctx->turn, &baton);
	pthread_mutex_unlock(&baton);

	ctx->entry(ctx->arg);

	pthread_mutex_lock(&baton);
	holder = NULL;
	pthread_cond_signal(&loop_turn);
	pthread_mutex_unlock(&baton);
	return NULL;
}

int fiber_ctx_make(struct fiber_ctx *ctx, void *stack, size_t size, void (*entry)(void *arg),
		   void *arg)
{
	pthread_attr_t attr;
	sigset_t every, before;
	int r;

	*ctx = (struct fiber_ctx){.entry = entry, .arg = arg, .stack = stack, .stack_size = size};
	if (pthread_attr_init(&attr) != 0)
		return -EAGAIN;
	pthread_attr_setstacksize(&attr, MAX(size, (size_t)STACK_MIN));
	pthread_cond_init(&ctx->turn, NULL);
	sigfillset(&every);
	pthread_sigmask(SIG_SETMASK, &every, &before);
	r = pthread_create(&ctx->thread, &attr, thread_main, ctx);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	if (r != 0)
		pthread_cond_destroy(&ctx->turn);
	return r == 0 ? 0 : -EAGAIN;
}

void fiber_ctx_resume(struct fiber_ctx *ctx)
{
	pthread_mutex_lock(&baton);
	holder = ctx;
	pthread_cond_signal(&ctx->turn);
	while (holder)
		pthread_cond_wait(&loop_turn, &baton);
	pthread_mutex_unlock(&baton);
}

void fiber_ctx_suspend(struct fiber_ctx *ctx)
{
	pthread_mutex_lock(&baton);
	holder = NULL;
	pthread_cond_signal(&loop_turn);
	while (holder != ctx)
		pthread_cond_wait(&ctx->turn, &baton);
	pthread_mutex_unlock(&baton);
}

void fiber_ctx_release(struct fiber_ctx *ctx)
{
	pthread_join(ctx->thread, NULL);
	pthread_cond_destroy(&ctx->turn);
}
