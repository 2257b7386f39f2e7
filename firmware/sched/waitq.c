/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "firmware/sched/fiber_private.h"

void waitq_init(struct waitq *q)
{
	list_init(&q->waiters);
}

int waitq_wait(struct waitq *q, int64_t deadline)
{
	struct fiber *self = fiber_self();

	if (!self)
		return -EDEADLK;
	list_push_back(&q->waiters, &self->wait);
	return fiber_park(deadline);
}

void waitq_wake_one(struct waitq *q)
{
	if (!list_empty(&q->waiters))
		fiber_wake(list_first(&q->waiters, struct fiber, wait), 0);
}

void waitq_wake_all(struct waitq *q)
{
	while (!list_empty(&q->waiters))
		waitq_wake_one(q);
}

bool waitq_empty(const struct waitq *q)
{
	return list_empty(&q->waiters);
}

void fiber_lock_init(struct fiber_lock *l)
{
	l->owner = NULL;
	waitq_init(&l->q);
}

int fiber_lock_take(struct fiber_lock *l, int64_t deadline)
{
	struct fiber *self = fiber_self();

	if (!self || l->owner == self)
		return -EDEADLK;
	if (!l->owner) {
		l->owner = self;
		return 0;
	}
	/* 0 means that the one before handed the lock to us. */
	return waitq_wait(&l->q, deadline);
}

void fiber_lock_release(struct fiber_lock *l)
{
	if (list_empty(&l->q.waiters)) {
		l->owner = NULL;
		return;
	}
	l->owner = list_first(&l->q.waiters, struct fiber, wait);
	waitq_wake_one(&l->q);
}
