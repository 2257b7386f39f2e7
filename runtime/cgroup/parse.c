/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/cgroup/parse.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define V1_NO_LIMIT 0x7ffffffffffff000u
#define PERIOD_DEFAULT 100000

uint64_t cgroup_parse_u64(struct str text)
{
	uint64_t v;

	text = str_cut(text, '\n', &(struct str){0});
	if (str_to_u64(str_trim(text), &v) < 0 || v >= V1_NO_LIMIT)
		return CGROUP_NONE;
	return v;
}

static size_t count_lines(struct str text)
{
	size_t n = 1;

	for (size_t i = 0; i < text.n; i++)
		n += text.p[i] == '\n';
	return n;
}

int cgroup_parse_numbers(struct str text, struct arena *a, struct cgroup_number **ret,
			 size_t *ret_n)
{
	struct cgroup_number *list = arena_alloc_array(a, count_lines(text), sizeof(*list));
	size_t n = 0;

	if (!list)
		return -ENOMEM;
	while (text.n) {
		struct str line = str_cut(text, '\n', &text), value;
		struct str key = str_cut(line, ' ', &value);

		if (!key.n || str_to_u64(str_trim(value), &list[n].v) < 0)
			continue;
		list[n].key = arena_strndup(a, key.p, key.n);
		if (!list[n++].key)
			return -ENOMEM;
	}
	*ret = list;
	*ret_n = n;
	return 0;
}

uint64_t cgroup_number(const struct cgroup_number *list, size_t n, const char *key)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(list[i].key, key))
			return list[i].v;
	return 0;
}

static bool parse_device(struct str text, struct cgroup_io *io)
{
	struct str minor, major = str_cut(text, ':', &minor);

	return str_to_u64(major, &io->major) == 0 && str_to_u64(minor, &io->minor) == 0;
}

int cgroup_parse_io_v1(struct str text, struct arena *a, struct cgroup_ios *ret)
{
	struct cgroup_io *list = arena_alloc_array(a, count_lines(text), sizeof(*list));
	size_t n = 0;

	if (!list)
		return -ENOMEM;
	while (text.n) {
		struct str line = str_cut(text, '\n', &text), rest, value;
		struct str device = str_cut(line, ' ', &rest), op = str_cut(rest, ' ', &value);

		if (!parse_device(device, &list[n]) || str_to_u64(value, &list[n].v) < 0)
			continue;
		list[n].op = arena_strndup(a, op.p, op.n);
		if (!list[n++].op)
			return -ENOMEM;
	}
	*ret = (struct cgroup_ios){list, n};
	return 0;
}

/* The value of "key=" among the words; 0 when it is not there. */
static uint64_t word_value(struct str words, const char *key)
{
	uint64_t v;

	while (words.n) {
		struct str value, name = str_cut(str_cut(words, ' ', &words), '=', &value);

		if (str_eqz(name, key) && str_to_u64(value, &v) == 0)
			return v;
	}
	return 0;
}

int cgroup_parse_io_v2(struct str text, struct arena *a, struct cgroup_ios *ret_bytes,
		       struct cgroup_ios *ret_count)
{
	size_t lines = count_lines(text), n = 0;
	struct cgroup_io *bytes = arena_alloc_array(a, 2 * lines, sizeof(*bytes));
	struct cgroup_io *count = arena_alloc_array(a, 2 * lines, sizeof(*count));

	if (!bytes || !count)
		return -ENOMEM;
	while (text.n) {
		struct str line = str_cut(text, '\n', &text), rest;
		struct cgroup_io one = {0};

		if (!parse_device(str_cut(line, ' ', &rest), &one))
			continue;
		for (int write = 0; write < 2; write++, n++) {
			one.op = write ? "write" : "read";
			one.v = word_value(rest, write ? "wbytes" : "rbytes");
			bytes[n] = one;
			one.v = word_value(rest, write ? "wios" : "rios");
			count[n] = one;
		}
	}
	*ret_bytes = (struct cgroup_ios){bytes, n};
	*ret_count = (struct cgroup_ios){count, n};
	return 0;
}

void cgroup_cpu_max(struct str now, int64_t period, int64_t quota, char out[CGROUP_LINE_MAX])
{
	struct str last, first = str_cut(now, ' ', &last);

	if (!quota && (str_to_i64(first, &quota) < 0 || quota <= 0))
		quota = -1;
	if (period <= 0 && (str_to_i64(last, &period) < 0 || period <= 0))
		period = PERIOD_DEFAULT;
	if (quota > 0)
		snprintf(out, CGROUP_LINE_MAX, "%lld %lld", (long long)quota, (long long)period);
	else
		snprintf(out, CGROUP_LINE_MAX, "max %lld", (long long)period);
}

uint64_t cgroup_weight(int64_t shares)
{
	if (shares <= 2)
		return 1;
	if (shares >= 262144)
		return 10000;
	return 1 + (uint64_t)(shares - 2) * 9999 / 262142;
}
