/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compression as a stream: what is written comes out at a sink as gzip or zlib data. Quick rather
 * than small: whoever waits for a copy or a commit has the time counted, not the bytes.
 *
 * Thread: worker (a job); zlib takes 270 KiB from the heap. Yields: no. Owns: not the sink.
 */
#ifndef FIRMWARE_FMT_DEFLATE_H
#define FIRMWARE_FMT_DEFLATE_H

#include "firmware/core/cleanup.h"
#include "firmware/core/stream.h"

enum deflate_form { DEFLATE_GZIP, DEFLATE_ZLIB };

struct deflate;
/* The sink must outlive it. */
int deflate_open(struct deflate **ret, struct writer *sink, enum deflate_form form, struct err *e)
	WARN_UNUSED;
struct writer *deflate_writer(struct deflate *z);
/* Write what is still inside, and the end. Nothing may be written after it. */
int deflate_finish(struct deflate *z, struct err *e) WARN_UNUSED;
void deflate_free(struct deflate *z);
DEFINE_CLEANUP(struct deflate *, deflate_free)

#endif
