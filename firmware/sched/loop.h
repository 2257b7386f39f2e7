/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The epoll loop: readiness, timers, wake-ups from other threads, signals. It runs fibers;
 * callbacks given here run on the loop's own stack, must not wait, and are short.
 *
 * Thread: loop, except loop_post. Yields: no. Owns: the epoll descriptor.
 * Limits: CONFIG_LOOP_EVENTS (per epoll_wait), CONFIG_LOOP_STALL_MS (watchdog; 50).
 */
#ifndef FIRMWARE_SCHED_LOOP_H
#define FIRMWARE_SCHED_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "firmware/core/attr.h"
#include "firmware/core/err.h"
#include "firmware/core/list.h"

int loop_init(struct err *e) WARN_UNUSED;
void loop_fini(void);
/* Run until loop_stop. Fibers and callbacks run inside. */
void loop_run(void);
void loop_stop(void);

/* A descriptor watched with a callback. The fd stays the caller's. */
struct loop_watch {
	void (*ready)(struct loop_watch *w, uint32_t epoll_events);
	int fd;
	bool active;
};
int loop_watch_add(struct loop_watch *w, int fd, uint32_t epoll_events,
		   void (*ready)(struct loop_watch *w, uint32_t epoll_events)) WARN_UNUSED;
/* Watch for other events from now on. 0 or -errno. */
int loop_watch_change(struct loop_watch *w, uint32_t epoll_events) WARN_UNUSED;
void loop_watch_remove(struct loop_watch *w);

/* One-shot timers in a heap without allocation per timer (intrusive). */
struct loop_timer {
	void (*fire)(struct loop_timer *t);
	int64_t deadline;
	struct loop_timer *heap[3]; /* private: pairing-heap links */
	bool armed;
};
void loop_timer_arm(struct loop_timer *t, int64_t deadline, void (*fire)(struct loop_timer *t));
void loop_timer_disarm(struct loop_timer *t);

/* Signals as loop callbacks (signalfd); the signal is blocked in all threads. */
int loop_signal(int signo, void (*fn)(int signo)) WARN_UNUSED;

/* Any thread: have post->run called on the loop thread soon. post must live until it ran. */
struct loop_post {
	void (*run)(struct loop_post *p);
	struct loop_post *next;
};
void loop_post(struct loop_post *p);

/*
 * Longest time between two returns to epoll_wait so far, and how many were over the threshold.
 * Where the kernel tells, time in which the thread waited for a CPU is not counted in long ones.
 */
struct loop_stats {
	int64_t longest_stall_ns;
	uint64_t stalls;
	const char *longest_name; /* fiber or "callback" */
};
void loop_get_stats(struct loop_stats *ret_stats);
/* Called on each stall, on the loop's stack; for the daemon's log. May be NULL. */
void loop_on_stall(void (*fn)(const char *name, int64_t ns));

#endif
