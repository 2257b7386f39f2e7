/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which OCI runtime this is: what the default runtime's program says of itself (--version), asked
 * when somebody first wants to know and again when the program on disk has become another. Nothing
 * is asked at start.
 *
 * Thread: loop. Yields: oci_version_get. Owns: the engine holds what was heard last.
 * Limits: a program that takes longer than two seconds is not waited for.
 */
#ifndef RUNTIME_OCI_VERSION_H
#define RUNTIME_OCI_VERSION_H

#include <stdint.h>
#include <sys/types.h>

#include "firmware/core/arena.h"
#include "firmware/core/str.h"
#include "firmware/sched/fiber.h"

struct oci_version {
	char version[64], commit[96]; /* "" when not known */
};

/* Private to oci_version.c: what was heard, of which program, and when. */
struct oci_version_cache {
	struct fiber_lock lock;
	struct oci_version heard;
	dev_t dev;
	ino_t ino;
	int64_t size, changed_ns;
	int64_t again_at; /* after a failure: when to ask once more */
};

struct engine;

void oci_version_init(struct oci_version_cache *c);
/*
 * The default runtime's. Both texts are empty when it cannot be run or says nothing of the kind; a
 * failure is remembered for half a minute. Memory for the answer comes from the arena while it
 * runs.
 */
void oci_version_get(struct engine *eng, struct arena *a, struct oci_version *ret) FIBER_FN;
/*
 * Lines "<name> version <version>" and "commit: <commit>"; the first of each. What does not fit, or
 * is not printable, is left out.
 */
void oci_version_parse(struct str output, struct oci_version *ret);

#endif
