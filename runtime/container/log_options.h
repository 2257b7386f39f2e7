/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log drivers by name and the options they take, of a container or of the daemon.
 *
 * Thread: any. Yields: no. Owns: nothing.
 */
#ifndef RUNTIME_CONTAINER_LOG_OPTIONS_H
#define RUNTIME_CONTAINER_LOG_OPTIONS_H

#include "firmware/core/err.h"
#include "firmware/fmt/bind.h"

struct log_limits {
	int64_t max_size; /* bytes of one file; 0: it is never rotated */
	int64_t max_file; /* files kept, 1 at least */
};

/*
 * Read the options of a driver. ERR_NOT_IMPLEMENTED for a driver that is not there, ERR_INVALID for
 * options it does not know or values that make no sense. ret may be NULL: only checked.
 */
int log_options_read(const char *driver, const struct text_map *options, struct log_limits *ret,
		     struct err *e) WARN_UNUSED;

#endif
