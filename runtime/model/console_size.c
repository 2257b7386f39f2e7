/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/model/console_size.h"

/* A side of the array, blanks around it allowed, as JSON does. */
static bool read_side(struct str text, uint16_t *ret)
{
	uint64_t n;

	if (str_to_u64(str_trim(text), &n) < 0 || n > UINT16_MAX)
		return false;
	*ret = (uint16_t)n;
	return true;
}

bool console_size_parse(struct str raw, uint16_t *ret_height, uint16_t *ret_width)
{
	struct str inner = str_trim(raw), width, height;
	uint16_t h, w;

	*ret_height = *ret_width = 0;
	if (inner.n < 2 || inner.p[0] != '[' || inner.p[inner.n - 1] != ']')
		return false;
	height = str_cut(str_span(inner.p + 1, inner.n - 2), ',', &width);
	if (!read_side(height, &h) || !read_side(width, &w))
		return false;
	*ret_height = h;
	*ret_width = w;
	return true;
}
