/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two queues, for short and for long jobs, under one mutex. Workers start when there is more
 * waiting than idle workers to take it, and end after IDLE_SECONDS without work, so that an idle
 * daemon has one thread. The end of a job travels to the loop as a post, and only when that ran is
 * the job the submitter's again.
 */
#include "firmware/sched/job.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <time.h>

#include "firmware/core/clock.h"
#include "firmware/sched/fiber_private.h"

#define IDLE_SECONDS 20
#define PASSED_MAX 16 /* short jobs that may overtake a long one */
#define LONG_MAX_RUNNING (CONFIG_WORKERS - 1)

_Static_assert(CONFIG_WORKERS >= 2, "long jobs never take the last worker");

enum { JOB_IDLE, JOB_QUEUED, JOB_RUNNING, JOB_DONE };

struct job_queue {
	struct job *first;
	struct job **end;
};

static struct {
	pthread_mutex_t lock;
	pthread_cond_t work;  /* workers wait for jobs */
	pthread_cond_t ended; /* fini waits for workers */
	struct job_queue queues[2];
	unsigned queued, workers, idle, running_long, passed;
	bool open, closing;
} jobs = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.ended = PTHREAD_COND_INITIALIZER,
};

static void push(struct job *job)
{
	struct job_queue *q = &jobs.queues[job->cls];

	job->next = NULL;
	*q->end = job;
	q->end = &job->next;
	jobs.queued++;
}

static struct job *pop(enum job_class cls)
{
	struct job_queue *q = &jobs.queues[cls];
	struct job *job = q->first;

	if (job) {
		q->first = job->next;
		if (!q->first)
			q->end = &q->first;
		jobs.queued--;
	}
	return job;
}

static bool unlink_queued(struct job *job)
{
	struct job_queue *q = &jobs.queues[job->cls];

	for (struct job **at = &q->first; *at; at = &(*at)->next) {
		if (*at == job) {
			*at = job->next;
			if (q->end == &job->next)
				q->end = at;
			jobs.queued--;
			return true;
		}
	}
	return false;
}

/* Loop thread: the job is over. */
static void finish(struct loop_post *p)
{
	struct job *job = container_of(p, struct job, post);

	atomic_store_explicit(&job->state, JOB_DONE, memory_order_relaxed);
	waitq_wake_all(&job->done);
}

/* Loop thread: the job has something to tell. */
static void deliver_note(struct loop_post *p)
{
	struct job *job = container_of(p, struct job, note);

	job->noted = true;
	atomic_store(&job->notified, false);
	waitq_wake_all(&job->done);
}

/* With the lock held: the next job this worker may run. */
static struct job *take_job(void)
{
	bool may_long = jobs.queues[JOB_LONG].first && jobs.running_long < LONG_MAX_RUNNING;
	struct job *job = may_long && jobs.passed >= PASSED_MAX ? NULL : pop(JOB_SHORT);

	if (job) {
		jobs.passed += may_long ? 1 : 0;
	} else if (may_long) {
		job = pop(JOB_LONG);
		jobs.running_long++;
		jobs.passed = 0;
	}
	if (job)
		atomic_store_explicit(&job->state, JOB_RUNNING, memory_order_relaxed);
	return job;
}

/* With the lock held: wait for work; NULL when the worker is to end. */
static struct job *next_job(void)
{
	struct job *job;

	while (!(job = take_job())) {
		struct timespec until;
		int r;

		if (jobs.closing)
			return NULL;
		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_sec += IDLE_SECONDS;
		jobs.idle++;
		r = pthread_cond_timedwait(&jobs.work, &jobs.lock, &until);
		jobs.idle--;
		if (r == ETIMEDOUT)
			return take_job();
	}
	return job;
}

static void run_job(struct job *job)
{
	bool is_long = job->cls == JOB_LONG;

	job->result = job->run(job);
	if (is_long) {
		pthread_mutex_lock(&jobs.lock);
		jobs.running_long--;
		if (jobs.queues[JOB_LONG].first)
			pthread_cond_signal(&jobs.work);
		pthread_mutex_unlock(&jobs.lock);
	}
	loop_post(&job->post); /* last: from here on the job may be gone */
}

static void *worker_main(void *arg)
{
	/* Refused only in odd sandboxes; then a job that changes directory changes all. */
	bool own_fs = unshare(CLONE_FS) == 0;
	mode_t mask = 022;
	struct job *job;

	if (own_fs) {
		mask = umask(mask);
		umask(mask);
	}
	pthread_mutex_lock(&jobs.lock);
	while ((job = next_job())) {
		pthread_mutex_unlock(&jobs.lock);
		if (own_fs)
			umask(mask); /* whatever the job before made of it */
		run_job(job);
		pthread_mutex_lock(&jobs.lock);
	}
	jobs.workers--;
	pthread_cond_broadcast(&jobs.ended);
	pthread_mutex_unlock(&jobs.lock);
	return arg;
}

