/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pull and push streams of bytes, the joints of every pipeline (socket → hash → inflate → untar).
 * An implementation embeds the struct and finds itself with container_of.
 *
 * Thread: the owner's; those used in jobs block and must honour the job's stop flag. Yields: an
 * implementation says so itself. Owns: nothing.
 */
#ifndef FIRMWARE_CORE_STREAM_H
#define FIRMWARE_CORE_STREAM_H

#include <stddef.h>
#include <sys/types.h>

#include "firmware/core/err.h"

struct reader {
	/* Up to n bytes into p: > 0 bytes read, 0 at the end, negative errno with e filled. */
	ssize_t (*read)(struct reader *r, void *p, size_t n, struct err *e);
};

struct writer {
	/* All n bytes or a negative errno with e filled. */
	int (*write)(struct writer *w, const void *p, size_t n, struct err *e);
};

static inline ssize_t reader_read(struct reader *r, void *p, size_t n, struct err *e)
{
	return r->read(r, p, n, e);
}
static inline int writer_write(struct writer *w, const void *p, size_t n, struct err *e)
{
	return w->write(w, p, n, e);
}

#endif
