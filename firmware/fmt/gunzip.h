/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Our own decoder of gzip (RFC 1952, RFC 1951), for one reason: inflating is half of all the work
 * of a pull, and this takes half of the time that zlib takes. zlib packs, and reads what is small.
 *
 * It is a push decoder: each step is offered the input there is, takes what it can, and leaves what
 * it cannot go on with; the caller puts more behind that and comes again. One member of a stream is
 * decoded at a time.
 *
 * Thread: any. Yields: no. Owns: its tables and the last 32 KiB of output, some 150 KiB in one
 * piece of the heap, until gunzip_free.
 */
#ifndef FIRMWARE_FMT_GUNZIP_H
#define FIRMWARE_FMT_GUNZIP_H

#include <stdbool.h>
#include <stddef.h>

#include "firmware/core/attr.h"

/* Bytes behind the input that must be there to be read, whatever they are. */
#define GUNZIP_PAD 64
/* Input of this many bytes gets a step on, whatever state it is in. */
#define GUNZIP_LOOKAHEAD 1024

struct gunzip;
/* checked: look at each member's own checksum and length. NULL: no memory. */
struct gunzip *gunzip_create(bool checked);
/* Be ready for another member. */
void gunzip_reset(struct gunzip *g);
/*
 * Decode from in to out; *in_n and *out_n become what was taken and what was written. last: nothing
 * comes behind this input. When neither *out_n nor *ret_end was set, it wants more input than was
 * left (which is less than GUNZIP_LOOKAHEAD bytes, and never so with last). *ret_end: the member is
 * complete, and what was not taken is not of it.
 *
 * 0; -ENODATA: it ends in the middle; -EINVAL: *ret_why says what is wrong. *ret_why is also set
 * when the bytes before what is wrong are handed out first: it is told by the next step, which
 * needs no input. An error is final.
 */
int gunzip_step(struct gunzip *g, const void *in, size_t *in_n, bool last, void *out, size_t *out_n,
		bool *ret_end, const char **ret_why) WARN_UNUSED;
void gunzip_free(struct gunzip *g);

#endif
