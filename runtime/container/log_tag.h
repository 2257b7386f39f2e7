/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What log drivers tell of a container beside its lines: the tag, a template in Go's markup
 * ({{.Name}}/{{.ID}}), and attributes, the labels and variables that the options name.
 *
 * Taken of the markup: text, comments, trimming dashes, the fields and methods below, quoted text
 *, numbers, and pipelines of them through lower, upper, title, json, truncate and pad.
 *
 * Thread: any. Yields: no. Owns: results are the arena's.
 */
#ifndef RUNTIME_CONTAINER_LOG_TAG_H
#define RUNTIME_CONTAINER_LOG_TAG_H

#include "firmware/core/arena.h"
#include "firmware/core/err.h"
#include "firmware/fmt/bind.h"

struct log_info {
	const char *id, *name; /* without the slash */
	const char *image_id, *image_name;
	const char *path; /* of the command */
	const struct texts *args, *env;
	const struct text_map *labels, *options;
	const char *hostname, *log_path;
};

/* The option "tag", or otherwise the default template. ERR_INVALID in the engine's words. */
int log_tag(const struct log_info *info, const char *otherwise, struct arena *a, const char **ret,
	    struct err *e) WARN_UNUSED;

/* The chosen labels and variables, in order of their keys. ERR_INVALID for a bad expression. */
int log_attributes(const struct log_info *info, struct arena *a, struct text_map *ret,
		   struct err *e) WARN_UNUSED;

#endif
