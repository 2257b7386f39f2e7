/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the guest's first process has to say: lines in the kernel's log, where they carry the time
 * since the start of the machine and, from NOTE_BAD on, reach the console even when it is quiet.
 *
 * Thread: the only one. Yields: no. Owns: one descriptor. Limits: a line is cut at 500 bytes.
 */
#ifndef ROOTFS_INIT_NOTE_H
#define ROOTFS_INIT_NOTE_H

#include "firmware/core/attr.h"

enum note_level {
	NOTE_BAD = 3,  /* somebody should look at it */
	NOTE_WARN = 4, /* worth knowing */
	NOTE_INFO = 6,
};

/* Once /dev is there; until then lines go to standard error. */
void note_open(void);
/* "init: <text>", one line. */
void note(enum note_level level, const char *fmt, ...) PRINTF_LIKE(2, 3);

#endif