static int start_worker(void)
{
	pthread_attr_t attr;
	sigset_t every, before;
	pthread_t thread;
	int r;

	if (pthread_attr_init(&attr) != 0)
		return -EAGAIN;
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, CONFIG_WORKER_STACK);
	sigfillset(&every);
	pthread_sigmask(SIG_SETMASK, &every, &before);
	r = pthread_create(&thread, &attr, worker_main, NULL);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	return r == 0 ? 0 : -EAGAIN;
}

int job_system_init(struct err *e)
{
	pthread_condattr_t attr;
	int r;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	r = pthread_cond_init(&jobs.work, &attr);
	pthread_condattr_destroy(&attr);
	if (r != 0)
		return err_sys(e, r, "job queue");
	for (size_t i = 0; i < ARRAY_LEN(jobs.queues); i++)
		jobs.queues[i] = (struct job_queue){.end = &jobs.queues[i].first};
	jobs.closing = false;
	jobs.open = true;
	return 0;
}

void job_system_fini(void)
{
	if (!jobs.open)
		return;
	pthread_mutex_lock(&jobs.lock);
	jobs.closing = true;
	pthread_cond_broadcast(&jobs.work);
	while (jobs.workers)
		pthread_cond_wait(&jobs.ended, &jobs.lock);
	jobs.open = false;
	pthread_mutex_unlock(&jobs.lock);
	pthread_cond_destroy(&jobs.work);
}

/* With the lock held: 0 when some worker is there to take what is queued. */
static int enough_workers(void)
{
	if (jobs.idle > jobs.queued || jobs.workers >= CONFIG_WORKERS)
		return 0;
	if (start_worker() == 0)
		jobs.workers++;
	return jobs.workers ? 0 : -EAGAIN;
}

int job_start(struct job *job, int (*run)(struct job *job), enum job_class cls)
{
	bool must = cls == JOB_SHORT_MUST || cls == JOB_LONG_MUST;
	int r = -EAGAIN;

	job->run = run;
	job->cls = cls == JOB_LONG || cls == JOB_LONG_MUST ? JOB_LONG : JOB_SHORT;
	job->result = 0;
	job->noted = false;
	job->post.run = finish;
	job->note.run = deliver_note;
	err_clear(&job->err);
	waitq_init(&job->done);
	atomic_store(&job->stop, false);
	atomic_store(&job->notified, false);

	pthread_mutex_lock(&jobs.lock);
	if (jobs.open && !jobs.closing && (must || jobs.queued < CONFIG_JOB_QUEUE))
		r = enough_workers();
	if (r == 0) {
		atomic_store_explicit(&job->state, JOB_QUEUED, memory_order_relaxed);
		push(job);
		pthread_cond_signal(&jobs.work);
	}
	pthread_mutex_unlock(&jobs.lock);
	return r;
}

void job_get_stats(struct job_stats *ret)
{
	pthread_mutex_lock(&jobs.lock);
	*ret = (struct job_stats){jobs.queued, jobs.workers, jobs.idle};
	pthread_mutex_unlock(&jobs.lock);
}

bool job_stopped(const struct job *job)
{
	return atomic_load_explicit(&job->stop, memory_order_relaxed);
}

void job_notify(struct job *job)
{
	if (!atomic_exchange(&job->notified, true))
		loop_post(&job->note);
}

void job_stop(struct job *job)
{
	bool unlinked;

	atomic_store_explicit(&job->stop, true, memory_order_relaxed);
	pthread_mutex_lock(&jobs.lock);
	unlinked = unlink_queued(job);
	pthread_mutex_unlock(&jobs.lock);
	if (!unlinked)
		return;
	job->result = err_set(&job->err, ERR_CANCELLED, "stopped before it began");
	finish(&job->post);
}

int job_wait(struct job *job, int64_t deadline)
{
	for (;;) {
		int r;

		if (atomic_load_explicit(&job->state, memory_order_relaxed) == JOB_DONE)
			return 0;
		if (job->noted) {
			job->noted = false;
			return 1;
		}
		r = waitq_wait(&job->done, deadline);
		if (r == -ETIMEDOUT || r == -EDEADLK)
			return r;
		if (r < 0) {
			/* Cancelled: ask it to stop, and wait on, for it uses our memory. */
			job_stop(job);
			fiber_shield();
			r = job_wait(job, deadline);
			fiber_unshield();
			return r;
		}
	}
}

int job_run(struct job *job, int (*run)(struct job *job), enum job_class cls)
{
	int r = fiber_pending_cancel();

	err_clear(&job->err);
	if (r < 0)
		return err_sys(&job->err, r, "not begun");
	r = job_start(job, run, cls);
	if (r < 0)
		return err_set(&job->err, ERR_UNAVAILABLE, "too many operations at once");
	while (job_wait(job, DEADLINE_NEVER) == 1)
		continue;
	return job->result;
}
