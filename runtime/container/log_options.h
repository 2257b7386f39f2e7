/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log drivers by name and the options they take, of a container or of the daemon.
 *
 * Thread: any (a path in syslog-address is looked at). Yields: no. Owns: nothing.
 */
#ifndef RUNTIME_CONTAINER_LOG_OPTIONS_H
#define RUNTIME_CONTAINER_LOG_OPTIONS_H

#include "firmware/core/err.h"
#include "firmware/fmt/bind.h"

#define LOG_DRIVERS_MAX 8
#define LOG_FILE_MAX_SIZE (20LL * 1000 * 1000) /* of the driver local, unless told */
#define LOG_FILE_MAX_FILES 5

/* Where `docker logs` finds what was written. */
enum log_store {
	LOG_STORE_NONE,
	LOG_STORE_JSON,	 /* <id>-json.log */
	LOG_STORE_LOCAL, /* local-logs/container.log */
	LOG_STORE_CACHE, /* container-cached.log, in the format of local */
};

/* What a driver writes to beside files. */
enum log_server { LOG_SERVER_NONE, LOG_SERVER_JOURNALD, LOG_SERVER_SYSLOG };

struct log_options {
	enum log_store store;
	enum log_server server;
	int64_t max_size; /* bytes of one file; 0: it is never rotated */
	int64_t max_file; /* files kept, 1 at least */
	bool compress;
	bool non_blocking;
	int64_t buffer_size; /* of mode non-blocking; 0: the usual */
};

/*
 * Read the options of a driver. ERR_INVALID for a driver that is not there, for options it does not
 * know or values that make no sense; ERR_NOT_IMPLEMENTED for what was not built in. ret may be
 * NULL: only checked.
 */
int log_options_read(const char *driver, const struct text_map *options, struct log_options *ret,
		     struct err *e) WARN_UNUSED;
/* Is it an option of the cache, which all drivers take? */
bool log_options_is_cache(const char *key);
/* Names of the drivers that are built in, in order; how many. */
size_t log_drivers_list(const char *ret[LOG_DRIVERS_MAX]);

#endif
