/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tar reader and writer share.
 *
 * Thread: any. Yields: no. Owns: nothing.
 */
#ifndef FIRMWARE_FMT_TAR_PRIVATE_H
#define FIRMWARE_FMT_TAR_PRIVATE_H

#include <archive.h>

#include "firmware/core/err.h"

/* Bytes moved between libarchive and our streams at a time. */
#define TAR_BLOCK_SIZE 65536

/* The stream's own error if there is one, else libarchive's text as kind. */
int tar_fail(struct archive *a, const struct err *stream, enum err_kind kind, struct err *e);

#endif
