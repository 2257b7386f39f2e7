/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A container to describe, and the document that came of it, parsed again.
 *
 * Thread: the test's. Yields: no.
 */
#ifndef TESTS_UNIT_SPEC_DOCUMENT_H
#define TESTS_UNIT_SPEC_DOCUMENT_H

#include <string.h>

#include "firmware/fmt/json.h"
#include "runtime/spec/spec.h"

static struct container_config config;
static struct host_config host;
static struct spec_input in;
static struct err e;
static struct buf out;
static struct arena arena;
static struct json_node root;

static inline int document_setup(void **state)
{
	static const char *const args[] = {"sleep", "1", NULL}, *const env[] = {"A=b", NULL};

	(void)state;
	memset(&config, 0, sizeof(config));
	memset(&host, 0, sizeof(host));
	err_clear(&e);
	in = (struct spec_input){
		.id = "abc",
		.config = &config,
		.host = &host,
		.args = args,
		.env = env,
		.cwd = "/work",
		.hostname = "box",
		.rootfs = "/r",
		.cgroups_path = "/docker/abc",
	};
	buf_init_heap(&out, 1 << 20);
	arena_open_heap(&arena, 4 << 20);
	return 0;
}

static inline int document_teardown(void **state)
{
	(void)state;
	buf_done(&out);
	arena_done(&arena);
	return 0;
}

static inline void make(void)
{
	buf_reset(&out);
	arena_reset(&arena);
	assert_int_equal(spec_write(&in, &out, &e), 0);
	assert_int_equal(json_parse(buf_str(&out), &arena, &root, &e), 0);
}

/* "a.b.c", NONE when it is not there; a number picks from an array. */
static inline struct json_node at(const char *where)
{
	struct json_node n = root, v;
	struct str rest = str_from(where), key;

	while (rest.n) {
		struct str part = str_cut(rest, '.', &rest);
		char name[64];
		uint64_t index;

		if (str_to_u64(part, &index) < 0) {
			assert_true(str_copy(name, sizeof(name), part));
			n = json_get(n, name);
			continue;
		}
		struct json_iter it = {0};
		bool there = true;

		for (uint64_t i = 0; i <= index && there; i++)
			there = json_next(n, &it, &arena, &key, &v);
		n = there ? v : (struct json_node){0};
	}
	return n;
}

static inline void expect(const char *where, const char *raw)
{
	struct str got = json_raw(at(where));

	if (!str_eqz(got, raw))
		print_error("%s is %.*s\n", where, (int)got.n, got.p);
	assert_true(str_eqz(got, raw));
}

static inline bool has(const char *where)
{
	return json_type(at(where)) != JSON_NONE;
}

static inline bool holds(const char *text)
{
	return strstr(buf_text(&out), text) != NULL;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, document_setup, document_teardown)

#endif
