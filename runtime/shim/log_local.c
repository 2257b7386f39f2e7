/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/shim/log_local.h"

#include <string.h>

enum { WIRE_VARINT = 0, WIRE_BYTES = 2 };
#define TAG(field, wire) (char)((field) << 3 | (wire))

static char *put_u32(char *out, uint32_t v)
{
	*out++ = (char)(v >> 24);
	*out++ = (char)(v >> 16);
	*out++ = (char)(v >> 8);
	*out++ = (char)v;
	return out;
}

static char *put_varint(char *out, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		*out++ = (char)(v | 0x80);
	*out++ = (char)v;
	return out;
}

static char *put_bytes(char *out, char tag, const void *p, size_t n)
{
	*out++ = tag;
	out = put_varint(out, n);
	if (n)
		memcpy(out, p, n);
	return out + n;
}

static char *put_number(char *out, char tag, uint64_t v)
{
	*out++ = tag;
	return put_varint(out, v);
}

static char *put_part(char *out, const struct log_entry *e)
{
	char part[16 + LOG_PART_ID_LEN], *end = part;

	if (e->newline)
		end = put_number(end, TAG(1, WIRE_VARINT), 1);
	end = put_bytes(end, TAG(2, WIRE_BYTES), e->part_id, strlen(e->part_id));
	end = put_number(end, TAG(3, WIRE_VARINT), e->ordinal);
	out = put_number(out, TAG(4, WIRE_VARINT), 1);
	return put_bytes(out, TAG(5, WIRE_BYTES), part, (size_t)(end - part));
}

char *log_local_put(char *out, const struct log_entry *e, struct str extra)
{
	char *body = out + 4, *end = body;

	end = put_bytes(end, TAG(1, WIRE_BYTES), e->is_stderr ? "stderr" : "stdout", 6);
	end = put_number(end, TAG(2, WIRE_VARINT), (uint64_t)e->time_ns);
	if (e->n)
		end = put_bytes(end, TAG(3, WIRE_BYTES), e->p, e->n);
	if (e->ordinal)
		end = put_part(end, e);
	if (extra.n) {
		memcpy(end, extra.p, extra.n);
		end += extra.n;
	}
	(void)put_u32(out, (uint32_t)(end - body));
	return put_u32(end, (uint32_t)(end - body));
}

void log_local_put_attr(struct buf *out, struct str key, struct str value)
{
	char head[16], inner[16];
	size_t key_head = (size_t)(put_varint(inner, key.n) - inner) + 1;
	size_t value_head = (size_t)(put_varint(inner, value.n) - inner) + 1;
	char *end = head;

	*end++ = TAG(6, WIRE_BYTES);
	end = put_varint(end, key_head + key.n + value_head + value.n);
	*end++ = TAG(1, WIRE_BYTES);
	end = put_varint(end, key.n);
	buf_put(out, head, (size_t)(end - head));
	buf_put_str(out, key);
	end = head;
	*end++ = TAG(2, WIRE_BYTES);
	end = put_varint(end, value.n);
	buf_put(out, head, (size_t)(end - head));
	buf_put_str(out, value);
}
