/* SPDX-License-Identifier: Apache-2.0 */
/* YAML: what is taken comes out as one valid JSON text; a refusal has its reason. */
#include <stddef.h>
#include <stdint.h>

#include "firmware/fmt/json.h"
#include "firmware/fmt/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena a CLEANUP_ARENA;
	struct err e = ERR_INIT;
	struct json_node root;
	struct buf out;
	int r;

	arena_open_heap(&a, 8 << 20);
	buf_init(&out, &a, 1 << 20);
	if (yaml_to_json(str_span((const char *)data, size), &out, &e) < 0) {
		if (!e.kind)
			__builtin_trap();
		return 0;
	}
	r = json_parse(buf_str(&out), &a, &root, &e);
	if (r < 0 && e.kind != ERR_TOO_LARGE && e.kind != ERR_UNAVAILABLE)
		__builtin_trap();
	return 0;
}
