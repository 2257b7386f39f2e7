/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/event/event.h"
#include "tests/unit/sched/fixture.h"

static struct event_bus *bus;

static int open_bus(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	return event_bus_open(&bus, &e);
}

static int close_bus(void **state)
{
	(void)state;
	event_bus_close(bus);
	return 0;
}

static void publish(const char *id)
{
	event_publish_one(bus, EVENT_CONTAINER, "start", id, "k", id);
}

static void publish_number(int n)
{
	char id[16];

	snprintf(id, sizeof(id), "%d", n);
	publish(id);
}

static void test_read(void **state)
{
	struct event_reader past, now;
	const struct event *ev;

	(void)state;
	event_publish_one(NULL, EVENT_IMAGE, "pull", "x", NULL, NULL);
	event_reader_start(&past, bus, true);
	assert_int_equal(event_read(&past, &ev), 0);
	publish("1");
	event_reader_start(&now, bus, false);
	event_reader_start(&past, bus, true);
	publish("2");
	assert_int_equal(event_read(&past, &ev), 1);
	assert_string_equal(ev->id, "1");
	assert_string_equal(ev->action, "start");
	assert_string_equal(text_map_get(&ev->attributes, "k"), "1");
	assert_int_equal(ev->number, 1);
	assert_true(ev->time_ns > 0);
	assert_int_equal(event_read(&now, &ev), 1);
	assert_string_equal(ev->id, "2");
	assert_int_equal(event_read(&past, &ev), 1);
	assert_string_equal(ev->id, "2");
	assert_int_equal(event_read(&past, &ev), 0);
	assert_int_equal(event_read(&now, &ev), 0);
}

/* Own attributes hide labels of their name; all are in the order of their keys. */
static void test_attributes(void **state)
{
	struct text_pair own[] = {{"name", "web"}, {"image", "nginx"}};
	struct text_pair pairs[] = {{"z", "1"}, {"name", "liar"}, {"b", NULL}};
	struct text_map labels = {pairs, 3, true};
	struct event_source src = {.type = EVENT_CONTAINER,
				   .action = "die",
				   .id = "c",
				   .own = own,
				   .n_own = 2,
				   .labels = &labels};
	static const char *const want[] = {"b", "", "image", "nginx", "name", "web", "z", "1"};
	struct event_reader r;
	const struct event *ev;

	(void)state;
	event_publish(bus, &src);
	event_reader_start(&r, bus, true);
	assert_int_equal(event_read(&r, &ev), 1);
	assert_int_equal(ev->attributes.n, 4);
	for (size_t i = 0; i < 4; i++) {
		assert_string_equal(ev->attributes.items[i].key, want[2 * i]);
		assert_string_equal(ev->attributes.items[i].value, want[2 * i + 1]);
	}
}

static void test_slow_reader(void **state)
{
	struct event_reader slow, just;
	const struct event *ev;

	(void)state;
	event_reader_start(&slow, bus, false);
	publish_number(0);
	event_reader_start(&just, bus, false);
	for (int i = 1; i <= CONFIG_EVENT_RING; i++)
		publish_number(i);
	assert_int_equal(event_read(&slow, &ev), -EOVERFLOW);
	for (int i = 1; i <= CONFIG_EVENT_RING; i++) {
		assert_int_equal(event_read(&just, &ev), 1);
		assert_int_equal(atoi(ev->id), i);
	}
	assert_int_equal(event_read(&just, &ev), 0);
}

/* What an event says is what it said when it was published, until it is overwritten. */
static void check(const struct event *ev)
{
	size_t n = (size_t)atoi(ev->id);
	const char *text = text_map_get(&ev->attributes, "pad");

	assert_non_null(text);
	assert_int_equal(strlen(text), n);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(text[i], 'a' + (char)(n % 26));
}

/* Records of all sizes, many times around: those still kept are whole and in order. */
static void test_wrap(void **state)
{
	char *text = malloc(EVENT_RING_BYTES), id[16];
	uint64_t last = 0;
	size_t kept = 0;

	(void)state;
	srand(7);
	for (int i = 0; i < 3000; i++) {
		size_t n = (size_t)rand() % (i % 7 ? 200 : EVENT_RING_BYTES / 5);
		struct event_reader r;
		const struct event *ev;

		memset(text, 'a' + (char)(n % 26), n);
		text[n] = '\0';
		snprintf(id, sizeof(id), "%zu", n);
		event_publish_one(bus, EVENT_VOLUME, "create", id, "pad", text);
		if (i % 50)
			continue;
		event_reader_start(&r, bus, true);
		for (last = 0, kept = 0; event_read(&r, &ev) == 1; kept++) {
			check(ev);
			assert_true(!last || ev->number == last + 1);
			last = ev->number;
		}
		assert_int_equal(last, i + 1);
		assert_true(kept >= 1 && kept <= CONFIG_EVENT_RING);
	}
	free(text);
}

/* Labels that do not fit are left out, the event itself is not. */
static void test_too_large(void **state)
{
	char *text = malloc(EVENT_RING_BYTES + 1);
	struct text_pair own = {"name", "big"}, pairs[] = {{"a", "1"}, {"b", text}, {"c", "3"}};
	struct text_map labels = {pairs, 3, true};
	struct event_source src = {.type = EVENT_CONTAINER,
				   .action = "create",
				   .id = "c",
				   .own = &own,
				   .n_own = 1,
				   .labels = &labels};
	struct event_reader r;
	const struct event *ev;

	(void)state;
	memset(text, 'x', EVENT_RING_BYTES);
	text[EVENT_RING_BYTES] = '\0';
	event_publish(bus, &src);
	src.action = text; /* nothing of it would fit */
	event_publish(bus, &src);
	event_reader_start(&r, bus, true);
	assert_int_equal(event_read(&r, &ev), 1);
	assert_string_equal(text_map_get(&ev->attributes, "name"), "big");
	assert_string_equal(text_map_get(&ev->attributes, "a"), "1");
	assert_null(text_map_get(&ev->attributes, "b"));
	assert_int_equal(event_read(&r, &ev), 0);
	free(text);
}

static int seen;

static void read_three(void *arg)
{
	struct event_reader r;
	const struct event *ev;

	(void)arg;
	event_reader_start(&r, bus, false);
	while (seen < 3) {
		assert_int_equal(event_wait(&r, clock_in_ms(5000)), 0);
		while (event_read(&r, &ev) == 1)
			seen++;
	}
	assert_int_equal(event_wait(&r, clock_in_ms(5)), -ETIMEDOUT);
}

static void publish_three(void *arg)
{
	(void)arg;
	for (int i = 0; i < 3; i++) {
		publish_number(i);
		assert_int_equal(fiber_yield(), 0);
	}
}

static void test_wait(void **state)
{
	(void)state;
	seen = 0;
	spawn(read_three, NULL);
	spawn(publish_three, NULL);
	run_loop();
	assert_int_equal(seen, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_read, open_bus, close_bus),
		cmocka_unit_test_setup_teardown(test_attributes, open_bus, close_bus),
		cmocka_unit_test_setup_teardown(test_slow_reader, open_bus, close_bus),
		cmocka_unit_test_setup_teardown(test_wrap, open_bus, close_bus),
		cmocka_unit_test_setup_teardown(test_too_large, open_bus, close_bus),
		cmocka_unit_test_setup_teardown(test_wait, open_bus, close_bus),
	};

	return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
