/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Times and durations as clients write them. What RFC 3339 gives is written again and read back
 * to the same.
 */
#include <stddef.h>
#include <stdint.h>

#include "firmware/core/clock.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = str_span((const char *)data, size);
	char out[CLOCK_RFC3339_MAX];
	int64_t ns, back;

	if (clock_parse_rfc3339(text, &ns) == 0) {
		size_t n = clock_format_rfc3339nano(ns, out);

		if (clock_parse_rfc3339(str_span(out, n), &back) < 0 || back != ns)
			__builtin_trap();
		if (clock_format_rfc3339fixed(ns, out) != 30)
			__builtin_trap();
		if (clock_parse_query(text, 0, &back) < 0 || back != ns)
			__builtin_trap();
	}
	if (clock_parse_query(text, INT64_MAX, &ns) == 0)
		clock_format_rfc3339nano(ns, out);
	if (clock_parse_query(text, INT64_MIN + 1, &ns) == 0)
		clock_format_rfc3339fixed(ns, out);
	return 0;
}
