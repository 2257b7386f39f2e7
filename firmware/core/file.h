/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole files and directories: read with a bound, replace atomically and durably, make and delete
 * trees. These block (fsync above all): in the daemon only jobs may call those marked "blocks".
 *
 * Thread: any. Yields: no. Owns: nothing kept.
 */
#ifndef FIRMWARE_CORE_FILE_H
#define FIRMWARE_CORE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "firmware/core/arena.h"
#include "firmware/core/err.h"
#include "firmware/core/str.h"

/* Longest path these take (but for tree_*, which have no limit). */
#define FILE_PATH_MAX 1024

/* Read a whole file of at most max bytes (terminated). -ENOENT and others as from open; -E2BIG. */
int file_read_at(int dirfd, const char *path, size_t max, struct arena *a, struct str *ret,
		 struct err *e) WARN_UNUSED;
/* The same, resolved beneath root_fd as if it were "/" (openat2 RESOLVE_IN_ROOT). */
int file_read_in_root(int root_fd, const char *path, size_t max, struct arena *a, struct str *ret,
		      struct err *e) WARN_UNUSED;
/*
 * Replace path: write "<path>.tmp-" and eight hex digits, (sync) fsync it, rename, (sync) fsync the
 * directory. A crash leaves the old or the new file, never a part. Blocks.
 */
int file_replace_at(int dirfd, const char *path, struct str data, mode_t mode, bool sync,
		    struct err *e) WARN_UNUSED;
/* fsync a directory by path. Blocks. */
int dir_sync_at(int dirfd, const char *path, struct err *e) WARN_UNUSED;
/* mkdir -p; existing directories are fine. */
int dir_make_all(const char *path, mode_t mode, struct err *e) WARN_UNUSED;
/* Delete a file or a whole tree; what is not there is fine; never follows links or crosses mounts.
 * Blocks. */
int tree_remove_at(int dirfd, const char *path, struct err *e) WARN_UNUSED;
/* Sum of the sizes of a tree's files and links (hard links once). Blocks. */
int tree_size_at(int dirfd, const char *path, uint64_t *ret_bytes, struct err *e) WARN_UNUSED;
/* write() until all is out; handles short writes and EINTR. 0 or -errno. */
int fd_write_all(int fd, const void *p, size_t n) WARN_UNUSED;
/* n random bytes (getrandom). */
void random_bytes(void *p, size_t n);

#endif
