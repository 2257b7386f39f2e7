/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/container/net_dev.h"

#include <errno.h>

#define FIELDS 12 /* up to tx dropped */

static bool parse_line(struct str line, struct str *ret_name, uint64_t v[FIELDS])
{
	struct str rest;

	*ret_name = str_trim(str_cut(line, ':', &rest));
	for (int i = 0; i < FIELDS; i++) {
		rest = str_trim(rest);
		if (str_to_u64(str_cut(rest, ' ', &rest), &v[i]) < 0)
			return false;
	}
	return ret_name->n > 0;
}

int net_dev_parse(struct str text, struct arena *a, struct net_counters **ret, size_t *ret_n)
{
	struct net_counters *list;
	size_t n = 0, lines = 1;

	for (size_t i = 0; i < text.n; i++)
		lines += text.p[i] == '\n';
	list = arena_alloc_array(a, lines, sizeof(*list));
	if (!list)
		return -ENOMEM;
	while (text.n) {
		struct str name, line = str_cut(text, '\n', &text);
		uint64_t v[FIELDS];

		if (str_find(line, ':') < 0 || !parse_line(line, &name, v) || str_eqz(name, "lo"))
			continue;
		list[n] = (struct net_counters){
			.name = arena_strndup(a, name.p, name.n),
			.rx_bytes = v[0],
			.rx_packets = v[1],
			.rx_errors = v[2],
			.rx_dropped = v[3],
			.tx_bytes = v[8],
			.tx_packets = v[9],
			.tx_errors = v[10],
			.tx_dropped = v[11],
		};
		if (!list[n++].name)
			return -ENOMEM;
	}
	*ret = list;
	*ret_n = n;
	return 0;
}
