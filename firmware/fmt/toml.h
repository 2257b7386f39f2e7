/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TOML, as far as configuration files use it: tables, dotted and quoted keys, one-line strings of
 * both kinds, whole numbers, booleans, and arrays of strings. The rest of the language (floating
 * point, dates, inline tables, arrays of tables, long strings) is refused by name, never guessed.
 *
 * Thread: any. Yields: no. Owns: the result lives in the arena given. Limits: TOML_ITEMS_MAX.
 */
#ifndef FIRMWARE_FMT_TOML_H
#define FIRMWARE_FMT_TOML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "firmware/core/arena.h"
#include "firmware/core/err.h"
#include "firmware/core/str.h"

#define TOML_ITEMS_MAX 1024 /* values of a file, and elements of an array */

enum toml_kind { TOML_TEXT, TOML_INTEGER, TOML_BOOL, TOML_TEXTS };

struct toml_item {
	const char *key; /* from the root, its parts joined by dots */
	enum toml_kind kind;
	const char *text;
	int64_t integer;
	bool yes;
	const char **texts;
	size_t n_texts;
	unsigned line;
};

/*
 * Read a whole file into *ret_items, in its order. ERR_INVALID "line N: …" for what is wrong, not
 * UTF-8, given twice or not of the kinds above; ERR_TOO_LARGE beyond TOML_ITEMS_MAX.
 */
int toml_parse(struct str text, struct arena *a, struct toml_item **ret_items, size_t *ret_n,
	       struct err *e) WARN_UNUSED;

#endif
