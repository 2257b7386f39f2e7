/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "api/router/route.h"

/* A table of our own, shaped like the real one: what is matched is the matcher's affair. */
const struct route route_table[] = {
	{.method = "GET", .pattern = "/_ping"},
	{.method = "HEAD", .pattern = "/_ping"},
	{.method = "GET", .pattern = "/containers/json"},
	{.method = "GET", .pattern = "/containers/{name}/json"},
	{.method = "DELETE", .pattern = "/containers/{name}"},
	{.method = "DELETE", .pattern = "/containers/{name}/checkpoints/{checkpoint}"},
	{.method = "GET", .pattern = "/images/json"},
	{.method = "GET", .pattern = "/images/{name*}/json"},
	{.method = "DELETE", .pattern = "/images/{name*}"},
	{.method = "POST", .pattern = "/swarm/leave"},
	{.method = "*", .pattern = "/swarm", .flags = ROUTE_PREFIX},
};
const size_t route_count = ARRAY_LEN(route_table);

static struct arena arena;

static int open_arena(void **state)
{
	(void)state;
	arena_open_heap(&arena, 1 << 20);
	return 0;
}

static int close_arena(void **state)
{
	(void)state;
	arena_done(&arena);
	return 0;
}

static void paths_find_their_route(void **state)
{
	static const struct {
		const char *method, *path, *pattern, *params[ROUTE_PARAMS_MAX];
	} examples[] = {
		{"GET", "/_ping", "/_ping", {0}},
		{"HEAD", "/_ping", "/_ping", {0}},
		{"GET", "/containers/json", "/containers/json", {0}},
		{"GET", "/containers/web/json", "/containers/{name}/json", {"web"}},
		{"GET", "/containers/json/json", "/containers/{name}/json", {"json"}},
		{"DELETE", "/containers/x", "/containers/{name}", {"x"}},
		{"DELETE",
		 "/containers/x/checkpoints/y",
		 "/containers/{name}/checkpoints/{checkpoint}",
		 {"x", "y"}},
		{"GET", "/images/json", "/images/json", {0}},
		{"GET", "/images/alpine/json", "/images/{name*}/json", {"alpine"}},
		{"GET",
		 "/images/docker.io/library/alpine:3/json",
		 "/images/{name*}/json",
		 {"docker.io/library/alpine:3"}},
		{"GET", "/images/a/json/json", "/images/{name*}/json", {"a/json"}},
		{"DELETE", "/images/a/b/c", "/images/{name*}", {"a/b/c"}},
		{"POST", "/swarm/leave", "/swarm/leave", {0}},
		{"POST", "/swarm/leave/x", "/swarm", {0}},
		{"GET", "/swarm", "/swarm", {0}},
		{"PATCH", "/swarm/unlockkey", "/swarm", {0}},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(examples); i++) {
		const char *params[ROUTE_PARAMS_MAX] = {0};
		const struct route *r = route_find(str_from(examples[i].method),
						   str_from(examples[i].path), &arena, params);

		if (!r)
			fail_msg("%s %s: no route", examples[i].method, examples[i].path);
		assert_string_equal(r->pattern, examples[i].pattern);
		for (size_t k = 0; k < ROUTE_PARAMS_MAX; k++) {
			if (!examples[i].params[k])
				assert_null(params[k]);
			else
				assert_string_equal(params[k], examples[i].params[k]);
		}
	}
}

