/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "runtime/oci_version.h"

static void keep(struct str text, char *out, size_t size)
{
	text = str_trim(text);
	if (*out || text.n >= size)
		return;
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] <= ' ' || text.p[i] > '~')
			return;
	memcpy(out, text.p, text.n);
	out[text.n] = '\0';
}

/* What is behind the last "version" of a line, as the engine looks for it. */
static bool cut_version(struct str line, struct str *ret)
{
	static const char word[] = "version";
	size_t n = sizeof(word) - 1;

	for (size_t i = line.n; i-- > 0;) {
		if (line.n - i < n || memcmp(line.p + i, word, n) != 0)
			continue;
		*ret = str_span(line.p + i + n, line.n - i - n);
		return true;
	}
	return false;
}

void oci_version_parse(struct str output, struct oci_version *ret)
{
	*ret = (struct oci_version){{0}, {0}};
	while (output.n) {
		struct str line = str_cut(output, '\n', &output), rest;

		if (cut_version(line, &rest))
			keep(rest, ret->version, sizeof(ret->version));
		else if (str_starts(line, "commit:"))
			keep(str_span(line.p + 7, line.n - 7), ret->commit, sizeof(ret->commit));
	}
}
