/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Expressions from clients. Regular ones (the filters id and name), as Go's regexp reads the common
 * ones: literals, . [] ^ $ \A \z | () (?:) * + ? and their lazy forms, \d \w \s \b and their
 * opposites. Time is bounded by pattern times text and memory by the pattern, whatever is asked;
 * libc's regcomp promises neither and recurses as deep as the pattern nests. Counted repetition,
 * flags, named groups and character class names are not taken.
 *
 * Thread: any; a pattern is used by one at a time. Yields: no. Owns: a pattern is its arena's.
 * Limits: PATTERN_MAX bytes, PATTERN_DEPTH nested groups.
 */
#ifndef FIRMWARE_FMT_PATTERN_H
#define FIRMWARE_FMT_PATTERN_H

#include <stdbool.h>

#include "firmware/core/arena.h"
#include "firmware/core/str.h"

#define PATTERN_MAX 512
#define PATTERN_DEPTH 32

struct pattern;

/* -EINVAL: not an expression, or not one that is taken here; -ENOMEM: the arena is full. */
int pattern_compile(struct str text, struct arena *a, struct pattern **ret) WARN_UNUSED;
/*
 * A shell pattern as Go's path.Match reads it, for the whole text: * and ? take no slash, [a-z],
 * [^a-z], and a backslash before what is meant literally.
 */
int pattern_compile_glob(struct str text, struct arena *a, struct pattern **ret) WARN_UNUSED;
/* Does it match anywhere in text? Bytes, not characters. */
bool pattern_match(struct pattern *p, struct str text);

#endif
