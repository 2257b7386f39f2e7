/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The grammar of Dockerfiles: a text becomes a list of instructions, each with its name, its flags
 * and the rest of its line; the rest is taken apart in one of a few ways, as the instruction wants.
 *
 * Thread: any. Yields: no. Owns: nothing; all texts live in the arena given.
 * Limits: CONFIG_DOCKERFILE_INSTRUCTIONS_MAX.
 */
#ifndef RUNTIME_BUILD_DOCKERFILE_H
#define RUNTIME_BUILD_DOCKERFILE_H

#include "firmware/fmt/bind.h"

struct dockerfile_instruction {
	const char *name;   /* as it stands there: "CMD", "cmd" */
	struct texts flags; /* "--interval=5s" */
	const char *rest;   /* what follows, continuations joined, trimmed */
	const char *text;   /* the whole, for messages and histories */
	unsigned line;	    /* where it begins; from 1 */
};
struct dockerfile {
	char escape; /* '\\', or what "# escape=" says */
	struct dockerfile_instruction *items;
	size_t n;
};

/* ERR_INVALID with the engine's words ("file with no instructions", "dockerfile parse error …"). */
int dockerfile_parse(struct str text, struct arena *a, struct dockerfile *ret, struct err *e)
	WARN_UNUSED;
/* One instruction alone, as it stands behind ONBUILD. */
int dockerfile_parse_line(const char *text, char escape, unsigned line, struct arena *a,
			  struct dockerfile_instruction *ret, struct err *e) WARN_UNUSED;

/* --- words.c --- */

/*
 * A JSON list of strings: 1 and the list, 0 when the text is no JSON list, ERR_INVALID when it is a
 * list of something else.
 */
int dockerfile_json(const char *rest, struct arena *a, struct texts *ret, struct err *e)
	WARN_UNUSED;
/* Words between blanks, as they stand. -ENOMEM. */
int dockerfile_words(const char *rest, struct arena *a, struct texts *ret) WARN_UNUSED;
/*
 * "name=value name2=value2", or the older "name value"; quotes and escapes are kept. ERR_INVALID
 * with the engine's words; instruction is for them ("ENV").
 */
int dockerfile_pairs(const char *rest, const char *instruction, char escape, struct arena *a,
		     struct text_map *ret, struct err *e) WARN_UNUSED;

/* --- expand.c --- */

/* Variables for expand: "NAME=value" lists, the first that has a name wins. */
struct dockerfile_scope {
	const struct texts *lists[2];
	size_t n;
};
/* The word with variables replaced, quotes and escapes taken away. */
int dockerfile_expand(const char *word, char escape, const struct dockerfile_scope *scope,
		      struct arena *a, const char **ret, struct err *e) WARN_UNUSED;
/* The same, split at the blanks that no quotes protect; a list may come out empty. */
int dockerfile_expand_words(const char *word, char escape, const struct dockerfile_scope *scope,
			    struct arena *a, struct texts *ret, struct err *e) WARN_UNUSED;
/* Append to a list that lives in the arena. -ENOMEM. */
int dockerfile_append(struct texts *list, const char *text, struct arena *a) WARN_UNUSED;

#endif
