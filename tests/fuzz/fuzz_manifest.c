/* SPDX-License-Identifier: Apache-2.0 */
/* Manifests, indexes and challenges from a registry: the first byte chooses. */
#include <stdint.h>
#include <stdlib.h>

#include "runtime/image/manifest.h"
#include "runtime/image/registry.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_manifest(struct str text, const char *type, struct arena *a)
{
	const struct descriptor *d;
	struct manifest m;
	struct err e = ERR_INIT;

	if (manifest_parse(text, type, a, &m, &e) < 0) {
		if (e.kind == ERR_NONE)
			abort();
		return;
	}
	if (m.index)
		(void)!manifest_choose(&m, platform_host(), &d, &e);
	else if (!m.config.digest.text[0])
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct registry_auth auth;
	struct challenge c;
	struct platform p;
	struct arena a;
	struct str text;
	char *copy;

	if (!size)
		return 0;
	arena_open_heap(&a, 32u << 20);
	text = str_span((const char *)data + 1, size - 1);
	switch (data[0]) {
	case 'i':
		fuzz_manifest(text, TYPE_OCI_INDEX, &a);
		break;
	case 'c':
		challenge_parse(text, &c);
		break;
	case 'a':
		registry_auth_decode(text, &a, &auth);
		break;
	case 'p':
		copy = arena_strndup(&a, text.p, text.n);
		if (copy)
			(void)!platform_parse(copy, &a, &p, NULL);
		break;
	default:
		fuzz_manifest(text, NULL, &a);
	}
	arena_done(&a);
	return 0;
}
