/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file is read in blocks into a buffer that is borrowed from the request arenas for as long as
 * there is something to read; who waits for more holds a descriptor and a stack, nothing else.
 *
 * The writer appends whole lines with one write, but a reader may still see half of one: it leaves
 * what has no newline for the next time.
 */
#include "runtime/log/log_reader.h"

#include <errno.h>
#include <unistd.h>

#include "firmware/core/arena.h"
#include "firmware/core/clock.h"
#include "runtime/log/log_chain.h"
#include "runtime/log/log_follow.h"
#include "runtime/log/log_local_parse.h"
#include "runtime/log/log_parse.h"
#include "runtime/log/log_source.h"
#include "runtime/log/log_tail.h"

#define BLOCK 65536
#define BLOCK_FOLLOW 16384
#define LINE_MAX_BYTES (1 << 20)
#define ATTRS_MAX (256u << 10)
#define JSON_MEMORY (1 << 20)
#define IDLE_MS 10000  /* look again even if nothing woke us */
#define REPLACED_MS 20 /* while the newest file is being replaced */
#define ARENA_TRIES 100
#define ARENA_WAIT_MS 20

enum step { STEP_MORE, STEP_DONE = 1 };

struct reading {
	const struct log_query *q;
	struct log_sink *sink;
	struct log_chain chain;
	struct log_parser parser;
	struct arena arena;
	struct log_source source;
	char *block;
	size_t size;
	bool skipping;		 /* in a line that is too long for us */
	struct buf raw, decoded; /* of local: the attributes last seen, which seldom change */
};

/* Borrow memory for a while. When all arenas are out, somebody gives one back soon. */
static int borrow(struct reading *r, struct err *e) FIBER_FN
{
	int n;

	for (int i = 0; (n = arena_open(&r->arena, POOL_NORMAL)) < 0; i++) {
		int w = i < ARENA_TRIES ? fiber_sleep_ms(ARENA_WAIT_MS) : n;

		if (w < 0)
			return err_set(e, ERR_UNAVAILABLE, "no memory is left to read logs");
	}
	return 0;
}

static void give_back(struct reading *r)
{
	arena_done(&r->arena);
	r->block = NULL;
}

/* 0 go on, 1 behind the time asked for, or the sink's code. */
static int take_record(struct reading *r, const struct log_record *rec) FIBER_FN
{
	const struct log_query *q = r->q;

	if (q->since_ns && rec->time_ns < q->since_ns)
		return 0;
	if (q->until_ns && rec->time_ns > q->until_ns)
		return STEP_DONE;
	if (!(rec->stream == LOG_STDOUT ? q->want_stdout : q->want_stderr))
		return 0;
	return r->sink->record(r->sink, rec);
}

/* A line of somebody else's making. */
static NOINLINE int take_foreign(struct reading *r, struct str line) FIBER_FN
{
	struct arena arena CLEANUP_ARENA = {0};
	struct log_record rec;

	arena_open_heap(&arena, JSON_MEMORY);
	if (log_parse_json(line, &arena, &rec) < 0)
		return 0;
	return take_record(r, &rec);
}

/* The whole lines in the block; *ret_used is where the unfinished one begins. */
static int take_lines(struct reading *r, size_t n, size_t *ret_used) FIBER_FN
{
	size_t used = 0;
	char *nl;
	int code = 0;

	while (code == 0 && (nl = memchr(r->block + used, '\n', n - used))) {
		char *line = r->block + used;
		size_t len = (size_t)(nl - line);
		struct log_record rec;

		used += len + 1;
		if (r->skipping) {
			r->skipping = false;
			continue;
		}
		if (log_parse_fast(&r->parser, line, len, &rec) == 0)
			code = take_record(r, &rec);
		else if (len)
			code = take_foreign(r, str_span(line, len));
	}
	*ret_used = used;
	return code;
}

/* As JSON, whatever of them the record before had already. */
static struct str local_attrs(struct reading *r, struct str raw)
{
	if (!raw.n)
		return raw;
	if (!r->raw.p || !str_eq(raw, buf_str(&r->raw))) {
		buf_reset(&r->raw);
		buf_put_str(&r->raw, raw);
		buf_reset(&r->decoded);
		log_local_attrs(raw, &r->decoded);
	}
	return r->raw.failed || r->decoded.failed ? STR("") : buf_str(&r->decoded);
}

/*
 * The whole records in the block. Where none begins, the next byte is tried: what a crash tore is
 * passed over.
 */
static int take_records(struct reading *r, size_t n, size_t *ret_used) FIBER_FN
{
	size_t used = 0;
	int code = 0;

	while (code == 0) {
		ssize_t len = log_local_length(r->block + used, n - used);
		struct log_record rec;

		if (len == 0)
			break;
		if (len < 0) {
			used++;
			continue;
		}
		if (log_local_parse(r->block + used, (size_t)len, &rec) == 0) {
			if (r->sink->wants_attrs)
				rec.attrs = local_attrs(r, rec.attrs);
			code = take_record(r, &rec);
		}
		used += (size_t)len;
	}
	*ret_used = used;
	return code;
}