static void other_paths_find_none(void **state)
{
	static const struct {
		const char *method, *path;
	} examples[] = {
		{"GET", "/"},
		{"GET", ""},
		{"POST", "/_ping"},
		{"get", "/_ping"},
		{"GET", "/_pin"},
		{"GET", "/_ping/"},
		{"GET", "/_pingx"},
		{"GET", "/containers//json"},
		{"GET", "/containers/a/b/json"},
		{"GET", "/containers/a/json/"},
		{"DELETE", "/containers/"},
		{"GET", "/images//json"},
		{"DELETE", "/images/"},
		{"GET", "/swarmx"},
		{"DELETE", "/containers/x/checkpoints/"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(examples); i++) {
		const char *params[ROUTE_PARAMS_MAX] = {0};

		if (route_find(str_from(examples[i].method), str_from(examples[i].path), &arena,
			       params))
			fail_msg("%s %s has a route", examples[i].method, examples[i].path);
	}
}

static void versions_are_cut_off(void **state)
{
	static const struct {
		const char *path, *rest;
		unsigned minor;
	} examples[] = {
		{"/v1.41/info", "/info", 41},
		{"/v1.24/a/b", "/a/b", API_MINOR_OLDEST},
		{"/v1.51/x", "/x", API_MINOR_NEWEST},
		{"/v1.041/x", "/x", 41},
		{"/info", "/info", API_MINOR_NEWEST},
		{"/version", "/version", API_MINOR_NEWEST},
		{"/volumes", "/volumes", API_MINOR_NEWEST},
		{"/v1.41.0/info", "/info", 41},
		{"/v1.41.7/info", "/info", 41},
		{"/v1.51.0/info", "/info", 51},
		{"/v1.41../info", "/info", 41},
		{"/v01.41/info", "/info", 41},
		{"/v/info", "/v/info", API_MINOR_NEWEST},
		{"/v-1.41/info", "/v-1.41/info", API_MINOR_NEWEST},
		{"/v", "/v", API_MINOR_NEWEST},
		{"/v1.41", "/v1.41", API_MINOR_NEWEST},
		{"/v1.41x/info", "/v1.41x/info", API_MINOR_NEWEST},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(examples); i++) {
		struct str path = str_from(examples[i].path);
		struct err e = ERR_INIT;
		unsigned minor = 0;
		bool plain = true;

		assert_int_equal(route_cut_version(&path, &minor, &plain, &e), 0);
		assert_true(str_eqz(path, examples[i].rest));
		assert_int_equal(minor, examples[i].minor);
		assert_false(plain);
	}
}

static void versions_out_of_range_are_refused(void **state)
{
	static const struct {
		const char *path, *message;
		bool plain;
	} examples[] = {
		{"/v1.99/info",
		 "client version 1.99 is too new. Maximum supported API version is 1.51", false},
		{"/v1.51.1/info",
		 "client version 1.51.1 is too new. Maximum supported API version is 1.51", false},
		{"/v99999999999999999999/info",
		 "client version 99999999999999999999 is too new. Maximum supported API version is "
		 "1.51",
		 false},
		{"/v1/info",
		 "client version 1 is too old. Minimum supported API version is 1.24, please "
		 "upgrade your client to a newer version",
		 true},
		{"/v../info",
		 "client version .. is too old. Minimum supported API version is 1.24, please "
		 "upgrade your client to a newer version",
		 true},
		{"/v2.0/info",
		 "client version 2.0 is too new. Maximum supported API version is 1.51", false},
		{"/v1.99999999999999999999999/info",
		 "client version 1.99999999999999999999999 is too new. Maximum supported API "
		 "version is 1.51",
		 false},
		{"/v1.23/info",
		 "client version 1.23 is too old. Minimum supported API version is 1.24, please "
		 "upgrade your client to a newer version",
		 true},
		{"/v0.99/info",
		 "client version 0.99 is too old. Minimum supported API version is 1.24, please "
		 "upgrade your client to a newer version",
		 true},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(examples); i++) {
		struct str path = str_from(examples[i].path);
		struct err e = ERR_INIT;
		unsigned minor;
		bool plain;

		assert_true(route_cut_version(&path, &minor, &plain, &e) < 0);
		assert_int_equal(e.kind, ERR_INVALID);
		assert_string_equal(e.msg, examples[i].message);
		assert_int_equal(plain, examples[i].plain);
	}
}

static void the_kconfig_versions_are_the_table_s(void **state)
{
	(void)state;
	assert_string_equal(CONFIG_API_VERSION, "1.51");
	assert_string_equal(CONFIG_API_VERSION_MIN, "1.24");
	assert_int_equal(API_MINOR_NEWEST, 51);
	assert_int_equal(API_MINOR_OLDEST, 24);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_find_their_route),
		cmocka_unit_test(other_paths_find_none),
		cmocka_unit_test(versions_are_cut_off),
		cmocka_unit_test(versions_out_of_range_are_refused),
		cmocka_unit_test(the_kconfig_versions_are_the_table_s),
	};

	return cmocka_run_group_tests(tests, open_arena, close_arena);
}
