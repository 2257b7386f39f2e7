/* SPDX-License-Identifier: Apache-2.0 */
/* A Dockerfile's text, parsed and, as far as it goes, carried out on a configuration. */
#include <stdint.h>
#include <stdlib.h>

#include "runtime/build/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct container_config config = {0};
	struct build_state s = {.config = &config};
	struct dockerfile d;
	struct arena a = {0};
	struct err e = ERR_INIT;

	arena_open_heap(&a, 16u << 20);
	s.a = &a;
	if (dockerfile_parse(str_span((const char *)data, size), &a, &d, &e) == 0) {
		s.escape = d.escape;
		for (size_t i = 0; i < d.n; i++) {
			if (!d.items[i].name[0] || strlen(d.items[i].rest) > size)
				abort();
			err_clear(&e);
			if (build_config_apply(&s, &d.items[i], &e) < 0 && e.kind == ERR_NONE)
				abort();
		}
	}
	arena_done(&a);
	return 0;
}
