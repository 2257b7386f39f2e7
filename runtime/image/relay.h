/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A joint in a pipe of readers where one thread becomes two: from there on the source is read ahead
 * by a thread of its own, into a ring of buffers that whoever reads the relay empties. The thread
 * is the relay's and not one of the workers, so two layers never wait for each other's second half.
 * A short stream is passed on directly, and so is a long one where no thread or memory is to be
 * had.
 *
 * Thread: worker. The source is read by the caller or by the relay's thread, one at a time, and is
 * the caller's again after relay_close. Yields: no. Owns: the thread and the ring, until
 * relay_close. Limits: RELAY_BYTES of heap and a stack of CONFIG_WORKER_STACK.
 */
#ifndef RUNTIME_IMAGE_RELAY_H
#define RUNTIME_IMAGE_RELAY_H

#include "firmware/core/cleanup.h"
#include "firmware/core/stream.h"

#define RELAY_BUFFER_SIZE (128u << 10)
#define RELAY_BUFFERS 8u
#define RELAY_BYTES (RELAY_BUFFERS * RELAY_BUFFER_SIZE)

struct relay;
/* source must honour the job's stop flag: that is what ends a thread that waits for bytes. */
int relay_open(struct relay **ret, struct reader *source, struct err *e) WARN_UNUSED;
/* The source's bytes in order, then its end or its error, which stays. */
struct reader *relay_reader(struct relay *r);
/*
 * End the thread and wait until it let go of the source, which takes as long as one read of it.
 * Bytes that were read ahead are lost. NULL is accepted.
 */
void relay_close(struct relay *r);
DEFINE_CLEANUP(struct relay *, relay_close)

#endif
