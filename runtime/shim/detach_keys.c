/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/shim/detach_keys.h"

#include <string.h>

static const uint8_t default_keys[] = {0x10, 0x11};

void detach_keys_init(struct detach_keys *d, const uint8_t *keys, size_t n)
{
	memset(d, 0, sizeof(*d));
	if (!n || n > DETACH_KEYS_MAX) {
		keys = default_keys;
		n = sizeof(default_keys);
	}
	memcpy(d->keys, keys, n);
	d->n = (uint8_t)n;
}

/*
 * The held bytes and c do not continue the sequence: give the oldest on, until what is left and c
 * may be its beginning again.
 */
static size_t fall_back(struct detach_keys *d, uint8_t c, uint8_t *out)
{
	size_t given = 0;

	while (d->held) {
		uint8_t keep = (uint8_t)(d->held - 1);

		out[given] = d->keys[given];
		given++;
		if (!memcmp(d->keys, d->keys + given, keep) && d->keys[keep] == c) {
			d->held = (uint8_t)(keep + 1);
			return given;
		}
		d->held = keep;
	}
	if (d->keys[0] == c)
		d->held = 1;
	else
		out[given++] = c;
	return given;
}

bool detach_keys_filter(struct detach_keys *d, const uint8_t *in, size_t n, uint8_t *out,
			size_t *ret_n)
{
	size_t o = 0;

	if (!d->n) {
		memcpy(out, in, n);
		*ret_n = n;
		return false;
	}
	for (size_t i = 0; i < n; i++) {
		if (in[i] == d->keys[d->held]) {
			if (++d->held == d->n) {
				d->held = 0;
				*ret_n = o;
				return true;
			}
			continue;
		}
		o += fall_back(d, in[i], out + o);
	}
	*ret_n = o;
	return false;
}
