/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ring. A record is one piece of memory: struct event, its attributes' pairs, then all texts.
 * Records lie one behind the other and wrap as wholes, so a pointer into one is good until the
 * record is overwritten; the oldest make room for the newest. The slots find a record by its
 * number.
 */
#include <errno.h>
#include <stdlib.h>

#include "firmware/core/mem.h"
#include "runtime/event/event.h"

#define RECORD_ALIGN 16
#define RECORD_MAX (EVENT_RING_BYTES / 4)

struct event_bus {
	char *bytes;
	struct event *slots[CONFIG_EVENT_RING]; /* by number */
	uint64_t first, next;			/* numbers: the oldest kept, the one to come */
	size_t tail;				/* where the next record may begin */
	int64_t last_ns;
	struct waitq readers;
};

static const char *const type_names[] = {
	[EVENT_BUILDER] = "builder", [EVENT_CONTAINER] = "container", [EVENT_DAEMON] = "daemon",
	[EVENT_IMAGE] = "image",     [EVENT_NETWORK] = "network",     [EVENT_PLUGIN] = "plugin",
	[EVENT_VOLUME] = "volume",
};

const char *event_type_name(enum event_type t)
{
	return type_names[t];
}

int event_bus_open(struct event_bus **ret, struct err *e)
{
	CLEANUP_MEM struct event_bus *b = mem_alloc(sizeof(*b));

	if (!b)
		return err_sys(e, ENOMEM, "the event ring");
	b->bytes = mem_alloc(EVENT_RING_BYTES);
	if (!b->bytes)
		return err_sys(e, ENOMEM, "the event ring");
	b->first = b->next = 1;
	waitq_init(&b->readers);
	*ret = TAKE_PTR(b);
	return 0;
}

void event_bus_close(struct event_bus *b)
{
	if (!b)
		return;
	mem_free(b->bytes);
	mem_free(b);
}

uint64_t event_bus_published(const struct event_bus *b)
{
	return b ? b->next - 1 : 0;
}

static struct event **slot(struct event_bus *b, uint64_t number)
{
	return &b->slots[number % CONFIG_EVENT_RING];
}

/* n bytes (at most RECORD_MAX) behind the newest record; the oldest give way. */
static char *make_room(struct event_bus *b, size_t n)
{
	while (b->next - b->first == CONFIG_EVENT_RING)
		b->first++;
	for (; b->first != b->next; b->first++) {
		size_t head = (size_t)((char *)*slot(b, b->first) - b->bytes);

		if (b->tail <= head) {
			if (head - b->tail >= n)
				return b->bytes + b->tail;
			continue;
		}
		if (EVENT_RING_BYTES - b->tail >= n)
			return b->bytes + b->tail;
		if (head >= n)
			return b->bytes;
	}
	return b->bytes;
}

static size_t pair_bytes(const struct text_pair *p)
{
	return sizeof(*p) + strlen(p->key) + 1 + strlen(p->value ? p->value : "") + 1;
}

static bool is_own(const struct event_source *src, const char *key)
{
	for (size_t i = 0; i < src->n_own; i++)
		if (!strcmp(src->own[i].key, key))
			return true;
	return false;
}

/* The n-th attribute in the order of publishing; NULL for a label that an own attribute hides. */
static const struct text_pair *attribute(const struct event_source *src, size_t n)
{
	const struct text_pair *p;

	if (n < src->n_own)
		return &src->own[n];
	p = &src->labels->items[n - src->n_own];
	return is_own(src, p->key) ? NULL : p;
}

struct measure {
	size_t bytes, n; /* of the record, of its attributes */
	size_t end;	 /* attributes looked at */
};

/* How much of the source fits into one record. */
static struct measure measure(const struct event_source *src)
{
	size_t all = src->n_own + (src->labels ? src->labels->n : 0);
	struct measure m = {.bytes = sizeof(struct event) + strlen(src->action) + 1 +
				     strlen(src->id) + 1 + RECORD_ALIGN};

	for (; m.end < all; m.end++) {
		const struct text_pair *p = attribute(src, m.end);
		size_t more = p ? pair_bytes(p) : 0;

		if (m.bytes + more > RECORD_MAX)
			break;
		m.bytes += more;
		m.n += p != NULL;
	}
	m.bytes = m.bytes / RECORD_ALIGN * RECORD_ALIGN;
	return m;
}

static const char *put_text(char **at, const char *text)
{
	size_t n = strlen(text) + 1;
	char *to = *at;

	memcpy(to, text, n);
	*at += n;
	return to;
}

static int compare_keys(const void *a, const void *b)
{
	return strcmp(((const struct text_pair *)a)->key, ((const struct text_pair *)b)->key);
}

static void fill(struct event *ev, const struct event_source *src, const struct measure *m)
{
	struct text_pair *pairs = (struct text_pair *)(ev + 1);
	char *text = (char *)(pairs + m->n);
	size_t n = 0;

	ev->type = src->type;
	ev->action = put_text(&text, src->action);
	ev->id = put_text(&text, src->id);
	for (size_t i = 0; i < m->end; i++) {
		const struct text_pair *p = attribute(src, i);

		if (!p)
			continue;
		pairs[n].key = put_text(&text, p->key);
		pairs[n++].value = put_text(&text, p->value ? p->value : "");
	}
	qsort(pairs, n, sizeof(*pairs), compare_keys);
	ev->attributes = (struct text_map){pairs, n, true};
}

void event_publish(struct event_bus *b, const struct event_source *src)
{
	struct measure m;
	struct event *ev;
	int64_t now = clock_wall();

	/* Only an action that is a command line can be that long. */
	if (!b || strlen(src->action) + strlen(src->id) > RECORD_MAX / 2)
		return;
	m = measure(src);
	ev = (struct event *)make_room(b, m.bytes);
	b->tail = (size_t)((char *)ev - b->bytes) + m.bytes;
	fill(ev, src, &m);
	b->last_ns = MAX(b->last_ns, now);
	ev->time_ns = b->last_ns;
	ev->number = b->next;
	*slot(b, b->next) = ev;
	b->next++;
	waitq_wake_all(&b->readers);
}

void event_publish_one(struct event_bus *b, enum event_type type, const char *action,
		       const char *id, const char *key, const char *value)
{
	struct text_pair own = {key, value};
	struct event_source src = {
		.type = type, .action = action, .id = id, .own = &own, .n_own = key ? 1 : 0};

	event_publish(b, &src);
}

void event_reader_start(struct event_reader *r, struct event_bus *b, bool replay)
{
	*r = (struct event_reader){.bus = b, .next = replay ? b->first : b->next};
}

int event_read(struct event_reader *r, const struct event **ret)
{
	if (r->next == r->bus->next)
		return 0;
	if (r->next < r->bus->first)
		return -EOVERFLOW;
	*ret = *slot(r->bus, r->next++);
	return 1;
}

int event_wait(struct event_reader *r, int64_t deadline)
{
	int rc = 0;

	while (rc == 0 && r->next == r->bus->next)
		rc = waitq_wait(&r->bus->readers, deadline);
	return rc;
}
