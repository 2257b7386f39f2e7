/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Texts that clients show: "Up 5 minutes", quoted command lines. Pure functions.
 *
 * Thread: any. Yields: no. Owns: nothing.
 */
#ifndef API_SHAPE_TEXT_H
#define API_SHAPE_TEXT_H

#include <stdint.h>

#include "firmware/core/buf.h"
#include "firmware/fmt/bind.h"

/* A duration as people say it: "Less than a second", "5 minutes", "About an hour", … */
void text_human_duration(int64_t ns, struct buf *out);
/* path and args joined by blanks; an argument that holds a blank is put in single quotes. */
void text_command(const char *path, const struct texts *args, struct buf *out);
/* Go's RFC 3339 text of a wall-clock time; 0 is Go's zero time. Written as a JSON member. */
void text_kv_time(struct json_writer *w, const char *key, int64_t wall_ns);

#endif
