/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/image/batch.h"

#include <errno.h>
#include <fcntl.h>

#include "firmware/core/mem.h"

#define TICK_MS 100

int layer_batch_init(struct layer_batch *b, struct image_store *s, const struct digest *diff_ids,
		     const struct digest *blobs, const uint64_t *blob_sizes, size_t n,
		     struct err *e)
{
	b->store = s;
	waitq_init(&b->changed);
	b->tasks = mem_alloc_array(n + 1, sizeof(*b->tasks));
	if (!b->tasks)
		return err_sys(e, ENOMEM, "make layers");
	b->n_tasks = n;
	for (size_t i = 0; i < n; i++) {
		struct layer_task *t = &b->tasks[i];
		struct layer_work *w = &t->work;

		t->batch = b;
		t->total = blob_sizes[i];
		w->root_fd = s->root_fd;
		w->form = store_form(s);
		w->diff_id = diff_ids[i];
		w->blob = blobs[i];
		if (i)
			w->parent = b->tasks[i - 1].work.chain;
		chain_id_next(i ? &w->parent : NULL, &w->diff_id, &w->chain);
	}
	return 0;
}

int layer_batch_hold_present(struct layer_batch *b, struct err *e)
{
	for (size_t i = 0; i < b->n_tasks; i++) {
		struct layer_task *t = &b->tasks[i];
		struct layer *l = layer_find(b->store, &t->work.chain);
		int rc = 0;

		if (!t->blob_held)
			rc = blob_hold(b->store, &t->work.blob, e);
		if (rc < 0)
			return rc;
		t->blob_held = true;
		if (!l || l->making)
			continue;
		layer_hold(l);
		t->layer = l;
		t->state = TASK_DONE;
	}
	return 0;
}

void layer_batch_done(struct layer_batch *b)
{
	for (size_t i = 0; i < b->n_tasks; i++) {
		layer_release(b->store, b->tasks[i].layer);
		if (b->tasks[i].blob_held)
			blob_release(b->store, &b->tasks[i].work.blob);
	}
	mem_free(b->tasks);
	b->tasks = NULL;
	b->n_tasks = 0;
}

/* --- one task --- */

static int run_local(struct layer_task *t, struct err *e)
{
	char path[STORE_PATH_MAX];
	CLEANUP_FD int fd = -1;
	struct fd_reader source;

	blob_path(&t->work.blob, path);
	fd = openat(t->work.root_fd, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, errno, "open blob %s", t->work.blob.text);
	(void)!posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	fd_reader_init(&source, fd);
	t->work.source = &source.reader;
	return layer_make(&t->work, &t->job, e);
}

static int task_run(struct job *job)
{
	struct layer_task *t = container_of(job, struct layer_task, job);
	int rc;

	if (t->local) {
		rc = run_local(t, &job->err);
	} else {
		rc = t->batch->open(t, &t->work.source, &job->err);
		if (rc == 0)
			rc = layer_make(&t->work, job, &job->err);
		t->batch->close(t);
	}
	/* The pipe's buffers lie in between what is kept. */
	mem_trim();
	return rc;
}

static int make_claimed(struct layer_task *t, struct err *e) FIBER_FN
{
	struct image_store *s = t->batch->store;
	int rc;

	t->local = !t->batch->open || blob_exists(s, &t->work.blob);
	store_tmp_path(s, "layer", t->work.dir_tmp);
	t->work.blob_tmp[0] = '\0';
	if (!t->local)
		store_tmp_path(s, "blob", t->work.blob_tmp);
	t->state = TASK_RUNNING;
	rc = job_run(&t->job, task_run, JOB_LONG);
	if (rc == -EAGAIN && !t->job.err.msg[0])
		err_set(&t->job.err, ERR_UNAVAILABLE, "too many operations at once");
	if (rc < 0)
		*e = t->job.err;
	return rc;
}

static int do_task(struct layer_task *t, struct err *e) FIBER_FN
{
	struct image_store *s = t->batch->store;
	int rc = layer_claim(s, &t->work.chain, &t->work.diff_id, &t->layer, e);

	if (rc == 1) {
		struct layer *l = TAKE_PTR(t->layer);

		rc = make_claimed(t, e);
		if (rc < 0) {
			layer_given_up(s, l);
		} else {
			layer_made(s, l, t->work.size);
			t->layer = l;
		}
	}
	if (rc == 0)
		t->state = TASK_DONE;
	return rc;
}

/* --- the helpers --- */

struct helper {
	struct layer_batch *batch;
	size_t slot;
};

static struct layer_task *next_task(struct layer_batch *b)
{
	while (!b->stopping && b->next < b->n_tasks) {
		struct layer_task *t = &b->tasks[b->next++];

		if (t->state == TASK_WAITING)
			return t;
	}
	return NULL;
}

static void stop(struct layer_batch *b)
{
	b->stopping = true;
	if (b->stop)
		atomic_store(b->stop, true);
	for (size_t i = 0; i < CONFIG_PULL_CONCURRENCY; i++) {
		if (b->fibers[i] && b->fibers[i] != fiber_self())
			fiber_cancel(b->fibers[i], -ECANCELED);
	}
}

static void helper_main(void *arg) FIBER_ENTRY
{
	struct helper *h = arg;
	struct layer_batch *b = h->batch;
	struct layer_task *t;
	size_t slot = h->slot;

	mem_free(h);
	while ((t = next_task(b))) {
		struct err *e = &t->job.err;
		int rc;

		t->slot = slot;
		rc = do_task(t, e);
		if (rc < 0 && !b->stopping) {
			/* The first failure is the one to tell; the others were stopped by it. */
			b->err = *e;
			if (!b->err.msg[0])
				err_sys(&b->err, rc, "make layer %s", t->work.diff_id.text);
			stop(b);
		}
		waitq_wake_all(&b->changed);
	}
	b->fibers[slot] = NULL;
	b->active--;
	waitq_wake_all(&b->changed);
}

static int start_helpers(struct layer_batch *b, struct err *e)
{
	size_t waiting = 0;

	for (size_t i = 0; i < b->n_tasks; i++)
		waiting += b->tasks[i].state == TASK_WAITING;
	for (size_t slot = 0; slot < MIN(waiting, (size_t)CONFIG_PULL_CONCURRENCY); slot++) {
		struct helper *h = mem_alloc(sizeof(*h));

		if (!h)
			break;
		*h = (struct helper){b, slot};
		if (fiber_spawn("layers", helper_main, h, POOL_NORMAL, &b->fibers[slot]) < 0) {
			mem_free(h);
			break;
		}
		b->active++;
	}
	/* Fewer than wished for do it more slowly. */
	if (waiting && !b->active)
		return err_set(e, ERR_UNAVAILABLE, "too many operations at once");
	return 0;
}

int layer_batch_run(struct layer_batch *b, struct err *e) FIBER_FN
{
	int rc = start_helpers(b, e);

	while (rc == 0 && b->active) {
		rc = waitq_wait(&b->changed, clock_in_ms(TICK_MS));
		if (rc < 0 && rc != -ETIMEDOUT) {
			err_sys(e, rc, "make layers");
			break;
		}
		rc = b->tell ? b->tell(b, e) : 0;
	}
	if (b->active) {
		stop(b);
		/* They use our memory: wait for them, whoever has lost interest. */
		fiber_shield();
		while (b->active)
			(void)!waitq_wait(&b->changed, DEADLINE_NEVER);
		fiber_unshield();
	}
	if (rc == 0 && b->err.kind) {
		*e = b->err;
		rc = err_code(e);
	}
	return rc;
}
