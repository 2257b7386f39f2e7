/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The arguments of `ps`, as far as serind's own knows them: which columns, and what stands above
 * each. What only chooses processes (-e, a, x) is taken and changes nothing: those of the container
 * are shown. Pure functions.
 *
 * Thread: any. Yields: no. Owns: nothing; the results point into the arena or are constant.
 * Limits: TOP_FIELDS_MAX columns.
 */
#ifndef RUNTIME_CONTAINER_TOP_FORMAT_H
#define RUNTIME_CONTAINER_TOP_FORMAT_H

#include "firmware/core/arena.h"
#include "firmware/core/err.h"
#include "runtime/container/top_columns.h"

#define TOP_FIELDS_MAX 64

struct top_field {
	const struct top_column *column;
	const char *title;
};
struct top_format {
	struct top_field fields[TOP_FIELDS_MAX];
	size_t n;
};

/*
 * ERR_NOT_IMPLEMENTED for an argument that is not known, ERR_INVALID for a column that is not and
 * for formats that exclude each other, ERR_SYSTEM when no column has the title PID; untouched then.
 */
int top_format_parse(const char *args, struct arena *a, struct top_format *ret, struct err *e)
	WARN_UNUSED;

#endif
