/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records of the log driver local: reading what anybody may have written comes to no harm, and what
 * we write is read back as it was.
 */
#include <stdlib.h>
#include <string.h>

#include "runtime/log/log_local_parse.h"
#include "runtime/shim/log_local.h"

#define INPUT_MAX LOG_RECORD_MAX

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
	if (!ok)
		abort();
}

static void round_trip(const uint8_t *data, size_t size)
{
	static char record[LOG_LOCAL_MAX(INPUT_MAX, 0)];
	char id[LOG_PART_ID_LEN + 1];
	struct log_entry e = {.p = data, .n = size, .time_ns = 1767323045600000000};
	struct log_record r;
	size_t n;

	memset(id, 'a', LOG_PART_ID_LEN);
	id[LOG_PART_ID_LEN] = 0;
	e.newline = size & 1;
	e.is_stderr = size & 2;
	e.ordinal = e.newline && (size & 4) ? 0 : 7;
	e.part_id = id;
	n = (size_t)(log_local_put(record, &e, STR("")) - record);
	check(n <= sizeof(record));
	check(log_local_length(record, n) == (ssize_t)n);
	check(log_local_parse(record, n, &r) == 0);
	check(r.stream == (e.is_stderr ? LOG_STDERR : LOG_STDOUT) && r.time_ns == e.time_ns);
	check(r.line.n == size + e.newline && (!size || !memcmp(r.line.p, data, size)));
	check(!e.newline || r.line.p[size] == '\n');
}

/* As the reader walks through a file. */
static void read_foreign(const uint8_t *data, size_t size)
{
	char *copy = malloc(size ? size : 1); /* exact, so that one byte beyond is seen */
	struct log_record r;
	struct buf json;

	check(copy != NULL);
	memcpy(copy, data, size);
	for (size_t at = 0; at < size;) {
		ssize_t n = log_local_length(copy + at, size - at);

		if (n == 0)
			break;
		if (n < 0) {
			at++;
			continue;
		}
		check((size_t)n <= size - at);
		if (log_local_parse(copy + at, (size_t)n, &r) == 0) {
			check(r.line.p >= copy + at && r.line.p + r.line.n <= copy + at + n);
			buf_init_heap(&json, 1 << 20);
			log_local_attrs(r.attrs, &json);
			buf_done(&json);
		}
		at += (size_t)n;
	}
	free(copy);
}

/* The frame put around it, so that what is within is reached. */
static void read_framed(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size + LOG_LOCAL_FRAME);

	check(copy != NULL);
	for (int i = 0; i < 4; i++)
		copy[i] = copy[size + 4 + (size_t)i] = (uint8_t)(size >> (24 - 8 * i));
	memcpy(copy + 4, data, size);
	read_foreign(copy, size + LOG_LOCAL_FRAME);
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size > INPUT_MAX)
		return 0;
	round_trip(data, size);
	read_foreign(data, size);
	read_framed(data, size);
	return 0;
}
