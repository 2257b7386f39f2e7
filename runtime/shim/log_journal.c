/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/shim/log_journal.h"

#include <stdio.h>
#include <string.h>

void log_journal_put_field(struct buf *out, const char *name, struct str value)
{
	uint8_t length[8];

	buf_puts(out, name);
	if (str_find(value, '\n') < 0) {
		buf_putc(out, '=');
	} else {
		for (size_t i = 0; i < 8; i++)
			length[i] = (uint8_t)((uint64_t)value.n >> (8 * i));
		buf_putc(out, '\n');
		buf_put(out, length, sizeof(length));
	}
	buf_put_str(out, value);
	buf_putc(out, '\n');
}

void log_journal_put_name(struct buf *out, struct str name)
{
	size_t begin = out->n;

	for (size_t i = 0; i < name.n; i++) {
		char c = name.p[i];

		if ((unsigned char)c >= 0x80 && (unsigned char)c < 0xc0)
			continue; /* one underscore for a character, however long */
		if (c >= 'a' && c <= 'z')
			c = (char)(c - 'a' + 'A');
		else if (!(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9'))
			c = '_';
		if (c != '_' || out->n > begin)
			buf_putc(out, c);
	}
}

size_t log_journal_room(const struct log_journal *l, size_t n)
{
	return n + l->fields.n + LOG_JOURNAL_OVERHEAD;
}

static char *put(char *out, const void *p, size_t n)
{
	if (n)
		memcpy(out, p, n);
	return out + n;
}

char *log_journal_put(struct log_journal *l, char *out, const struct log_entry *e)
{
	uint8_t length[8];

	out = put(out, l->fields.p, l->fields.n);
	out += snprintf(
		out, 192, "PRIORITY=%d\nSYSLOG_TIMESTAMP=%.*s\nCONTAINER_LOG_ORDINAL=%llu\n",
		e->is_stderr ? 3 : 6, (int)e->time_len, e->time, (unsigned long long)++l->ordinal);
	if (e->ordinal)
		out += snprintf(out, 192,
				"CONTAINER_PARTIAL_ID=%.64s\nCONTAINER_PARTIAL_ORDINAL=%u\n"
				"CONTAINER_PARTIAL_LAST=%s\n%s",
				e->part_id, e->ordinal, e->newline ? "true" : "false",
				e->newline ? "" : "CONTAINER_PARTIAL_MESSAGE=true\n");
	/* A record holds no newline, but whatever else; what comes last is the longest. */
	if (!memchr(e->p ? (const void *)e->p : "", '\n', e->n)) {
		out = put(out, "MESSAGE=", 8);
	} else {
		for (size_t i = 0; i < 8; i++)
			length[i] = (uint8_t)((uint64_t)e->n >> (8 * i));
		out = put(out, "MESSAGE\n", 8);
		out = put(out, length, 8);
	}
	out = put(out, e->p, e->n);
	*out++ = '\n';
	return out;
}
