/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blocking work on worker threads. A job is a plain function over its own arguments: it touches no
 * engine state, looks at job_stopped() at least every 100 ms of work, reports progress through
 * atomics of its own, and may call job_notify to wake its fiber. Each worker has unshared its
 * working directory (CLONE_FS), so a job may chdir and umask freely: it begins with the daemon's
 * umask but in any directory, so its paths are absolute or by descriptor. It may enter and leave a
 * network namespace as long as it is back when it returns.
 *
 * Thread: submit and wait on the loop; run on a worker. Yields: what carries FIBER_FN.
 * Owns: the struct job stays the submitter's; a fiber that submitted must wait to the end.
 * Limits: CONFIG_WORKERS (threads), CONFIG_JOB_QUEUE (waiting jobs), CONFIG_WORKER_STACK.
 */
#ifndef FIRMWARE_SCHED_JOB_H
#define FIRMWARE_SCHED_JOB_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "firmware/core/attr.h"
#include "firmware/core/err.h"
#include "firmware/sched/fiber.h"
#include "firmware/sched/loop.h"

/*
 * Long jobs never take the last worker. The second two are for what gives things back (mounts,
 * names, files): a full queue, which is the fault of others, must not make them leak.
 */
enum job_class { JOB_SHORT, JOB_LONG, JOB_SHORT_MUST, JOB_LONG_MUST };

struct job {
	int (*run)(struct job *job); /* result is kept in ->result */
	struct err err;		     /* for run to fill */
	int result; /* -ECANCELED (with err) when it was stopped before a worker took it */
	/* private: */
	atomic_int state;
	atomic_bool stop;
	atomic_bool notified;
	bool noted;
	enum job_class cls; /* JOB_SHORT or JOB_LONG */
	struct job *next;
	struct waitq done;
	struct loop_post post;
	struct loop_post note;
};

int job_system_init(struct err *e) WARN_UNUSED;
void job_system_fini(void); /* waits for running jobs */

/* Queue it. -EAGAIN when the queue is full (but for those that must) or no worker can be made. */
int job_start(struct job *job, int (*run)(struct job *job), enum job_class cls) WARN_UNUSED;
/*
 * Wait for the end: 0 done, 1 notified (job_notify) but still running, -ETIMEDOUT. A cancel of the
 * fiber sets the job's stop flag and the wait goes on; it never returns before the job let go.
 */
int job_wait(struct job *job, int64_t deadline) FIBER_FN WARN_UNUSED;
/*
 * Start, wait to the end, return job->result. -EAGAIN, or the cancel code of a fiber that is
 * cancelled already, with err filled and nothing run.
 */
int job_run(struct job *job, int (*run)(struct job *job), enum job_class cls) FIBER_FN WARN_UNUSED;

/* For run, on the worker: */
bool job_stopped(const struct job *job);
void job_notify(struct job *job);
/* How busy the workers are now. */
struct job_stats {
	unsigned queued, workers, idle;
};
void job_get_stats(struct job_stats *ret);
/* From the loop: ask it to stop. */
void job_stop(struct job *job);

#endif