/* The buffer is full and holds no end: more buffer, or give up what is in it. */
static void enlarge(struct reading *r, size_t *have)
{
	char *grown = NULL;

	if (r->size < LINE_MAX_BYTES)
		grown = arena_grow(&r->arena, r->block, r->size, r->size * 2);
	if (grown) {
		r->block = grown;
		r->size *= 2;
		return;
	}
	r->skipping = !r->q->local;
	r->chain.offset += (int64_t)*have;
	*have = 0;
}

/* From the present offset to the present end of this file. 0, STEP_DONE, or a negative code. */
static int read_file(struct reading *r, size_t size) FIBER_FN
{
	size_t have = 0;
	int code = log_source_open(&r->source, &r->chain, r->chain.offset, &r->arena);

	/* Last, so that it can grow. */
	r->size = size;
	r->block = code == 0 ? arena_alloc(&r->arena, size) : NULL;
	if (code == 0 && !r->block)
		code = -ENOMEM;
	while (code == 0) {
		size_t used;
		ssize_t n;

		if (have == r->size)
			enlarge(r, &have);
		n = log_source_read(&r->source, r->block + have, r->size - have);
		if (n <= 0) {
			r->chain.at_end = r->chain.gz;
			return (int)n;
		}
		have += (size_t)n;
		code = r->q->local ? take_records(r, have, &used) : take_lines(r, have, &used);
		memmove(r->block, r->block + used, have - used);
		have -= used;
		r->chain.offset += (int64_t)used;
		if (code == 0)
			code = fiber_yield();
	}
	return code;
}

static bool has_more(const struct reading *r)
{
	char byte;

	if (r->chain.gz)
		return !r->chain.at_end;
	return r->chain.fd >= 0 && pread(r->chain.fd, &byte, 1, r->chain.offset) == 1;
}

/*
 * All there is now, in this file and those after it. 0 at the end, STEP_DONE, -ENOENT when the
 * newest file is missing, or a negative code.
 */
static int read_all(struct reading *r, struct follower *f, struct err *e) FIBER_FN
{
	int code = 0;

	for (;;) {
		if (has_more(r)) {
			code = borrow(r, e);
			if (code < 0)
				return code;
			code = read_file(r, f ? BLOCK_FOLLOW : BLOCK);
			give_back(r);
			if (code != 0)
				return code;
		}
		code = log_chain_next(&r->chain);
		if (code <= 0)
			return code;
		r->skipping = false;
		if (f)
			follow_watch(f, r->chain.fd);
	}
}

/* Until when to wait, monotonic. */
static int64_t wait_deadline(const struct log_query *q, bool replaced)
{
	int64_t deadline = clock_in_ms(replaced ? REPLACED_MS : IDLE_MS);

	if (q->until_ns) {
		int64_t left = q->until_ns - clock_wall();

		deadline = MIN(deadline, clock_mono() + MAX(left, 0));
	}
	return deadline;
}

static int follow(struct reading *r, struct follower *f, struct err *e) FIBER_FN
{
	const struct log_query *q = r->q;
	bool last = false;
	int code;

	if (r->chain.fd >= 0)
		follow_watch(f, r->chain.fd);
	for (;;) {
		bool replaced;

		f->dirty = false;
		/* Asked before reading: what was written before the answer is read after it. */
		last = q->more && !q->more(q->arg);
		code = read_all(r, f, e);
		replaced = code == -ENOENT;
		if (code != 0 && !replaced)
			return code;
		if (last || (q->until_ns && clock_wall() >= q->until_ns))
			return 0;
		code = r->sink->flush ? r->sink->flush(r->sink) : 0;
		if (code < 0)
			return code;
		code = follow_wait(f, wait_deadline(q, replaced));
		if (code < 0 && code != -ETIMEDOUT)
			return code;
	}
}

static int open_chain(struct reading *r, struct err *e) FIBER_FN
{
	int code;

	if (r->q->tail < 0)
		return log_chain_open_all(&r->chain, r->q->path);
	code = borrow(r, e);
	if (code < 0)
		return code;
	code = log_tail_open(&r->chain, r->q->path, r->q->local, r->q->tail, &r->arena, BLOCK);
	give_back(r);
	return code;
}

int log_reader_init(struct err *e)
{
	return follow_init(e);
}

int log_read(const struct log_query *q, struct log_sink *sink, struct err *e)
{
	struct reading r = {.q = q, .sink = sink, .chain = {.path = q->path, .fd = -1}};
	struct follower f;
	int code;

	buf_init_heap(&r.raw, ATTRS_MAX);
	buf_init_heap(&r.decoded, ATTRS_MAX * 6);
	code = open_chain(&r, e);
	if (code < 0 && code != -ENOENT) {
		log_chain_close(&r.chain);
		return e && e->kind ? err_code(e) : err_sys(e, code, "opening the log");
	}
	if (q->follow) {
		code = follow_join(&f, q->path, e);
		if (code == 0) {
			code = follow(&r, &f, e);
			follow_leave(&f);
		}
	} else {
		code = read_all(&r, NULL, e);
		if (code == -ENOENT)
			code = 0;
	}
	log_chain_close(&r.chain);
	buf_done(&r.raw);
	buf_done(&r.decoded);
	if (code < 0 && e && !e->kind)
		(void)err_sys(e, code, "reading the log");
	return code < 0 ? code : 0;
}

void log_reader_wake(const char *path)
{
	follow_wake(path);
}
