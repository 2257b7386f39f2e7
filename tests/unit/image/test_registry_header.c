/* SPDX-License-Identifier: Apache-2.0 */
/* X-Registry-Auth as clients differ in it, and WWW-Authenticate as registries do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "firmware/fmt/base64.h"
#include "runtime/image/registry.h"

static struct arena arena;

static int setup(void **state)
{
	(void)state;
	arena_open_heap(&arena, 4u << 20);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_done(&arena);
	return 0;
}

static struct str encode(const char *json, bool url, bool padded)
{
	struct buf b;

	buf_init(&b, &arena, 65536);
	if (url)
		base64_encode_url(&b, json, strlen(json));
	else
		base64_encode(&b, json, strlen(json));
	while (!padded && b.n && b.p[b.n - 1] == '=')
		b.n--;
	return buf_str(&b);
}

static void test_auth(void **state)
{
	static const char json[] =
		"{\"username\":\"me\",\"password\":\"p?>~\",\"email\":\"?>?>~~~\"}";

	(void)state;
	for (int form = 0; form < 4; form++) {
		struct registry_auth auth;

		registry_auth_decode(encode(json, form & 1, form & 2), &arena, &auth);
		assert_string_equal(auth.username, "me");
		assert_string_equal(auth.password, "p?>~");
		assert_null(auth.identity_token);
	}
}

static void test_auth_kinds(void **state)
{
	struct registry_auth auth;

	(void)state;
	registry_auth_decode(encode("{\"auth\":\"bWU6czpjcmV0\"}", false, true), &arena, &auth);
	assert_string_equal(auth.username, "me");
	assert_string_equal(auth.password, "s:cret");
	registry_auth_decode(encode("{\"identitytoken\":\"t\",\"username\":\"\"}", true, true),
			     &arena, &auth);
	assert_string_equal(auth.identity_token, "t");
	assert_null(auth.username);
	registry_auth_decode(encode("{\"registrytoken\":\"r\"}", true, true), &arena, &auth);
	assert_string_equal(auth.registry_token, "r");
}

static void test_junk_is_anonymous(void **state)
{
	static const char *const junk[] = {"",	   "!!!",	   "e30",
					   "e30=", "bm90IGpzb24=", "eyJ1c2VybmFtZSI6MX0=",
					   "W10=", "bnVsbA=="};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(junk); i++) {
		struct registry_auth auth;

		registry_auth_decode(str_from(junk[i]), &arena, &auth);
		assert_null(auth.username);
		assert_null(auth.password);
		assert_null(auth.identity_token);
		assert_null(auth.registry_token);
	}
}

static const struct header {
	const char *text;
	int scheme;
	const char *realm, *service, *scope, *error;
} headers[] = {
	{"", CHALLENGE_NONE, "", "", "", ""},
	{"Negotiate", CHALLENGE_NONE, "", "", "", ""},
	{"Basic realm=\"Registry Realm\"", CHALLENGE_BASIC, "Registry Realm", "", "", ""},
	{"basic realm=x", CHALLENGE_BASIC, "x", "", "", ""},
	{"Bearer realm=\"https://a/token\",service=\"reg\",scope=\"repository:x:pull,push\"",
	 CHALLENGE_BEARER, "https://a/token", "reg", "repository:x:pull,push", ""},
	{"BEARER  realm=\"r\" , service=s ,error=\"insufficient_scope\"", CHALLENGE_BEARER, "r",
	 "s", "", "insufficient_scope"},
	{"Basic realm=\"b\", Bearer realm=\"t\",service=\"s\"", CHALLENGE_BEARER, "t", "s", "", ""},
	{"Bearer realm=\"t\", Basic realm=\"b\"", CHALLENGE_BEARER, "t", "", "", ""},
	{"Bearer realm=\"open", CHALLENGE_BEARER, "open", "", "", ""},
	{"Bearer realm=\"a\\\"b\"", CHALLENGE_BEARER, "", "", "", ""},
	{"Bearer =x", CHALLENGE_BEARER, "", "", "", ""},
	{"Bearer realm=", CHALLENGE_BEARER, "", "", "", ""},
};

static void test_challenges(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
		struct challenge c;

		challenge_parse(str_from(headers[i].text), &c);
		assert_int_equal(c.scheme, headers[i].scheme);
		assert_true(str_eqz(c.realm, headers[i].realm));
		assert_true(str_eqz(c.service, headers[i].service));
		assert_true(str_eqz(c.scope, headers[i].scope));
		assert_true(str_eqz(c.error, headers[i].error));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_auth, setup, teardown),
		cmocka_unit_test_setup_teardown(test_auth_kinds, setup, teardown),
		cmocka_unit_test_setup_teardown(test_junk_is_anonymous, setup, teardown),
		cmocka_unit_test_setup_teardown(test_challenges, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
