/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Being woken when a log grows: one inotify descriptor for all followers.
 *
 * Thread: loop. Yields: follow_wait. Owns: the inotify descriptor; a follower is its owner's.
 * Limits: CONFIG_LOG_FOLLOWERS.
 */
#ifndef RUNTIME_LOG_LOG_FOLLOW_H
#define RUNTIME_LOG_LOG_FOLLOW_H

#include <stdbool.h>
#include <stdint.h>

#include "firmware/core/err.h"
#include "firmware/core/list.h"
#include "firmware/sched/fiber.h"

struct follower {
	struct list link;
	const char *path;
	int wd;	    /* -1: not watched */
	bool dirty; /* something happened since follow_watch or the last follow_wait */
	struct waitq q;
};

int follow_init(struct err *e) WARN_UNUSED;
/* Join; ERR_UNAVAILABLE when there are too many. path stays the caller's. */
int follow_join(struct follower *f, const char *path, struct err *e) WARN_UNUSED;
void follow_leave(struct follower *f);
/* Watch the file behind fd from now on (instead of the one before). */
void follow_watch(struct follower *f, int fd);
/* Wait until something happened: 0, -ETIMEDOUT, or cancel code. */
int follow_wait(struct follower *f, int64_t deadline) FIBER_FN WARN_UNUSED;
void follow_wake(const char *path);

#endif
