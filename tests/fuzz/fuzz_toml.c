/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A configuration file in TOML: every item has what its kind says, a refusal leaves the result
 * untouched.
 */
#include <stddef.h>
#include <stdint.h>

#include "firmware/fmt/toml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena a CLEANUP_ARENA;
	struct err e = ERR_INIT;
	struct toml_item *items = NULL;
	size_t n = 12345;

	arena_open_heap(&a, 8 << 20);
	if (toml_parse(str_span((const char *)data, size), &a, &items, &n, &e) < 0) {
		if (!e.kind || items || n != 12345)
			__builtin_trap();
		return 0;
	}
	for (size_t i = 0; i < n; i++) {
		const struct toml_item *item = &items[i];

		if (!item->key || !item->line || (item->kind == TOML_TEXT) != (item->text != NULL))
			__builtin_trap();
		for (size_t k = 0; k < item->n_texts; k++)
			if (item->kind != TOML_TEXTS || !item->texts[k])
				__builtin_trap();
	}
	return 0;
}
