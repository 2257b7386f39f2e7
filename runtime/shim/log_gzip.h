/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rotated files of a log, name.1 to name.<max_file - 1>, newest first, each either plain or
 * compressed (name.3.gz). Moving them up is the writer's work; compressing is done by a process
 * forked off for it, which may go on after the writer has ended. The two meet only where files
 * change their names: there a lock on the folder is held, for the time of a rename.
 *
 * A compressed file comes into being whole, by a rename; its header tells the inode of what it was
 * made from, so that who was reading that finds its successor, and it has that one's time of
 * change.
 *
 * Thread: the shim's. Yields: no. Owns: nothing; the forked process is its caller's to reap.
 */
#ifndef RUNTIME_SHIM_LOG_GZIP_H
#define RUNTIME_SHIM_LOG_GZIP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define LOG_GZIP_NAME_MAX 160

/* Make room: name becomes name.1, and what was there moves on as far as it must. */
void log_gzip_shift(int dirfd, const char *name, int64_t max_file);
/* Undo what a crash left half done; true when there is a plain rotated file to compress. */
bool log_gzip_settle(int dirfd, const char *name, int64_t max_file);
/* Fork a process that compresses all there is. Its pid, or -errno. */
pid_t log_gzip_start(int dirfd, const char *name, int64_t max_file);
/* What that process does; 0 or -errno. */
int log_gzip_all(int dirfd, const char *name, int64_t max_file);

#endif
