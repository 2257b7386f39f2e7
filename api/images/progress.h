/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Progress of load and pull as the engine streams it: one JSON object a line. The head goes out
 * with the first line; an error before that is an ordinary reply, one after it is the last line.
 *
 * Thread: loop. Yields: yes. Owns: nothing; lives in the handler's frame.
 */
#ifndef API_IMAGES_PROGRESS_H
#define API_IMAGES_PROGRESS_H

#include "api/router/route.h"
#include "runtime/image/image.h"

struct progress_out {
	struct progress_sink sink;
	struct call *call;
	bool begun;
	bool quiet; /* only the lines without progressDetail */
};

void progress_out_init(struct progress_out *p, struct call *call);
/* Send the head now: what fails later is told in the stream. */
int progress_out_begin(struct progress_out *p) FIBER_FN;
/* The end: r and e of the operation. Returns what the handler returns. */
int progress_out_finish(struct progress_out *p, int r, struct err *e) FIBER_FN;

#endif
