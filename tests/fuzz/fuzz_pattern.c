/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Patterns: a line of pattern, then the text. What compiles can be run, and a literal pattern finds
 * exactly what memmem finds.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "firmware/core/arena.h"
#include "firmware/fmt/pattern.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_literal(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (strchr("()[]{}*+?|^$.\\", s.p[i]))
			return false;
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP_ARENA struct arena a = {0};
	struct str text, expression = str_cut(str_span((const char *)data, size), '\n', &text);
	struct pattern *p;

	if (size > 4096)
		return 0;
	if (!text.p)
		text = STR("");
	arena_open_heap(&a, 1 << 20);
	if (pattern_compile(expression, &a, &p) == 0) {
		bool found = pattern_match(p, text);

		if (is_literal(expression) &&
		    found != !!memmem(text.p, text.n, expression.p, expression.n))
			abort();
		if (pattern_match(p, text) != found)
			abort();
	} else if (expression.n <= PATTERN_MAX && is_literal(expression)) {
		abort();
	}
	if (pattern_compile_glob(expression, &a, &p) == 0)
		pattern_match(p, text);
	return 0;
}
