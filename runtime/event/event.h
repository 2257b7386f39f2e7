/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happened: the engine publishes an event for every change that a client can ask to be told
 * of, and readers walk the ring of the last ones, each at its own pace. An event is copied into the
 * ring whole, so publishing never waits and never fails; a reader that falls behind by more than
 * the ring holds has lost events and is told so.
 *
 * Thread: loop. Yields: event_wait alone. Owns: the bus owns its memory, which is all there is and
 * set aside by event_bus_open. Limits: CONFIG_EVENT_RING (events), CONFIG_EVENT_RING_KIB (bytes).
 */
#ifndef RUNTIME_EVENT_EVENT_H
#define RUNTIME_EVENT_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "firmware/core/err.h"
#include "firmware/fmt/bind.h"
#include "firmware/sched/fiber.h"

#define EVENT_RING_BYTES ((size_t)CONFIG_EVENT_RING_KIB * 1024)

enum event_type {
	EVENT_BUILDER,
	EVENT_CONTAINER,
	EVENT_DAEMON,
	EVENT_IMAGE,
	EVENT_NETWORK,
	EVENT_PLUGIN,
	EVENT_VOLUME,
};
const char *event_type_name(enum event_type t); /* "container", … */

struct event {
	uint64_t number; /* counts from 1 */
	int64_t time_ns; /* wall clock, never going back from one event to the next */
	enum event_type type;
	const char *action, *id;    /* id: of the actor, may be "" */
	struct text_map attributes; /* in the order of their keys */
};

struct event_bus;

int event_bus_open(struct event_bus **ret, struct err *e) WARN_UNUSED;
void event_bus_close(struct event_bus *b);
uint64_t event_bus_published(const struct event_bus *b); /* so far */

struct event_source {
	enum event_type type;
	const char *action, *id;
	const struct text_pair *own; /* attributes of the event itself; they go before the labels */
	size_t n_own;
	const struct text_map *labels; /* or NULL */
};
/* Publish and wake the readers. A NULL bus is fine: nothing happens. */
void event_publish(struct event_bus *b, const struct event_source *src);
/* The event of an actor that has no labels: at most one attribute (key may be NULL). */
void event_publish_one(struct event_bus *b, enum event_type type, const char *action,
		       const char *id, const char *key, const char *value);

/* A reader; plain data, nothing to give back. */
struct event_reader {
	struct event_bus *bus;
	uint64_t next; /* number of the event to come */
};
/* From the oldest event there is (replay), or from now on. */
void event_reader_start(struct event_reader *r, struct event_bus *b, bool replay);
/*
 * The next event: 1 and *ret, valid until the caller next waits; 0 when there is none yet;
 * -EOVERFLOW when it was dropped because the reader was too slow.
 */
int event_read(struct event_reader *r, const struct event **ret) WARN_UNUSED;
/* Wait until there is one: 0, -ETIMEDOUT or the cancel code. */
int event_wait(struct event_reader *r, int64_t deadline) FIBER_FN WARN_UNUSED;

/* --- filter.c: which events a reader wants --- */

enum event_filter_key {
	EVENT_BY_TYPE,
	EVENT_BY_ACTION, /* "event" */
	EVENT_BY_SCOPE,
	EVENT_BY_IMAGE,
	EVENT_BY_LABEL,
	/* Those below ask for the actor's ID or name, or the beginning of it. */
	EVENT_BY_CONTAINER,
	EVENT_BY_DAEMON,
	EVENT_BY_NETWORK,
	EVENT_BY_VOLUME,
	EVENT_BY_PLUGIN,
	EVENT_BY_NODE,
	EVENT_BY_SERVICE,
	EVENT_BY_SECRET,
	EVENT_BY_CONFIG,
	EVENT_FILTER_KEYS,
};
const char *event_filter_key_name(enum event_filter_key k);

struct event_filter {
	const struct texts *by[EVENT_FILTER_KEYS]; /* NULL or empty: all */
};
bool event_filter_match(const struct event_filter *f, const struct event *ev);

#endif
