/* SPDX-License-Identifier: Apache-2.0 */
#include "api/router/coding.h"

/* "0", "0.5", "1.000" in thousandths. */
static int read_weight(struct str q)
{
	int weight = 0;

	if (q.n && *q.p == '1')
		return 1000;
	for (size_t i = 2, unit = 100; i < q.n && unit; i++, unit /= 10)
		if (q.p[i] >= '0' && q.p[i] <= '9')
			weight += (q.p[i] - '0') * (int)unit;
	return weight;
}

/* -1 when the coding is not named. */
static int weight_of(struct str accept, const char *coding)
{
	int best = -1;

	while (accept.n) {
		struct str params, one = str_cut(accept, ',', &accept);
		struct str name = str_trim(str_cut(one, ';', &params));
		int weight = 1000;

		if (!str_ieqz(name, coding) && !str_eqz(name, "*"))
			continue;
		params = str_trim(params);
		if (str_starts(params, "q="))
			weight = read_weight(str_span(params.p + 2, params.n - 2));
		best = MAX(best, weight);
	}
	return best;
}

enum coding coding_choose(struct str accept)
{
	int plain = MAX(weight_of(accept, "identity"), 0);
	int gzip = weight_of(accept, "gzip"), zlib = weight_of(accept, "deflate");

	if (gzip > plain && gzip >= zlib)
		return CODING_GZIP;
	return zlib > plain ? CODING_DEFLATE : CODING_IDENTITY;
}

const char *coding_name(enum coding c)
{
	return c == CODING_GZIP ? "gzip" : c == CODING_DEFLATE ? "deflate" : NULL;
}
