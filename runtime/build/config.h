/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Instructions that change nothing but a configuration.
 *
 * Thread: any. Yields: no. Owns: nothing; what is new in the configuration lives in the arena.
 */
#ifndef RUNTIME_BUILD_CONFIG_H
#define RUNTIME_BUILD_CONFIG_H

#include "runtime/build/dockerfile.h"
#include "runtime/model/config.h"

struct build_state {
	struct container_config *config;
	char escape;
	bool cmd_set; /* by a CMD before: ENTRYPOINT leaves it then */
	struct arena *a;
};
/*
 * Carry out one instruction. 1 when it is none of these (FROM, RUN, COPY …); ERR_INVALID with the
 * engine's words.
 */
int build_config_apply(struct build_state *s, const struct dockerfile_instruction *in,
		       struct err *e) WARN_UNUSED;
/*
 * The changes of a commit or an import: a Dockerfile's lines, of which only those are allowed that
 * change the configuration. ERR_INVALID "x is not a valid change command".
 */
int build_config_changes(struct container_config *config, const struct texts *changes,
			 struct arena *a, struct err *e) WARN_UNUSED;

/* --- config_health.c --- */

int build_config_health(struct build_state *s, const struct dockerfile_instruction *in,
			struct err *e) WARN_UNUSED;
/* "--name=value" among the flags: 1 and the value, 0 when there is none. */
int build_flag(const struct dockerfile_instruction *in, const char *name, const char **ret,
	       struct err *e) WARN_UNUSED;
/* All flags must be among these (NULL-terminated), each at most once. */
int build_flags_check(const struct dockerfile_instruction *in, const char *const *allowed,
		      struct err *e) WARN_UNUSED;

#endif
