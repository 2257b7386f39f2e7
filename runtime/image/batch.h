/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making the layers of one image, several at a time: a few helper fibers take one task after the
 * other and run it as a job, while the fiber that called reports the progress. A layer somebody
 * else makes at this moment is waited for.
 *
 * Thread: loop. Yields: layer_batch_run. Owns: holds on layers and blobs, until layer_batch_done.
 * Limits: CONFIG_PULL_CONCURRENCY helper fibers.
 */
#ifndef RUNTIME_IMAGE_BATCH_H
#define RUNTIME_IMAGE_BATCH_H

#include "runtime/image/layer.h"

enum task_state { TASK_WAITING, TASK_RUNNING, TASK_DONE };

struct layer_task {
	struct job job;
	struct layer_work work; /* chain, parent, diff_id, blob are given */
	struct layer_batch *batch;
	uint64_t total; /* bytes of the blob */
	size_t slot;	/* helper that runs it, < CONFIG_PULL_CONCURRENCY */
	enum task_state state;
	bool local;	     /* the blob is on disk already */
	struct layer *layer; /* held once done */
	bool blob_held;
	/* for whoever reports */
	unsigned told;
	uint64_t told_bytes;
};

struct layer_batch {
	struct image_store *store;
	struct layer_task *tasks;
	size_t n_tasks;
	/* Worker: the bytes of a task's blob when it is not on disk, from where they are. */
	int (*open)(struct layer_task *t, struct reader **ret, struct err *e);
	void (*close)(struct layer_task *t);
	/* Report what is new; negative: the client is gone. */
	int (*tell)(struct layer_batch *b, struct err *e) FIBER_FN;
	atomic_bool *stop; /* set when the others are to end; may be NULL */
	void *arg;
	/* private: */
	size_t next, active;
	bool stopping;
	struct waitq changed;
	struct err err;
	struct fiber *fibers[CONFIG_PULL_CONCURRENCY];
};

/* Tasks for these layers, base first. The arrays are copied. */
int layer_batch_init(struct layer_batch *b, struct image_store *s, const struct digest *diff_ids,
		     const struct digest *blobs, const uint64_t *blob_sizes, size_t n,
		     struct err *e) WARN_UNUSED;
/* Take hold of what is there already: those tasks are done. */
int layer_batch_hold_present(struct layer_batch *b, struct err *e) WARN_UNUSED;
int layer_batch_run(struct layer_batch *b, struct err *e) FIBER_FN WARN_UNUSED;
/* Let go of all; what nobody holds then is discarded. */
void layer_batch_done(struct layer_batch *b);

#endif
