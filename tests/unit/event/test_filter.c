/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "runtime/event/event.h"

static struct text_pair container_pairs[] = {
	{"com.x/role", "db"}, {"image", "reg.io:5000/pg:16"}, {"name", "store"}};
static const struct event container_event = {.type = EVENT_CONTAINER,
					     .action = "exec_create: sh -c ls",
					     .id = "0123abcd",
					     .attributes = {container_pairs, 3, true}};
static struct text_pair image_pairs[] = {{"name", "pg:16"}};
static const struct event image_event = {.type = EVENT_IMAGE,
					 .action = "tag",
					 .id = "sha256:77",
					 .attributes = {image_pairs, 1, true}};

#define MATCH(ev, key, ...)                                                                        \
	match(&(ev), key, (const char *[]){__VA_ARGS__},                                           \
	      sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *))

static bool match(const struct event *ev, enum event_filter_key key, const char **values, size_t n)
{
	struct texts wanted = {values, n, true};
	struct event_filter f = {0};

	f.by[key] = &wanted;
	return event_filter_match(&f, ev);
}

static void test_none(void **state)
{
	struct texts empty = {0};
	struct event_filter f = {0};

	(void)state;
	assert_true(event_filter_match(&f, &container_event));
	f.by[EVENT_BY_LABEL] = &empty;
	assert_true(event_filter_match(&f, &container_event));
}

static void test_actions(void **state)
{
	(void)state;
	assert_true(MATCH(container_event, EVENT_BY_ACTION, "exec_create"));
	assert_true(MATCH(container_event, EVENT_BY_ACTION, "die", "exec_create"));
	assert_true(MATCH(container_event, EVENT_BY_ACTION, "exec_create: sh -c ls"));
	assert_false(MATCH(container_event, EVENT_BY_ACTION, "exec_create: sh"));
	assert_false(MATCH(container_event, EVENT_BY_ACTION, "exec"));
	assert_true(MATCH(image_event, EVENT_BY_ACTION, "tag"));
	assert_false(MATCH(image_event, EVENT_BY_ACTION, "ta"));
}

static void test_names(void **state)
{
	(void)state;
	assert_true(MATCH(container_event, EVENT_BY_CONTAINER, "store"));
	assert_true(MATCH(container_event, EVENT_BY_CONTAINER, "sto"));
	assert_true(MATCH(container_event, EVENT_BY_CONTAINER, "other", "0123"));
	assert_false(MATCH(container_event, EVENT_BY_CONTAINER, "123"));
	assert_false(MATCH(container_event, EVENT_BY_NETWORK, "bridge"));
	assert_false(MATCH(container_event, EVENT_BY_NODE, "n"));
	assert_false(MATCH(image_event, EVENT_BY_CONTAINER, "store"));
}

static void test_images(void **state)
{
	(void)state;
	assert_true(MATCH(container_event, EVENT_BY_IMAGE, "reg.io:5000/pg:16"));
	assert_true(MATCH(container_event, EVENT_BY_IMAGE, "reg.io:5000/pg"));
	assert_false(MATCH(container_event, EVENT_BY_IMAGE, "reg.io"));
	assert_false(MATCH(container_event, EVENT_BY_IMAGE, "store"));
	assert_true(MATCH(image_event, EVENT_BY_IMAGE, "pg"));
	assert_true(MATCH(image_event, EVENT_BY_IMAGE, "sha256:77"));
	assert_false(MATCH(image_event, EVENT_BY_IMAGE, "pg:1"));
}

static void test_labels(void **state)
{
	(void)state;
	assert_true(MATCH(container_event, EVENT_BY_LABEL, "com.x/role"));
	assert_true(MATCH(container_event, EVENT_BY_LABEL, "com.x/role=db"));
	assert_false(MATCH(container_event, EVENT_BY_LABEL, "com.x/role="));
	assert_false(MATCH(container_event, EVENT_BY_LABEL, "com.x"));
	assert_false(MATCH(container_event, EVENT_BY_LABEL, "com.x/role=db", "b"));
	assert_false(MATCH(image_event, EVENT_BY_LABEL, "com.x/role"));
}

static void test_types(void **state)
{
	(void)state;
	assert_true(MATCH(image_event, EVENT_BY_TYPE, "container", "image"));
	assert_false(MATCH(image_event, EVENT_BY_TYPE, "container"));
	assert_true(MATCH(image_event, EVENT_BY_SCOPE, "local"));
	assert_false(MATCH(image_event, EVENT_BY_SCOPE, "swarm"));
	for (size_t k = 0; k < EVENT_FILTER_KEYS; k++)
		assert_non_null(event_filter_key_name((enum event_filter_key)k));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_none),   cmocka_unit_test(test_actions),
		cmocka_unit_test(test_names),  cmocka_unit_test(test_images),
		cmocka_unit_test(test_labels), cmocka_unit_test(test_types),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
