/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/shim/log_split.h"

#include <string.h>
#include <sys/random.h>

#include "firmware/core/mem.h"

struct moment {
	char text[CLOCK_RFC3339_MAX];
	size_t len;
	int64_t ns;
};

void log_split_init(struct log_split *s, void (*record)(void *arg, const struct log_entry *e),
		    void *arg)
{
	*s = (struct log_split){.record = record, .arg = arg};
}

static void forget(struct log_part *part)
{
	mem_free(part->p);
	part->p = NULL;
	part->n = 0;
	part->ordinal = 0;
}

void log_split_done(struct log_split *s)
{
	forget(&s->part[0]);
	forget(&s->part[1]);
}

static void look_at_clock(struct moment *m)
{
	m->ns = clock_wall();
	m->len = clock_format_rfc3339nano(m->ns, m->text);
}

static void put(struct log_split *s, bool is_stderr, const uint8_t *p, size_t n, bool newline,
		const struct moment *m)
{
	const struct log_entry e = {.p = p,
				    .n = n,
				    .is_stderr = is_stderr,
				    .newline = newline,
				    .time = m->text,
				    .time_len = m->len,
				    .time_ns = m->ns};

	s->record(s->arg, &e);
}

/* The first piece of a line gives it its time and its name. */
static void begin_pieces(struct log_part *part, const struct moment *m)
{
	uint8_t random[LOG_PART_ID_LEN / 2] = {0};

	(void)!getrandom(random, sizeof(random), GRND_NONBLOCK);
	hex_encode(random, sizeof(random), part->id);
	part->id[LOG_PART_ID_LEN] = 0;
	memcpy(part->time, m->text, m->len);
	part->time_len = m->len;
	part->time_ns = m->ns;
}

static void put_piece(struct log_split *s, bool is_stderr, const uint8_t *p, size_t n, bool newline,
		      const struct moment *m)
{
	struct log_part *part = &s->part[is_stderr];
	struct log_entry e = {.p = p, .n = n, .is_stderr = is_stderr, .newline = newline};

	if (!part->ordinal++)
		begin_pieces(part, m);
	e.time = part->time;
	e.time_len = part->time_len;
	e.time_ns = part->time_ns;
	e.ordinal = part->ordinal;
	e.part_id = part->id;
	s->record(s->arg, &e);
}

/* The rest of a line that began earlier; returns how much of p it took. */
static size_t go_on(struct log_split *s, bool is_stderr, const uint8_t *p, size_t n,
		    const struct moment *m)
{
	struct log_part *part = &s->part[is_stderr];
	const uint8_t *nl = memchr(p, '\n', n);
	size_t room = LOG_RECORD_MAX - part->n;
	size_t take = nl ? (size_t)(nl - p) : n;

	if (take > room)
		take = room;
	if (take && !part->p) {
		part->p = mem_alloc(LOG_RECORD_MAX);
		if (!part->p) { /* no memory: what we have is a record */
			put_piece(s, is_stderr, p, take, false, m);
			return take;
		}
	}
	if (take)
		memcpy(part->p + part->n, p, take);
	part->n += take;
	if (part->n < LOG_RECORD_MAX && nl && nl == p + take) {
		if (part->ordinal)
			put_piece(s, is_stderr, part->p, part->n, true, m);
		else
			put(s, is_stderr, part->p, part->n, true, m);
		forget(part);
		return take + 1;
	}
	if (part->n == LOG_RECORD_MAX) {
		put_piece(s, is_stderr, part->p, part->n, false, m);
		part->n = 0;
	}
	return take;
}

void log_split_write(struct log_split *s, bool is_stderr, const uint8_t *p, size_t n)
{
	struct log_part *part = &s->part[is_stderr];
	struct moment m;

	look_at_clock(&m);
	while (n) {
		const uint8_t *nl = part->n || part->ordinal ? NULL : memchr(p, '\n', n);
		size_t used;

		if (nl && (size_t)(nl - p) < LOG_RECORD_MAX) {
			put(s, is_stderr, p, (size_t)(nl - p), true, &m);
			used = (size_t)(nl - p) + 1;
		} else {
			used = go_on(s, is_stderr, p, n, &m);
		}
		p += used;
		n -= used;
	}
}

void log_split_finish(struct log_split *s, bool is_stderr)
{
	struct log_part *part = &s->part[is_stderr];
	struct moment m;

	look_at_clock(&m);
	if (part->n)
		put_piece(s, is_stderr, part->p, part->n, false, &m);
	forget(part);
}
