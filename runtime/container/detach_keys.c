/* SPDX-License-Identifier: Apache-2.0 */
/* Detach keys as clients write them, "ctrl-p,ctrl-q", into the bytes that a terminal sends. */
#include "runtime/container/private.h"

static int key_byte(struct str key)
{
	static const char controls[] = "@abcdefghijklmnopqrstuvwxyz[\\]^_";
	const char *at;

	if (key.n == 1)
		return (unsigned char)key.p[0];
	if (key.n != 6 || strncmp(key.p, "ctrl-", 5))
		return -1;
	at = strchr(controls, key.p[5]);
	return at ? (int)(at - controls) : -1;
}

int detach_keys_parse(struct str text, const char *what, struct arena *a, struct str *ret,
		      struct err *e)
{
	char *keys = arena_alloc(a, text.n + 1);
	struct str rest = text;
	size_t n = 0;

	if (!keys)
		return err_set(e, ERR_UNAVAILABLE, "no memory");
	for (bool more = rest.n > 0; more;) {
		int byte;

		more = str_find(rest, ',') >= 0;
		byte = key_byte(str_cut(rest, ',', &rest));
		if (byte < 0)
			return err_set(e, ERR_INVALID, "Invalid %s keys (" STR_FMT ") provided",
				       what, STR_ARG(text));
		keys[n++] = (char)byte;
	}
	*ret = str_span(keys, n);
	return 0;
}
