/* SPDX-License-Identifier: Apache-2.0 */
/* References: what parses is shown, and what is shown parses to the same. */
#include <stdint.h>
#include <stdlib.h>

#include "runtime/image/reference.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reference r, again;
	char shown[REFERENCE_TEXT_MAX], canonical[REFERENCE_TEXT_MAX];
	struct err e = ERR_INIT;

	if (reference_parse(str_span((const char *)data, size), &r, &e) < 0) {
		if (e.kind == ERR_NONE)
			abort();
		return 0;
	}
	reference_familiar(&r, shown);
	reference_canonical(&r, canonical);
	if (strlen(canonical) >= REFERENCE_TEXT_MAX - 1)
		return 0;
	if (reference_parse(str_from(canonical), &again, &e) < 0 || strcmp(again.path, r.path) ||
	    strcmp(again.domain, r.domain) || strcmp(again.tag, r.tag) ||
	    !digest_eq(&again.digest, &r.digest))
		abort();
	if (reference_parse(str_from(shown), &again, &e) < 0 || strcmp(again.path, r.path))
		abort();
	return 0;
}
