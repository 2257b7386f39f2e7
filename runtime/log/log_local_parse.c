/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/log/log_local_parse.h"

#include <errno.h>
#include <string.h>

#include "firmware/fmt/json.h"

#define RECORD_MAX (1u << 20)

enum { WIRE_VARINT, WIRE_FIXED64, WIRE_BYTES, WIRE_FIXED32 = 5 };
enum { SOURCE = 1, TIME, LINE, PARTIAL, PART, ATTRIBUTE };

struct field {
	uint32_t number, wire;
	uint64_t value;
	const char *p; /* WIRE_BYTES: value bytes */
};

static uint32_t read_u32(const char *p)
{
	const uint8_t *b = (const uint8_t *)p;

	return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

ssize_t log_local_length(const char *p, size_t n)
{
	uint32_t len;

	if (n < 4)
		return 0;
	len = read_u32(p);
	if (len > RECORD_MAX)
		return -EBADMSG;
	if (n < (size_t)len + LOG_LOCAL_FRAME)
		return 0;
	if (read_u32(p + 4 + len) != len)
		return -EBADMSG;
	return (ssize_t)len + LOG_LOCAL_FRAME;
}

static bool read_varint(struct str *s, uint64_t *ret)
{
	uint64_t v = 0;

	for (unsigned shift = 0; shift < 64 && s->n; shift += 7) {
		uint8_t b = (uint8_t)*s->p;

		*s = str_span(s->p + 1, s->n - 1);
		v |= (uint64_t)(b & 0x7f) << shift;
		if (!(b & 0x80)) {
			*ret = v;
			return true;
		}
	}
	return false;
}

static bool next_field(struct str *s, struct field *f)
{
	uint64_t key;

	if (!read_varint(s, &key))
		return false;
	f->number = (uint32_t)(key >> 3);
	f->wire = key & 7;
	switch (f->wire) {
	case WIRE_VARINT:
		return read_varint(s, &f->value);
	case WIRE_BYTES:
		if (!read_varint(s, &f->value))
			return false;
		break;
	case WIRE_FIXED64:
	case WIRE_FIXED32:
		f->value = f->wire == WIRE_FIXED64 ? 8 : 4;
		break;
	default:
		return false;
	}
	if (f->value > s->n)
		return false;
	f->p = s->p;
	*s = str_span(s->p + f->value, s->n - (size_t)f->value);
	return true;
}

/* The last piece of a split line says so. */
static bool is_last(struct str part)
{
	struct field f;
	bool last = false;

	while (part.n && next_field(&part, &f))
		if (f.number == 1 && f.wire == WIRE_VARINT)
			last = f.value != 0;
	return last;
}

static int take_field(const struct field *f, struct log_record *r, char **line, bool *ends)
{
	struct str bytes = f->wire == WIRE_BYTES ? str_span(f->p, (size_t)f->value) : STR("");

	if (f->number == SOURCE && f->wire == WIRE_BYTES) {
		if (!str_eqz(bytes, "stdout") && !str_eqz(bytes, "stderr"))
			return -EBADMSG;
		r->stream = bytes.p[3] == 'o' ? LOG_STDOUT : LOG_STDERR;
	} else if (f->number == TIME && f->wire == WIRE_VARINT) {
		r->time_ns = (int64_t)f->value;
	} else if (f->number == LINE && f->wire == WIRE_BYTES) {
		*line = (char *)(uintptr_t)bytes.p;
		r->line.n = bytes.n;
	} else if (f->number == PARTIAL && f->wire == WIRE_VARINT && f->value) {
		*ends = false;
	} else if (f->number == PART && f->wire == WIRE_BYTES) {
		*ends = is_last(bytes);
	}
	return 0;
}

int log_local_parse(char *p, size_t n, struct log_record *ret)
{
	struct str left = str_span(p + 4, n - LOG_LOCAL_FRAME);
	struct log_record r = {0};
	char *line = NULL;
	bool ends = true;
	struct field f;

	while (left.n) {
		const char *at = left.p;

		if (!next_field(&left, &f) || take_field(&f, &r, &line, &ends) < 0)
			return -EBADMSG;
		/* They stand at the end, one after the other. */
		if (f.number == ATTRIBUTE && !r.attrs.n)
			r.attrs = str_span(at, left.n + (size_t)(left.p - at));
	}
	if (!r.stream)
		return -EBADMSG;
	/* Room for the newline: the bytes before the line have been read; its frame is no part of
	 * the attributes. An empty line has none, but the frame's first bytes. */
	if (line)
		line = memmove(line - 1, line, r.line.n);
	else
		line = p;
	if (ends)
		line[r.line.n++] = '\n';
	r.line.p = line;
	*ret = r;
	return 0;
}

void log_local_attrs(struct str raw, struct buf *out)
{
	struct json_writer w;
	struct field f;

	json_begin(&w, out);
	json_object_open(&w);
	while (raw.n && next_field(&raw, &f)) {
		struct str inner, key = STR(""), value = STR("");

		if (f.number != ATTRIBUTE || f.wire != WIRE_BYTES)
			continue;
		inner = str_span(f.p, (size_t)f.value);
		while (inner.n && next_field(&inner, &f)) {
			if (f.wire == WIRE_BYTES && f.number == 1)
				key = str_span(f.p, (size_t)f.value);
			if (f.wire == WIRE_BYTES && f.number == 2)
				value = str_span(f.p, (size_t)f.value);
		}
		json_key_str(&w, key);
		json_put_str(&w, value);
	}
	json_object_close(&w);
}
